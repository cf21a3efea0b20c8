"""Which uploads are let in: bounds of those that are under way, of all clients and of each."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from safelight_api import errors
from safelight_api.pending import Pending
from safelight_api.shares import may_take

NAME: Final = "uploads"
"""Of the bound, for the metric."""


class Admission:
    """Counts uploads while they arrive, and refuses those that are too many.

    The cache counts what all replicas have created. What is arriving at another replica is not
    known here, so with several replicas the bounds can be exceeded by that much.

    Args:
        pending: the uploads that exist and have not ended.
        most: how many there may be, with those that arrive here.
        most_per_client: how many of them may be one client's, however few others have any.
        on_refused: is told the bound's name when somebody is refused.
    """

    def __init__(
        self,
        pending: Pending,
        *,
        most: int,
        most_per_client: int,
        on_refused: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self._pending = pending
        self._most = most
        self._most_per_client = most_per_client
        self._on_refused = on_refused
        self._arriving: Counter[str] = Counter()

    @contextmanager
    def admitted(self, client: str) -> Iterator[None]:
        """Count an upload that arrives, for as long as the block lasts.

        Raises:
            ApiError: 429, too many are under way.
        """
        free = self._most - len(self._pending) - self._arriving.total()
        held = self._pending.of(client) + self._arriving[client]
        if free <= 0:
            self._on_refused(NAME)
            raise errors.busy()
        if held >= self._most_per_client or not may_take(held, free):
            self._on_refused(NAME)
            raise errors.busy("Too many uploads with this token are being processed. Try again.")
        self._arriving[client] += 1
        try:
            yield
        finally:
            self._arriving[client] -= 1
            if not self._arriving[client]:
                del self._arriving[client]
