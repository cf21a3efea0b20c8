"""Where a head ends, in bytes that arrive in any pieces.

No byte is looked at twice because of how they are cut: a head that comes one byte at a time costs
a step for each. What can never become a request is refused before its end: a client that speaks
TLS to this port would wait for ever, and garbage behind a request has its answer at once.
"""

import re
from typing import Final

from safelight_api.serving.events import malformed, too_large
from safelight_api.serving.heads import malformed_field, request_line

_END: Final = b"\r\n\r\n"
_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_NO_REQUEST_LINE: Final = re.compile(rb"[^\x20-\x7e\r\n]|\r[^\n]")
_METHOD: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}+(?: |\Z)")
_METHOD_BYTES: Final = 33
"""With the space behind it."""


class HeadFinder:
    """Finds the end of one head after the other.

    Args:
        most: bytes that a head may have, its empty line included.
    """

    __slots__ = ("_has_line", "_most", "_seen")

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen = 0
        self._has_line = False

    def find(self, held: bytes | bytearray, start: int) -> int | None:
        """Return where the head that begins at `start` ends, or None if it goes on.

        Between two calls for the same head, bytes are added to what is held; its start may move.

        Raises:
            RefusedError: 431 if it has not ended after so many bytes; 400 or 505 as soon as its
                beginning cannot be that of a request. Which one does not depend on the pieces.
        """
        last = start + self._most
        end = held.find(_END, start + max(self._seen - len(_END) + 1, 0), last)
        if end >= 0:
            self._seen = 0
            self._has_line = False
            return end + len(_END)
        self._look(held, start, last)
        size = len(held) - start
        if size >= self._most:
            raise too_large("The headers are too large.")
        self._seen = size
        return None

    def _look(self, held: bytes | bytearray, start: int, last: int) -> None:
        """Refuse a beginning that nothing behind it can mend."""
        position = start + self._seen
        if not self._has_line:
            line_end = held.find(b"\n", position, last)
            if line_end < 0:
                # One byte back: whether a CR is a bare one is told by the byte behind it.
                is_method = self._seen > _METHOD_BYTES or _METHOD.match(
                    held, start, min(start + _METHOD_BYTES, last)
                )
                if not is_method or _NO_REQUEST_LINE.search(held, max(position - 1, start), last):
                    raise malformed("The request line is malformed.")
                return
            position = request_line(held, start)[-1]
            self._has_line = True
        if _BARE_LF.search(held, position, last):
            raise malformed_field()
