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

    __slots__ = (
        "_at",
        "_chunks",
        "_empty_lines",
        "_finder",
        "_head_bytes",
        "_held",
        "_keeps_alive",
        "_left",
        "_max_head_bytes",
        "_refusal",
        "_state",
    )

    def __init__(self, max_head_bytes: int) -> None:
        self._max_head_bytes = max_head_bytes
        self._finder = HeadFinder(max_head_bytes)
        self._held: bytes | bytearray = b""
        self._at = 0
        self._state = _IN_HEAD
        self._empty_lines = 0
        self._head_bytes = 0
        self._left = 0
        self._chunks: ChunkDecoder | None = None
        self._keeps_alive = True
        self._refusal: Refusal | None = None

    def feed(self, data: bytes | memoryview) -> None:
        """Take what has arrived."""
        if self._state >= _REFUSED:
            return
        if not self._held:
            self._held = bytes(data)
            return
        if isinstance(self._held, bytes):
            self._held = bytearray(self._held)
        if self._at:
            del self._held[: self._at]
            self._at = 0
        self._held += data

    def next_event(self) -> Event:
        """Tell what comes next; without any data, `NEED_DATA`."""
        if self._state == _IN_HEAD:
            if not self._held:
                return NEED_DATA
            if not self._at and type(self._held) is bytes:
                known = _LAST_HEADS.get(self._held)
                if known is not None and len(self._held) <= self._max_head_bytes:
                    return self._begin(known, len(self._held))
        elif self._state == _ENDING:
            return self._end()
        try:
            return self._read()
        except RefusedError as error:
            return self._refuse(error.refusal)

    def _read(self) -> Event:
        match self._state:
            case state if state == _IN_HEAD:
                return self._read_head()
            case state if state == _IN_LENGTH:
                return self._read_length()
        return NEED_DATA
