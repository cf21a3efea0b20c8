"""What stands before the first boundary of a multipart body is to be ignored. Pure.

RFC 2046, section 5.1.1. The parser wants a body that begins with the boundary: this makes it one.
"""

from typing import Final

MAX_BYTES: Final = 16 * 1024
"""Of a preamble. Mail's are a sentence, and no uploader that is known sends one."""
_MAX_PADDING: Final = 256
"""Of blanks behind a boundary (transport padding)."""


class NoBoundaryError(ValueError):
    """The boundary is not where it should be."""


class Preamble:
    """Looks for the first boundary, line by line, however small the pieces are.

    Args:
        boundary: without the two hyphens before it.
    """

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"--" + boundary
        self._most = len(self._delimiter) + _MAX_PADDING
        self._line = b""
        self._size = 0
        self.is_over = False

    def feed(self, data: bytes) -> bytes:
        """Take the next piece; return what of it is no preamble, from the first boundary on.

        Raises:
            NoBoundaryError: there was none in `MAX_BYTES`.
        """
        if self.is_over:
            return data
        position = 0
        while position < len(data):
            end = data.find(b"\n", position) + 1
            piece = data[position : end or len(data)]
            position += len(piece)
            self._size += len(piece)
            self._line += piece[: self._most - len(self._line)]
            start = self._found()
            if start:
                self.is_over = True
                return start + data[position:]
            if self._size > MAX_BYTES:
                raise NoBoundaryError
            if end:
                self._line = b""
        return b""

    def _found(self) -> bytes:
        """Return the boundary that the line is, without padding; empty: it is none, or not yet."""
        if not self._line.startswith(self._delimiter):
            return b""
        rest = self._line[len(self._delimiter) :]
        if rest.startswith(b"--"):
            return self._line
        is_whole = rest.endswith(b"\n") and not rest.strip(b" \t\r\n")
        return self._delimiter + b"\r\n" if is_whole else b""
