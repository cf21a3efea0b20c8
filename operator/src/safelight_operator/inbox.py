"""What comes in from watches, lists and hints: it becomes ids in the queue, and little else.

All of it is memory that may be lost: what must not be forgotten stands in the cluster.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from safelight_contract import keys, line
from safelight_contract.resources import AVAILABLE_IMAGE, IMAGE_UPLOAD, Condition
from safelight_contract.unreadable import (
    UnreadableError,
    items,
    name_of,
    part,
    readable,
    text,
    time,
)
from safelight_operator import metrics, owners
from safelight_operator.aside import Aside
from safelight_operator.canary import JOB
from safelight_operator.conditions import FALSE
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


_UNREADABLE: Final = Known(
    created=datetime.max.replace(tzinfo=UTC),
    state="Unreadable",
    failed=True,
    stalled="",
    client="",
)
"""One that is there, and of which nothing else is known: nobody waits for it."""


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
    aside: Aside = field(default_factory=Aside)
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
        upload_id = name_of(resource)
        if not keys.is_id(upload_id):
            return
        try:
            known, error = _known(resource), None
        except UnreadableError as unreadable:
            known, error = _UNREADABLE, unreadable
        if deleted:
            self.uploads.pop(upload_id, None)
            self.aside.back(IMAGE_UPLOAD.kind, upload_id)
            if upload_id in self.settled:
                self.settled.discard(upload_id)
            else:
                self.mark_removed(upload_id, unfinished=not known.failed)
            return
        self.uploads[upload_id] = known
        if error is not None:
            self.aside.put(IMAGE_UPLOAD.kind, resource, error)
        else:
            self.queue.add(upload_id)

    def job_event(self, resource: Mapping[str, Any], *, deleted: bool = False) -> None:
        """Take a Job's event: it counts for the slots, and wakes its upload if it tells news."""
        owner = owners.upload_of(resource)
        if owner is None:
            return
        try:
            job = Job.from_dict(resource)
        except UnreadableError as error:
            self._job_unreadable(resource, owner, error, deleted=deleted)
            return
        self.aside.back(JOB, job.name)
        seen = self._jobs.get(job.name, (False, True))
        now = (job.ready > 0, job.is_live and not deleted)
        if deleted:
            self._jobs.pop(job.name, None)
        else:
            self._jobs[job.name] = now
        if now[1]:
            self.slots.started(job.name, self._client(job.upload_id))
        else:
            self.job_ended(job.name)
        if now != seen and (job.upload_id in self.uploads or job.upload_id in self.removed):
            self.queue.add(job.upload_id)

    def _job_unreadable(
        self,
        resource: Mapping[str, Any],
        owner: owners.Owner,
        error: UnreadableError,
        *,
        deleted: bool,
    ) -> None:
        """Take the event of a Job of ours that cannot be read: it may run, so it has its place."""
        name = name_of(resource)
        if deleted:
            self._jobs.pop(name, None)
            self.aside.back(JOB, name)
            self.job_ended(name)
        else:
            self.aside.put(JOB, resource, error)
            self.slots.started(name, self._client(owner.upload_id))
        if owner.upload_id in self.uploads or owner.upload_id in self.removed:
            self.queue.add(owner.upload_id)

    def job_ended(self, name: str) -> None:
        """Note that a Job is not live, or was not created after all: others may go on."""
        if self.slots.ended(name):
            self.wake_waiting()

    def image_deleted(self, upload_id: str) -> None:
        """Take the news that an AvailableImage was deleted."""
        self.aside.back(AVAILABLE_IMAGE.kind, upload_id)
        if keys.is_id(upload_id):
            self.mark_removed(upload_id, passes=1)

    def image_changed(self, upload_id: str) -> None:
        """Take the news that an AvailableImage has changed: one that was set aside is looked at."""
        if self.aside.holds(AVAILABLE_IMAGE.kind, upload_id):
            self.queue.add(upload_id)

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
        present = {name: upload for upload in uploads if (name := name_of(upload))}
        self.aside.keep(IMAGE_UPLOAD.kind, present)
        found, live = self._listed_jobs(jobs)
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
        self.slots.replace(
            {name: self._client(upload_id) for name, upload_id in live.items()}, asked
        )
        for job in found:
            self.queue.add(job.upload_id)
        self.wake_waiting()

    def _listed_jobs(self, jobs: Iterable[Mapping[str, Any]]) -> tuple[list[Job], dict[str, str]]:
        """Return our Jobs of a list, and the upload ids of those that may run, by name."""
        found, live, names = list[Job](), dict[str, str](), set[str]()
        for resource in jobs:
            owner = owners.upload_of(resource)
            if owner is None:
                continue
            name = name_of(resource)
            names.add(name)
            try:
                job = Job.from_dict(resource)
            except UnreadableError as error:
                self.aside.put(JOB, resource, error)
                live[name] = owner.upload_id
                continue
            self.aside.back(JOB, name)
            found.append(job)
            if job.is_live:
                live[name] = owner.upload_id
        self.aside.keep(JOB, names)
        return found, live

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

    def _client(self, upload_id: str) -> str:
        known = self.uploads.get(upload_id)
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


@readable
def _known(resource: Mapping[str, Any]) -> Known:
    metadata = part(resource, "metadata")
    entries = items(part(resource, "status"), "conditions")
    by_type = {text(entry, "type"): entry for entry in entries}
    found, stalled = by_type.get(Condition.SUCCEEDED), by_type.get(Condition.STALLED)
    return Known(
        created=time(metadata, "creationTimestamp"),
        state=text(found, "reason") if found else "",
        failed=found is not None and text(found, "status") == FALSE,
        stalled=text(stalled, "reason") if stalled else "",
        client=line.client_of(metadata),
    )
