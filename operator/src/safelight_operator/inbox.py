"""What comes in from watches, lists and hints: it becomes ids in the queue, and little else.

All of it is memory that may be lost: what must not be forgotten stands in the cluster.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from safelight_contract import keys, line
from safelight_contract.resources import Condition
from safelight_operator import metrics
from safelight_operator.conditions import FALSE, parse_time
from safelight_operator.queue import KeyedQueue
from safelight_operator.slots import Slots
from safelight_operator.world import Job

PASSES: Final = 2
"""How often the objects of a deleted upload are removed: a pod may still have been writing."""
PASS_DELAY: Final = 30.0
"""Seconds between the two: longer than a pod's grace period."""


@dataclass(frozen=True, slots=True)
class Known:
    """An ImageUpload that exists, as far as is known."""

    created: datetime
    state: str
    """Reason of its condition Succeeded; empty before the operator's first write."""
    failed: bool
    stalled: str
    """Reason of its condition Stalled; empty if it goes on."""
    client: str
    """Who uploaded it; empty if nobody says so."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What is left to do for an id that nothing uses any more."""

    passes: int
    due: float
    """When the next pass may start, by the queue's clock."""
    unfinished: bool = False
    """An upload that was under way has vanished: this is how it ended."""
    taken_up: bool = False
    """A look has begun since this was told."""


@dataclass(slots=True)
class Inbox:
    """Sorts what comes in. All methods run on the event loop of the queue."""

    queue: KeyedQueue
    slots: Slots
    uploads: dict[str, Known] = field(default_factory=dict)
    hinted: set[str] = field(default_factory=set)
    removed: dict[str, Removal] = field(default_factory=dict)
    """Ids whose upload or image was seen to vanish."""
    settled: set[str] = field(default_factory=set)
    """Ids whose upload the operator itself has deleted, with nothing left to do."""
    _jobs: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    _no_evidence: frozenset[str] | None = frozenset()
    """Names of Jobs that say nothing about their upload; None: all of them, until the next list."""

    def upload_event(self, resource: Mapping[str, Any], *, deleted: bool = False) -> None:
        """Take an ImageUpload's event."""
        upload_id = resource["metadata"]["name"]
        if not keys.is_id(upload_id):
            return
        if not deleted:
            self.uploads[upload_id] = _known(resource)
            self.queue.add(upload_id)
            return
        self.uploads.pop(upload_id, None)
        if upload_id in self.settled:
            self.settled.discard(upload_id)
        else:
            self.mark_removed(upload_id, unfinished=not _known(resource).failed)

    def job_event(self, resource: Mapping[str, Any], *, deleted: bool = False) -> None:
        """Take a Job's event: it counts for the slots, and wakes its upload if it tells news."""
        job = Job.from_dict(resource)
        if not keys.is_id(job.upload_id):
            return
        seen = self._jobs.get(job.name, (False, True))
        now = (job.ready > 0, job.is_live and not deleted)
        if deleted:
            self._jobs.pop(job.name, None)
        else:
            self._jobs[job.name] = now
        if now[1]:
            self.slots.started(job.name, self._client(job))
        else:
            self.job_ended(job.name)
        if now != seen and (job.upload_id in self.uploads or job.upload_id in self.removed):
            self.queue.add(job.upload_id)

    def job_ended(self, name: str) -> None:
        """Note that a Job is not live, or was not created after all: others may go on."""
        if self.slots.ended(name):
            self.wake_waiting()

    def image_deleted(self, upload_id: str) -> None:
        """Take the news that an AvailableImage was deleted."""
        if keys.is_id(upload_id):
            self.mark_removed(upload_id, passes=1)

    def hint(self, upload_id: str) -> bool:
        """Take a processor's hint; return whether it speaks of an upload that is known."""
        if upload_id not in self.uploads:
            return False
        self.hinted.add(upload_id)
        self.queue.add(upload_id)
        return True

    def mark_removed(
        self, upload_id: str, passes: int = PASSES, *, unfinished: bool = False
    ) -> None:
        """Note that what used an id is gone, and have a look."""
        known = self.removed.get(upload_id)
        if known is not None:
            passes = max(passes, known.passes)
            unfinished = unfinished or known.unfinished
        self.removed[upload_id] = Removal(passes, self.queue.now(), unfinished)
        self.queue.add(upload_id)

    def is_removed(self, upload_id: str) -> bool:
        """Say whether a pass of removal is due for an id; one that is not due yet is awaited.

        To be asked before the id is looked at: see `nothing_to_remove`.
        """
        removal = self.removed.get(upload_id)
        if removal is None:
            return False
        wait = removal.due - self.queue.now()
        if wait > 0:
            self.queue.add_later(upload_id, wait)
            return False
        self.removed[upload_id] = replace(removal, taken_up=True)
        return True

    def nothing_to_remove(self, upload_id: str) -> None:
        """Note that the objects of an id are still needed, as a look has found.

        What was told after that look had begun may be that this is so no longer: it stays.
        """
        removal = self.removed.get(upload_id)
        if removal is not None and removal.taken_up:
            del self.removed[upload_id]

    def removal_done(self, upload_id: str) -> None:
        """Note that the objects of an id were removed; a second pass follows if one is due."""
        removal = self.removed.pop(upload_id, None)
        if removal is not None and removal.unfinished:
            metrics.UPLOADS_ENDED.labels("deleted", "Deleted").inc()
        if removal is not None and removal.passes > 1:
            due = self.queue.now() + PASS_DELAY
            self.removed[upload_id] = Removal(removal.passes - 1, due)
            self.queue.add_later(upload_id, PASS_DELAY)

    def listed(
        self,
        uploads: Iterable[Mapping[str, Any]],
        jobs: Iterable[Mapping[str, Any]],
        asked: float,
    ) -> None:
        """Take full lists of both kinds that were asked for at that time of the loop's clock.

        An upload that was known before and is not listed has vanished without an event. Nothing
        is concluded from that but to look: a fresh GET of the one object decides.
        """
        present = {u["metadata"]["name"]: u for u in uploads}
        found = [Job.from_dict(resource) for resource in jobs]
        for upload_id in set(self.uploads) - set(present):
            known = self.uploads.pop(upload_id)
            if upload_id not in self.settled:
                self.mark_removed(upload_id, unfinished=not known.failed)
        self.settled &= set(present)
        for resource in present.values():
            self.upload_event(resource)
        if self._no_evidence is None:
            lonely = (job.name for job in found if job.upload_id not in present)
            self._no_evidence = frozenset(lonely)
        self._jobs = {job.name: (job.ready > 0, job.is_live) for job in found}
        self.slots.replace({job.name: self._client(job) for job in found if job.is_live}, asked)
        for job in found:
            if keys.is_id(job.upload_id):
                self.queue.add(job.upload_id)
        self.wake_waiting()

    def forget(self) -> None:
        """Forget which uploads there were: no list can be compared with what was before."""
        self.uploads.clear()

    def not_served(self) -> None:
        """Note that a kind is missing: once it is back its objects are gone, deleted by nobody."""
        self._no_evidence = None

    def are_evidence(self, jobs: Iterable[Job]) -> bool:
        """Say whether Jobs without an upload show that somebody has deleted it.

        Jobs outlive a definition that is deleted and made again, with all uploads, by a moment.
        """
        doubtful = self._no_evidence
        return doubtful is not None and any(job.name not in doubtful for job in jobs)

    def wake_waiting(self) -> None:
        """Have those looked at that would find a free slot now."""
        for upload_id in self.slots.ready():
            self.queue.add(upload_id)

    def _client(self, job: Job) -> str:
        known = self.uploads.get(job.upload_id)
        return known.client if known else ""

    def measure(self) -> None:
        """Set the gauges."""
        states = Counter(known.state or "New" for known in self.uploads.values())
        stalls = Counter(known.stalled for known in self.uploads.values() if known.stalled)
        for gauge, counted in ((metrics.UPLOADS, states), (metrics.UPLOADS_STALLED, stalls)):
            gauge.clear()
            for reason, count in counted.items():
                gauge.labels(reason).set(count)
        pending = [known.created for known in self.uploads.values() if not known.failed]
        oldest = (datetime.now(UTC) - min(pending)).total_seconds() if pending else 0
        metrics.OLDEST_PENDING_SECONDS.set(max(oldest, 0))
        metrics.JOBS_ACTIVE.set(self.slots.live)
        metrics.JOBS_LIMIT.set(self.slots.limit)
        metrics.QUEUE_DEPTH.set(self.queue.depth)
        metrics.QUEUE_RETRIES.set(self.queue.retries)


def _known(resource: Mapping[str, Any]) -> Known:
    entries = (resource.get("status") or {}).get("conditions") or ()
    by_type = {entry["type"]: entry for entry in entries}
    found, stalled = by_type.get(Condition.SUCCEEDED), by_type.get(Condition.STALLED)
    return Known(
        created=parse_time(resource["metadata"]["creationTimestamp"]),
        state=found["reason"] if found else "",
        failed=found is not None and found["status"] == FALSE,
        stalled=stalled["reason"] if stalled else "",
        client=line.client_of(resource["metadata"]),
    )
