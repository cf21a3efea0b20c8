"""The one step that is not always allowed: creating the Job of an attempt.

A free slot is needed, and the API server may refuse: then the upload waits, and says why.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from safelight_contract.line import Place
from safelight_contract.resources import Progress
from safelight_contract.stalls import Stall
from safelight_contract.unreadable import UnreadableError
from safelight_operator import decide, manifest, metrics, owners, stalling
from safelight_operator.cluster import Cluster
from safelight_operator.errors import (
    AlreadyExistsError,
    BusyError,
    ClusterError,
    ConflictError,
    QuotaExceededError,
    RefusedError,
)
from safelight_operator.inbox import Inbox
from safelight_operator.objects import Objects
from safelight_operator.request import job_request
from safelight_operator.settings import Settings
from safelight_operator.statuses import Statuses
from safelight_operator.world import Job, Upload, World

_log = logging.getLogger(__name__)


class Starting:
    """Creates Jobs."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it joins
        self,
        cluster: Cluster,
        objects: Objects,
        settings: Settings,
        inbox: Inbox,
        statuses: Statuses,
        now: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._objects = objects
        self._settings = settings
        self._inbox = inbox
        self._statuses = statuses
        self._now = now

    async def start(self, attempt: int, world: World, upload: Upload) -> World | None:
        """Create the Job of an attempt if there is a free slot, else wait in line.

        Returns:
            The world afterwards; None while the upload waits.

        Raises:
            ClusterError: the Job could not be created.
        """
        name = owners.job_name(upload.id, attempt)
        slots, clock = self._inbox.slots, self._inbox.queue.now
        place = Place(upload.client, upload.created, upload.id)
        refusal = slots.acquire(place, name, clock())
        if refusal is not None:
            if refusal.retry_after is not None:
                self._inbox.queue.add_later(upload.id, refusal.retry_after)
            await self._queued(upload)
            return None
        request = job_request(upload, attempt, self._settings, self._objects)
        body = manifest.job(upload, request, self._settings.processor)
        try:
            job, is_new = await self._create_job(name, body)
        except (QuotaExceededError, BusyError) as error:
            _log.warning("The cluster refuses Jobs", extra={"id": upload.id, "why": str(error)})
            wait = error.retry_after if isinstance(error, BusyError) else None
            slots.refused(name, clock(), wait)
            upload = await self._refused(upload, error)
            # Back in line, where all are now told to wait.
            return await self.start(attempt, replace(world, upload=upload), upload)
        except ClusterError as error:
            self._inbox.job_ended(name)
            await self._refused(upload, error)
            raise
        except UnreadableError:
            self._inbox.job_ended(name)
            raise
        if slots.accepted(name, clock()):
            self._inbox.wake_waiting()
        if not job.is_live or job.owner_uid is None:
            self._inbox.job_ended(name)
        if not is_new:
            return replace(world, jobs=(*world.jobs, job))
        _log.info("Job created", extra={"id": upload.id, "uid": upload.uid, "job": name})
        if attempt == 1:
            metrics.observe_phase("queue", upload.created, self._now())
        status = decide.started(upload, attempt, name, self._now())
        return replace(
            world,
            jobs=(*world.jobs, job),
            upload=await self._statuses.write(upload, status),
            output=None,
            pods=None,
            hinted=False,
        )

    async def _create_job(self, name: str, body: Mapping[str, Any]) -> tuple[Job, bool]:
        """Create a Job unless there is one of its name; return it, and whether it is new."""
        try:
            return Job.from_dict(await self._cluster.create_job(body)), True
        except AlreadyExistsError:
            existing = await self._cluster.get_job(name)
        if existing is None:
            raise ConflictError("the Job was there and is gone")
        if owners.upload_of(existing) is None:
            # Somebody else's: that it is there is all that counts, whatever else it holds.
            told = ("name", "uid", "creationTimestamp")
            metadata = existing["metadata"]
            existing = {"metadata": {key: metadata[key] for key in told if key in metadata}}
        return Job.from_dict(existing), False

    async def _refused(self, upload: Upload, error: ClusterError) -> Upload:
        """Tell on an upload that its Job was refused, if an administrator should know."""
        if not isinstance(error, RefusedError):
            return upload
        is_quota = isinstance(error, QuotaExceededError)
        stall = Stall.QUOTA_EXCEEDED if is_quota else Stall.JOB_REFUSED
        action = stalling.refused(upload, stall, str(error), self._now())
        return upload if action is None else await self._statuses.take(action, upload)

    async def _queued(self, upload: Upload) -> None:
        if upload.status.progress is not Progress.QUEUED:
            await self._statuses.write(upload, decide.queued(upload, self._now()))
