"""Requests out of a connection's bytes: HTTP/1.1 as RFC 9112 has it, without I/O.

The bytes go in by `feed`; `next_event` tells what they mean. What a proxy in front could read in
another way is refused, never guessed at: a body that two programs end at different places is a
request that one of them has not checked. An offer to upgrade is ignored (RFC 9110, 7.8), so the
body after it is read as that of any request.
"""

from typing import Final

from safelight_api.serving.chunks import ChunkDecoder
from safelight_api.serving.events import (
    END,
    NEED_DATA,
    Body,
    End,
    Head,
    NeedData,
    Refusal,
    RefusedError,
    malformed,
)
from safelight_api.serving.heads import parse
from safelight_api.serving.last_head import LastHeads
from safelight_api.serving.lines import HeadFinder

__all__ = ["END", "NEED_DATA", "Body", "End", "Event", "Head", "NeedData", "Refusal"]
__all__ += ["RequestReader"]

Event = Head | Body | End | Refusal | NeedData

MAX_EMPTY_LINES: Final = 4
"""Before a request line (RFC 9112, 2.2, asks for one at least)."""

_CRLF: Final = b"\r\n"
_LAST_HEADS: Final = LastHeads()
"""Of the whole process: a proxy spreads one client's polls over its connections."""

_IN_HEAD, _IN_SIZED, _IN_CHUNKED, _ENDING, _DROPPING = range(5)


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
        self._at = 0  # where in it the rest begins
        self._state = _IN_HEAD
        self._empty_lines = 0
        self._head_bytes = 0
        self._left = 0  # of a body of known size
        self._chunks: ChunkDecoder | None = None
        self._keeps_alive = True
        self._refusal: Refusal | None = None

    @property
    def is_in_head(self) -> bool:
        """After `NEED_DATA`: whether a head, a chunk's framing or trailers have begun, not ended.

        The time of a head counts while it holds.
        """
        if self._state == _IN_CHUNKED:
            return bool(self._held) or (self._chunks is not None and self._chunks.is_in_trailers)
        return self._state == _IN_HEAD and bool(self._held)

    @property
    def is_between(self) -> bool:
        """Whether the last request is complete and nothing of another is held."""
        return self._state == _IN_HEAD and not self._held

    @property
    def is_done_with_body(self) -> bool:
        """Whether all of the current request's body has been told; also true between requests.

        An answer that starts while this is false says `Connection: close`.
        """
        return self._state in (_IN_HEAD, _ENDING) or (
            self._state == _DROPPING and self._refusal is None
        )

    @property
    def held_bytes(self) -> int:
        """Bytes in memory here: unfinished heads, and all that was fed and not yet pulled."""
        return len(self._held)

    @property
    def head_bytes(self) -> int:
        """Size of the current request's head, with its chunk extensions and trailers so far."""
        return self._head_bytes + (self._chunks.meta_bytes if self._chunks is not None else 0)

    def feed(self, data: bytes | memoryview) -> None:
        """Take what has arrived."""
        if self._state == _DROPPING:
            return
        if not self._held:
            self._held = bytes(data)
            return
        if isinstance(self._held, bytes):
            self._held = bytearray(self._held)
        del self._held[: self._at]
        self._at = 0
        self._held += data

    def next_event(self) -> Event:
        """Tell what comes next; without any data, `NEED_DATA`."""
        try:
            if self._state == _IN_HEAD:
                return self._read_head()
            if self._state == _ENDING:
                return self._end()
            if self._state == _IN_SIZED:
                return self._read_sized()
            if self._state == _IN_CHUNKED:
                return self._read_chunked()
        except RefusedError as error:
            self._refusal = error.refusal
            self._drop()
        return NEED_DATA if self._refusal is None else self._refusal

    def _read_head(self) -> Event:
        held = self._held
        if not held:
            return NEED_DATA
        if isinstance(held, bytes) and not self._at:
            head = _LAST_HEADS.get(held)
            if head is not None and len(held) <= self._max_head_bytes:
                return self._begin(head, len(held))
        if held.startswith(_CRLF, self._at):
            self._skip_empty_lines()
        start = self._at
        if len(held) - start < len(_CRLF) and held.endswith(b"\r"):
            return self._wait()
        end = self._finder.find(held, start) if self._held else None
        if end is None:
            return self._wait()
        head = parse(held, start, end)
        _LAST_HEADS.add(bytes(held[start:end]), head)
        return self._begin(head, end - start)

    def _skip_empty_lines(self) -> None:
        while self._held.startswith(_CRLF, self._at):
            self._empty_lines += 1
            if self._empty_lines > MAX_EMPTY_LINES:
                raise malformed("There are too many empty lines before the request.")
            self._take(len(_CRLF))

    def _begin(self, head: Head, size: int) -> Head:
        """Go on behind a head of so many bytes."""
        self._take(size)
        self._empty_lines = 0
        self._head_bytes = size
        self._chunks = None
        self._keeps_alive = head.keep_alive
        if head.is_chunked:
            self._chunks = ChunkDecoder(self._max_head_bytes - size)
            self._state = _IN_CHUNKED
        elif head.content_length:
            self._left = head.content_length
            self._state = _IN_SIZED
        else:
            self._state = _ENDING
        return head

    def _read_sized(self) -> Event:
        if not self._held:
            return NEED_DATA
        end = min(self._at + self._left, len(self._held))
        whole = not self._at and end == len(self._held)
        data = bytes(self._held if whole else memoryview(self._held)[self._at : end])
        self._left -= len(data)
        self._take(len(data))
        if not self._left:
            self._state = _ENDING
        return Body(data)

    def _read_chunked(self) -> Event:
        chunks = self._chunks
        if chunks is None or not self._held:
            return NEED_DATA
        pieces: list[bytes | bytearray] = []
        try:
            position = chunks.decode(self._held, self._at, pieces)
        except RefusedError as error:
            self._refusal = error.refusal
            self._drop()
            return Body(b"".join(pieces)) if pieces else error.refusal
        self._take(position - self._at)
        if chunks.is_done:
            self._state = _ENDING
        if pieces:
            return Body(b"".join(pieces))
        return self._end() if chunks.is_done else self._wait()

    def _end(self) -> End:
        self._state = _IN_HEAD
        if not self._keeps_alive:
            self._drop()
        return END

    def _take(self, size: int) -> None:
        self._at += size
        if self._at == len(self._held):
            self._held = b""
            self._at = 0

    def _wait(self) -> NeedData:
        """Keep in memory no more than what is not finished."""
        if self._at:
            self._held = bytes(self._held[self._at :])
            self._at = 0
        return NEED_DATA

    def _drop(self) -> None:
        self._state = _DROPPING
        self._held = b""
        self._at = 0
