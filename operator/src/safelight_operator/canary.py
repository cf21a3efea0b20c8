"""Whether the watches deliver: a list shows what they should have delivered by now.

A watch that has died in silence looks just like one that has nothing to tell. So the newest change
that a full list shows is awaited, until the watch has delivered it or a later one.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from safelight_contract.unreadable import version_of
from safelight_operator import metrics

JOBS: Final = "jobs"
"""The kind that is watched besides ImageUploads."""
JOB: Final = "Job"
"""What one of them is."""


@dataclass(slots=True)
class Canary:
    """Compares what lists show with what watches deliver, kind by kind.

    Resource versions are compared as numbers, as Kubernetes allows for objects of one kind; a watch
    delivers them in their order.
    """

    clock: Callable[[], float]
    """Seconds of a steady clock."""
    _delivered: dict[str, int] = field(default_factory=dict)
    _owed: dict[str, tuple[int, float]] = field(default_factory=dict)

    def delivered(self, kind: str, resource: Mapping[str, Any]) -> None:
        """Take an event of a watch."""
        metrics.WATCH_LAST_EVENT.labels(kind).set_to_current_time()
        self._delivered[kind] = max(self._delivered.get(kind, 0), version_of(resource))
        if kind in self._owed and self._owed[kind][0] <= self._delivered[kind]:
            del self._owed[kind]

    def listed(self, kind: str, resources: Iterable[Mapping[str, Any]]) -> None:
        """Take a full list."""
        newest = max((version_of(resource) for resource in resources), default=0)
        if newest <= self._delivered.get(kind, 0):
            self._owed.pop(kind, None)
        else:
            self._owed.setdefault(kind, (newest, self.clock()))

    def overdue(self, kind: str) -> float:
        """Return how long a watch has owed something that a list has shown, in seconds."""
        owed = self._owed.get(kind)
        return 0.0 if owed is None else self.clock() - owed[1]
