"""Who may create a Job now: a limit of live Jobs, a rate of creation, and a fair order.

Live Jobs are those that the cluster has (Job events and the resync tell), never a count of our own.
No clock and no I/O: the time comes in as seconds of any steady clock.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from safelight_contract.line import Line, Place
from safelight_operator.limit import Limit

BURST: Final = 5
"""Jobs that may be created at once after a quiet time."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """No slot now."""

    retry_after: float | None
    """Seconds until it is worth asking again; None: when told so, see `Slots.ready`."""


@dataclass(frozen=True, slots=True)
class _Live:
    client: str
    taken: float
    """When the slot was taken here; minus infinity for a Job that others have created."""


@dataclass(slots=True)
class Slots:
    """Hands out the right to create a Job."""

    most: int
    """How many Jobs may be live if the cluster takes them all."""
    per_second: float
    burst: int = BURST
    _limit: Limit = field(init=False)
    _line: Line[datetime] = field(default_factory=Line, init=False)
    _waiting: dict[str, Place[datetime]] = field(default_factory=dict, init=False)
    _live: dict[str, _Live] = field(default_factory=dict, init=False)
    _probe: str | None = field(default=None, init=False)
    """The one Job that is being tried after a refusal."""
    _tokens: float = field(init=False)
    _refilled: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._limit = Limit(self.most)
        self._tokens = self.burst

    @property
    def limit(self) -> int:
        """How many Jobs may be live now."""
        return self._limit.now

    @property
    def live(self) -> int:
        """How many Jobs are live, as far as is known."""
        return len(self._live)

    @property
    def waiting(self) -> int:
        """How many uploads wait."""
        return len(self._waiting)

    def acquire(self, place: Place[datetime], job: str, now: float) -> Refusal | None:
        """Take a slot for a Job that is about to be created; say afterwards how that went.

        Args:
            place: who asks; it keeps its place in the line until it gets a slot or leaves.
            job: name of the Job; it counts as live from here on.
            now: seconds of a steady clock.

        Returns:
            None if it was granted, else how to go on.
        """
        if place.upload_id not in self._waiting:
            self._waiting[place.upload_id] = place
            self._line.join(place)
        place = self._waiting[place.upload_id]
        free = self._free()
        ahead = self._line.ahead(place) if free else 0
        if ahead >= free:
            return Refusal(None)
        if now < self._limit.opens:
            return Refusal(self._limit.opens - now)
        self._refill(now)
        missing = 1 + ahead - self._tokens
        if missing > 0:
            return Refusal(missing / self.per_second)
        self._tokens -= 1
        self.leave(place.upload_id)
        self._add(job, _Live(place.client, now))
        if not self._limit.is_open:
            self._probe = job
        return None

    def accepted(self, job: str, now: float) -> bool:
        """Note that the cluster has taken a Job; return whether others can go on because of it."""
        if job == self._probe:
            self._probe = None
        live = self._live.get(job)
        return live is not None and self._limit.accepted(live.taken, now)

    def refused(self, job: str, now: float, retry_after: float | None) -> None:
        """Note that the cluster has refused a Job for now; whoever asks next is told how long.

        Args:
            job: its name.
            now: seconds of a steady clock.
            retry_after: seconds that the server asked for; None: it named none.
        """
        live = self._live.get(job)
        self._limit.refused(now if live is None else live.taken, now, retry_after)
        self.ended(job)

    def leave(self, upload_id: str) -> bool:
        """Give up a place in the line; return whether there was one."""
        place = self._waiting.pop(upload_id, None)
        if place is not None:
            self._line.leave(place)
        return place is not None

    def started(self, job: str, client: str) -> None:
        """Note that a Job is live, and whose it is if it was not known before."""
        if job not in self._live:
            self._add(job, _Live(client, -math.inf))

    def ended(self, job: str) -> bool:
        """Note that a Job is not live any more; return whether that freed a slot."""
        if job == self._probe:
            self._probe = None
        live = self._live.pop(job, None)
        if live is not None:
            self._line.ended(live.client)
        return live is not None

    def replace(self, jobs: Mapping[str, str], asked: float) -> None:
        """Note all live Jobs and whose they are, from a full list asked for at that time.

        A slot that was taken since then is kept: its Job may be missing from the list.
        """
        gone = [job for job, live in self._live.items() if job not in jobs and live.taken < asked]
        for job in gone:
            self.ended(job)
        for job, client in jobs.items():
            self.started(job, client)

    def ready(self) -> list[str]:
        """Return the ids that wait and would find a free slot now, in their order."""
        return self._line.first(self._free())

    def _free(self) -> int:
        free = max(self._limit.now - len(self._live), 0)
        if self._limit.is_open:
            return free
        return 0 if self._probe is not None else min(free, 1)

    def _add(self, job: str, live: _Live) -> None:
        self.ended(job)
        self._live[job] = live
        self._line.started(live.client)

    def _refill(self, now: float) -> None:
        if self._refilled is not None:
            gained = (now - self._refilled) * self.per_second
            self._tokens = min(self.burst, self._tokens + max(gained, 0))
        self._refilled = now
