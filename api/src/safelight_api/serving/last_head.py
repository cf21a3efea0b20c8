"""The last heads, by their bytes: a client that polls sends the same one each time.

Parsing such a head would cost more than all else that its request does before it reaches the
application. Nothing is taken from here that was not parsed: the whole head is the key.
"""

from typing import Final

from safelight_api.serving.events import Head

MAX_BYTES: Final = 2048
"""Of a head that is kept."""
MAX_FIELDS: Final = 32
"""Of a head that is kept: each takes some 150 bytes beside its text."""
MAX_HEADS: Final = 512
"""In a half. Both take 8 MiB at the very most; with the heads of polls, 2 MiB."""


class LastHeads:
    """Heads without a body, in two halves: what has not been asked for in a whole half goes."""

    __slots__ = ("_most", "_new", "_old")

    def __init__(self, most: int = MAX_HEADS) -> None:
        self._most = most
        self._new: dict[bytes, Head] = {}
        self._old: dict[bytes, Head] = {}

    def __len__(self) -> int:
        """Return how many are kept, of both halves."""
        return len(self._new) + len(self._old)

    def get(self, head: bytes) -> Head | None:
        """Return what exactly these bytes were parsed to, if that is still kept."""
        if len(head) > MAX_BYTES:
            return None
        found = self._new.get(head)
        if found is None:
            found = self._old.pop(head, None)
            if found is not None:
                self._put(head, found)
        return found

    def add(self, data: bytes, head: Head) -> None:
        """Keep a head, unless it is large or announces a body, which makes it one of its kind."""
        if len(data) <= MAX_BYTES and len(head.headers) <= MAX_FIELDS and not head.has_body:
            self._put(data, head)

    def _put(self, data: bytes, head: Head) -> None:
        if len(self._new) >= self._most:
            self._old = self._new
            self._new = {}
        self._new[data] = head
