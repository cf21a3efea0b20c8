"""The uploads that have not ended, in the order in which the operator takes them.

What the cache knows of them stands for the operator's Jobs: an upload that is not queued any more
counts as one. Pure, like the cache.
"""

from collections.abc import Iterable

from safelight_api.projections import Upload
from safelight_contract.line import Line, Place
from safelight_contract.resources import Progress


class Pending:
    """A view of the cache's uploads."""

    def __init__(self) -> None:
        self._line: Line[str] = Line()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def waiting(self) -> int:
        """How many of them wait."""
        return len(self._line)

    def of(self, client: str) -> int:
        """Return how many of them are a client's."""
        return self._line.pending(client)

    def ahead(self, upload: Upload) -> int:
        """Return how many of those that wait get their turn before an upload that waits."""
        return self._line.ahead(_place(upload)) if upload.progress is Progress.QUEUED else 0

    def add(self, upload: Upload) -> None:
        """Take an upload in, if it has not ended."""
        if upload.failure is not None:
            return
        self._size += 1
        if upload.progress is Progress.QUEUED:
            self._line.join(_place(upload))
        else:
            self._line.started(upload.client)

    def remove(self, upload: Upload) -> None:
        """Take an upload out, if it was in."""
        if upload.failure is not None:
            return
        self._size -= 1
        if upload.progress is Progress.QUEUED:
            self._line.leave(_place(upload))
        else:
            self._line.ended(upload.client)

    def reset(self, uploads: Iterable[Upload]) -> None:
        """Hold those of these uploads that have not ended, and no others."""
        self._line, self._size = Line(), 0
        for upload in sorted(uploads, key=_place):
            self.add(upload)


def _place(upload: Upload) -> Place[str]:
    return Place(upload.client, upload.created_at, upload.id)
