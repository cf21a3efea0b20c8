"""Lists, watches and single answers within a budget of bytes, whatever the objects hold.

The number of objects says nothing of a page's size: an object may have 100 bytes or three million.
So a page is as long as what was seen lets expect to fit, its body is read up to a bound, and a page
that does not fit is asked for again with fewer objects. Pure but for the chunks that are handed in.
"""

import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

from safelight_contract.unreadable import UnreadableError

PAGE_BYTES: Final = 2 * 1024 * 1024
"""What a page is to have: some hundreds of ordinary records."""
SEVERAL_BYTES: Final = 4 * 1024 * 1024
"""What an answer with several objects may have: Python needs up to 24 times that to hold it."""
MAX_BYTES: Final = 16 * 1024 * 1024
"""What an answer, or one event of a watch, may have.

No object is longer: etcd takes 1.5 MiB, and JSON needs six bytes at most for one of them.
"""
FIRST: Final = 20
"""Objects of the first page: of the largest ones there are, few are too many."""
MOST: Final = 500
_GROWTH: Final = 4
_NESTING: Final = 10_000
"""Levels that the API server takes (Go's decoder): managedFields may have as many."""
_FRAMES: Final = 1_000
"""Levels that the program itself may need."""


class TooLongError(Exception):
    """An answer or an event has more bytes than are taken."""


@dataclass(slots=True)
class PageSizes:
    """How many objects the next page is to have, learnt from the pages before.

    It is kept from list to list, so that a list that has to start over begins with what fits.
    """

    size: int = field(default_factory=lambda: FIRST)
    largest: int = 0
    """Bytes of the largest page that was read."""

    def took(self, objects: int, octets: int) -> None:
        """Take the number of objects of a page, and the bytes of its body."""
        self.largest = max(self.largest, octets)
        fitting = PAGE_BYTES * max(objects, 1) // max(octets, 1)
        self.size = max(1, min(fitting, _GROWTH * self.size, MOST))

    @property
    def most_bytes(self) -> int:
        """The most bytes that the next page may have."""
        return MAX_BYTES if self.size == 1 else SEVERAL_BYTES

    def shrink(self) -> bool:
        """Take the news that a page did not fit; False: it had one object only."""
        if self.size == 1:
            return False
        self.size = max(1, self.size // _GROWTH)
        return True


async def whole(chunks: AsyncIterator[bytes], most: int = MAX_BYTES) -> bytes:
    """Return all bytes of an answer.

    Raises:
        TooLongError: there are more than `most`; the rest is not read.
    """
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > most:
            raise TooLongError(f"more than {most} bytes")
    return bytes(body)


async def lines(chunks: AsyncIterator[bytes], most: int = MAX_BYTES) -> AsyncIterator[bytes]:
    """Yield the lines of an answer that has no end: the events of a watch, of whatever length.

    Raises:
        TooLongError: a line has more than `most` bytes; the rest is not read.
    """
    begun = bytearray()
    async for chunk in chunks:
        *complete, rest = chunk.split(b"\n")
        for line in complete:
            begun += line
            if begun:
                yield bytes(begun)
            begun.clear()
        begun += rest
        if len(begun) > most:
            raise TooLongError(f"an event has more than {most} bytes")


def decode(data: bytes) -> Any:  # noqa: ANN401 - a JSON document
    """Return what a JSON text says.

    Raises:
        UnreadableError: it is none, or one that Python cannot hold.
    """
    if sys.getrecursionlimit() < _NESTING + _FRAMES:
        allow_nesting()
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"the JSON cannot be read: {type(error).__name__}") from error


def allow_nesting() -> None:
    """Let JSON be read that is nested as deeply as the API server takes it.

    Python's decoder counts its levels like calls, and gives up after 1,000 of them. 10,000 of its
    levels need less than a mebibyte of stack.
    """
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _NESTING + _FRAMES))
