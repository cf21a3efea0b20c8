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
"""Of a size with its extensions, CRLF included; no known client sends any extension."""

_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,12})(;[\t\x20-\x7e]*+)?\r\n")
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
        """Size of the extensions and trailers so far."""

    @property
    def is_done(self) -> bool:
        """Whether the body and its trailers are complete."""
        return self._state == _DONE

    @property
    def is_in_trailers(self) -> bool:
        """Whether the last chunk has been read, and the trailers have not ended."""
        return self._state == _IN_TRAILERS

    def decode(self, held: bytes | bytearray, start: int, pieces: list[bytes]) -> int:
        """Add the data from `start` on to the pieces; return where the rest begins.

        The rest is an unfinished line, or what follows the body if it is complete; bytes are added
        to it before the next call. Many small chunks cost one call.

        Raises:
            RefusedError: 400 or 431; the pieces hold the data before it.
        """
        position = start
        total = len(held)
        while position < total and self._state != _DONE:
            if self._state == _IN_DATA:
                end = min(position + self._left, total)
                pieces.append(bytes(memoryview(held)[position:end]))
                self._left -= end - position
                position = end
                if not self._left:
                    self._state = _AFTER_DATA
            elif self._state == _AFTER_DATA:
                if not _CRLF.startswith(held[position : position + 2]):
                    raise malformed("A chunk is longer or shorter than it says.")
                if total - position < len(_CRLF):
                    break
                position += len(_CRLF)
                self._state = _IN_SIZE
            else:
                line_end = held.find(b"\n", position + self._seen) + 1
                self._bound_line(line_end or total, position)
                if not line_end:
                    self._seen = total - position
                    break
                self._seen = 0
                if self._state == _IN_SIZE:
                    self._take_size(held, position)
                else:
                    self._take_trailer(held, position, line_end)
                position = line_end
        return position

    def _bound_line(self, end: int, position: int) -> None:
        size = end - position
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
        if extensions is not None:
            self.meta_bytes += len(extensions)
            if self.meta_bytes > self._most:
                raise too_large("The chunk extensions are too large.")
        self._left = int(digits, 16)
        self._state = _IN_DATA if self._left else _IN_TRAILERS

    def _take_trailer(self, held: bytes | bytearray, position: int, end: int) -> None:
        self.meta_bytes += end - position
        if held[position:end] == _CRLF:
            self._state = _DONE
            return
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise too_large(f"A request has at most {MAX_FIELDS} trailer fields.")
        if not is_field_line(held, position, end):
            raise malformed_field()
