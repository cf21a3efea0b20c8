"""Who may create a Job now: a cap of live Jobs, a rate of creation, and first come, first served.

Live Jobs are those that the cluster has (Job events and the resync tell), never a count of our own.
No clock and no I/O: the time comes in as seconds of any steady clock.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

BURST: Final = 5
"""Jobs that may be created at once after a quiet time."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """No slot now."""

    retry_after: float | None
    """Seconds until the next creation is allowed; None: when a Job ends, see `Slots.ready`."""


@dataclass(slots=True)
class Slots:
    """Hands out the right to create a Job."""

    limit: int
    per_second: float
    burst: int = BURST
    _live: dict[str, float] = field(default_factory=dict)
    """Names of Jobs, and when the slot was taken here; minus infinity for others' Jobs."""
    _waiting: dict[str, datetime] = field(default_factory=dict)
    _tokens: float = field(init=False)
    _refilled: float | None = None

    def __post_init__(self) -> None:
        self._tokens = self.burst

    @property
    def live(self) -> int:
        """How many Jobs are live, as far as is known."""
        return len(self._live)

    @property
    def waiting(self) -> int:
        """How many uploads wait."""
        return len(self._waiting)

    def acquire(self, upload_id: str, created: datetime, job: str, now: float) -> Refusal | None:
        """Take a slot for a Job that is about to be created.

        Args:
            upload_id: who asks; it keeps its place in the line until it gets a slot or leaves.
            created: when the upload was created: older ones go first.
            job: name of the Job; it counts as live from here on.
            now: seconds of a steady clock.

        Returns:
            None if it was granted, else how to go on.
        """
        self._waiting[upload_id] = created
        if upload_id not in self._first():
            return Refusal(None)
        self._refill(now)
        if self._tokens < 1:
            return Refusal((1 - self._tokens) / self.per_second)
        self._tokens -= 1
        self._live[job] = now
        del self._waiting[upload_id]
        return None

    def leave(self, upload_id: str) -> bool:
        """Give up a place in the line; return whether there was one."""
        return self._waiting.pop(upload_id, None) is not None

    def saw(self, job: str, *, live: bool) -> bool:
        """Note what an event says about a Job; return whether that freed a slot."""
        if live:
            self._live.setdefault(job, -math.inf)
            return False
        return self._live.pop(job, None) is not None

    def replace(self, jobs: Iterable[str], asked: float) -> None:
        """Note the names of all live Jobs, from a full list that was asked for at that time.

        A slot that was taken since then is kept: its Job may be missing from the list.
        """
        taken = {job: time for job, time in self._live.items() if time >= asked}
        self._live = dict.fromkeys(jobs, -math.inf) | taken

    def ready(self) -> list[str]:
        """Return the ids that wait and would find a free slot now, the oldest first."""
        return self._first()

    def _first(self) -> list[str]:
        free = max(self.limit - len(self._live), 0)
        line = sorted(self._waiting, key=lambda upload_id: (self._waiting[upload_id], upload_id))
        return line[:free]

    def _refill(self, now: float) -> None:
        if self._refilled is not None:
            gained = (now - self._refilled) * self.per_second
            self._tokens = min(self.burst, self._tokens + max(gained, 0))
        self._refilled = now
