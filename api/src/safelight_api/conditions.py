"""Conditional and range requests (RFC 9110, sections 13 and 14)."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from `first` to `last`, both included, counted from 0."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


class UnsatisfiableRangeError(ValueError):
    """No byte of the range exists: to be answered with 416."""


def matches(if_none_match: str | None, etag: str) -> bool:
    """Say whether If-None-Match names an entity tag, by weak comparison: answer 304.

    Args:
        if_none_match: the header's value, if there is one.
        etag: the current tag with its quotes, strong or weak.
    """
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return etag.removeprefix("W/") in _TAG.findall(if_none_match)


def byte_range(header: str | None, if_range: str | None, etag: str, size: int) -> ByteRange | None:
    """Return the range to send, or None for the whole.

    The whole is sent for several ranges, for a malformed header, and when If-Range names other
    bytes (a date never matches: no Last-Modified is sent).

    Raises:
        UnsatisfiableRangeError: the range starts at or after the end.
    """
    if header is None or (if_range is not None and if_range.strip() != etag):
        return None
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        length = int(found[2])
        if length == 0:
            raise UnsatisfiableRangeError
        return ByteRange(max(0, size - length), size - 1)
    first = int(found[1])
    last = int(found[2]) if found[2] else size - 1
    if last < first and found[2]:
        return None
    if first >= size:
        raise UnsatisfiableRangeError
    return ByteRange(first, min(last, size - 1))
