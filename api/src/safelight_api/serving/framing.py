"""Requests out of a connection's bytes: HTTP/1.1 as RFC 9112 has it, without I/O.

The bytes go in by `feed`; `next_event` tells what they mean. What a proxy in front could read in
another way is refused, never guessed at: a body that two programs end at different places is a
request that one of them has not checked. An offer to upgrade is ignored (RFC 9110, 7.8), so the
body after it is read as that of any request.
"""

from safelight_api.serving.chunks import ChunkDecoder
from safelight_api.serving.events import (
    END,
    NEED_DATA,
    Body,
    End,
    Head,
    NeedData,
    RefusedError,
    Refusal,
    malformed,
)
from safelight_api.serving.heads import parse
from safelight_api.serving.last_head import LastHeads
from safelight_api.serving.lines import HeadFinder

__all__ = ["END", "NEED_DATA", "Body", "End", "Head", "NeedData", "Refusal", "RequestReader"]

Event = Head | Body | End | Refusal | NeedData

MAX_EMPTY_LINES = 4
"""Before a request line (RFC 9112, 2.2, asks for one at least)."""

_LAST_HEADS = LastHeads()
"""Of the whole process: a proxy spreads one client's polls over its connections."""


class RequestReader:
    """The requests of one connection, one after the other.

    For each request it tells a `Head`, any number of `Body`, then `END`. `NEED_DATA` says that
    the rest has not arrived. A `Refusal` is told for ever after, and what is fed then is dropped;
    what follows a request whose head has not `keep_alive` is dropped too (RFC 9112, 9.6).

    Whoever drives it pulls the next head when the answer before it is complete, and stops feeding
    while more is held than one read brings.

    Args:
        max_head_bytes: of a head, together with its request's chunk extensions and trailers;
            more are refused with 431.
    """

    def __init__(self, max_head_bytes: int) -> None: ...

    def feed(self, data: bytes | memoryview) -> None:
        """Take what has arrived."""

    def next_event(self) -> Event:
        """Tell what comes next; without any data, `NEED_DATA`."""
        return NEED_DATA

    @property
    def is_in_head(self) -> bool:
        """After `NEED_DATA`: whether a head, a chunk's size line or trailers have begun, not ended.

        The time of a head counts while it holds.
        """
        return False

    @property
    def is_between(self) -> bool:
        """Whether the last request is complete and nothing of another is held."""
        return True

    @property
    def is_done_with_body(self) -> bool:
        """Whether all of the current request's body has been told; also true between requests.

        An answer that starts while this is false says `Connection: close`.
        """
        return True

    @property
    def held_bytes(self) -> int:
        """Bytes in memory here: unfinished heads, and all that was fed and not yet pulled."""
        return 0

    @property
    def head_bytes(self) -> int:
        """Size of the current request's head, with its chunk extensions and trailers so far."""
        return 0
