"""The chunked transfer coding (RFC 9112, 7.1): sizes, extensions, data, trailers.

Sizes are hexadecimal digits and nothing else, each line ends with CRLF, and so do the data:
tolerance for anything more is how two programs come to see different requests (RFC 9112, 7.1.1,
11.2). Extensions and trailers are checked, counted and dropped: trailers are never merged into the
headers (RFC 9110, 6.5.1).
"""

import re
from typing import Final

from safelight_api.serving.events import malformed, too_large
from safelight_api.serving.heads import MAX_FIELDS, is_field_line, malformed_field

MAX_LINE_BYTES: Final = 1024
"""Of a size with its extensions; no known client sends any extension."""
MAX_PIECES: Final = 1024
"""In one call: some 1 ms."""

_PLAIN_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,12})\r\n")
_NAME: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED: Final = rb'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*+"'
_EXTENSION: Final = rb";" + _NAME + rb"(?:=(?:" + _NAME + rb"|" + _QUOTED + rb"))?"
_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,12})((?:" + _EXTENSION + rb")*+)\r\n")
_CRLF: Final = b"\r\n"
_IN_SIZE, _IN_DATA, _AFTER_DATA, _IN_TRAILERS, _DONE = range(5)


class ChunkDecoder:
    """Decodes one body.

    Args:
        most: bytes that its extensions and trailers may have, all of them together.
    """

    __slots__ = ("_fields", "_left", "_most", "_seen", "_state", "meta_bytes")

    def __init__(self, most: int) -> None:
        self._most = most
        self._state = _IN_SIZE
        self._left = 0
        self._fields = 0
        self._seen = 0
        self.meta_bytes = 0
        """Size of the extensions and trailers so far, without the ends of their lines."""

    @property
    def is_done(self) -> bool:
        """Whether the body and its trailers are complete."""
        return self._state == _DONE

    @property
    def is_in_trailers(self) -> bool:
        """Whether the last chunk has been read, and the trailers have not ended."""
        return self._state == _IN_TRAILERS

    def decode(self, held: bytes | bytearray, start: int, pieces: list[bytes | bytearray]) -> int:
        """Add the data from `start` on to the pieces; return where the rest begins.

        Without any new piece the rest is an unfinished line, or what follows the body if that is
        complete; bytes are added to it before the next call. Small chunks share a call, up to
        `MAX_PIECES`.

        Raises:
            RefusedError: 400 or 431; the pieces hold the data before it.
        """
        position = start
        while position < len(held) and self._state != _DONE and len(pieces) < MAX_PIECES:
            if self._state == _IN_SIZE:
                after = self._take_whole_chunk(held, position, pieces)
            elif self._state == _IN_DATA:
                after = self._take_data(held, position, pieces)
            elif self._state == _AFTER_DATA:
                after = self._take_data_end(held, position)
            else:
                after = self._take_line(held, position)
            if after == position:
                break
            position = after
        return position

    def _take_whole_chunk(
        self, held: bytes | bytearray, position: int, pieces: list[bytes | bytearray]
    ) -> int:
        """Take a chunk that is all there in one step: bodies of one-byte chunks are long."""
        size = _PLAIN_SIZE.match(held, position)
        if size is None:
            return self._take_line(held, position)
        start = size.end()
        end = start + int(size[1], 16)
        if end == start or held[end : end + 2] != _CRLF:
            return self._take_line(held, position)
        self._seen = 0
        pieces.append(held[start:end])
        return end + len(_CRLF)

    def _take_data(
        self, held: bytes | bytearray, position: int, pieces: list[bytes | bytearray]
    ) -> int:
        end = min(position + self._left, len(held))
        pieces.append(held[position:end])
        self._left -= end - position
        if not self._left:
            self._state = _AFTER_DATA
        return end

    def _take_data_end(self, held: bytes | bytearray, position: int) -> int:
        found = held[position : position + len(_CRLF)]
        if found == _CRLF:
            self._state = _IN_SIZE
            return position + len(_CRLF)
        if found != _CRLF[:1]:
            raise malformed("A chunk is longer or shorter than it says.")
        return position

    def _take_line(self, held: bytes | bytearray, position: int) -> int:
        """Take a size or a trailer; return `position` if its line is not complete."""
        end = held.find(b"\n", position + self._seen) + 1
        self._bound_line((end or len(held)) - position - len(_CRLF))
        if not end:
            self._seen = len(held) - position
            return position
        self._seen = 0
        if self._state == _IN_SIZE:
            self._take_size(held, position)
        else:
            self._take_trailer(held, position, end)
        return end

    def _bound_line(self, size: int) -> None:
        if self._state == _IN_SIZE:
            if size > MAX_LINE_BYTES:
                raise malformed("A chunk's size is malformed.")
        elif self.meta_bytes + size > self._most:
            raise too_large("The trailers are too large.")

    def _take_size(self, held: bytes | bytearray, position: int) -> None:
        line = _SIZE_LINE.match(held, position)
        if line is None:
            raise malformed("A chunk's size is malformed.")
        digits, extensions = line.groups()
        self.meta_bytes += len(extensions)
        if self.meta_bytes > self._most:
            raise too_large("The chunk extensions are too large.")
        self._left = int(digits, 16)
        self._state = _IN_DATA if self._left else _IN_TRAILERS

    def _take_trailer(self, held: bytes | bytearray, position: int, end: int) -> None:
        if held[position:end] == _CRLF:
            self._state = _DONE
            return
        self.meta_bytes += end - position - len(_CRLF)
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise too_large(f"A request has at most {MAX_FIELDS} trailer fields.")
        if not is_field_line(held, position, end):
            raise malformed_field()
