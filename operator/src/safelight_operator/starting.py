"""The one step that is not always allowed: creating the Job of an attempt.

A free slot is needed, and the API server may refuse: then the upload waits, and says why.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from safelight_contract import keys, policy
from safelight_contract.job import HINT_PATH, JobRequest
from safelight_contract.line import Place
from safelight_contract.resources import Progress
from safelight_contract.stalls import Stall
from safelight_operator import decide, manifest, metrics, output, stalling
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
from safelight_operator.settings import Settings
from safelight_operator.statuses import Statuses
from safelight_operator.world import Job, Upload, World

URL_MARGIN_SECONDS: Final = 60
"""Signed URLs live that much longer than the Job that uses them."""
MAX_URL_SECONDS: Final = 30 * 60

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
        name = manifest.job_name(upload.id, attempt)
        slots, clock = self._inbox.slots, self._inbox.queue.now
        place = Place(upload.client, upload.created, upload.id)
        refusal = slots.acquire(place, name, clock())
        if refusal is not None:
            if refusal.retry_after is not None:
                self._inbox.queue.add_later(upload.id, refusal.retry_after)
            await self._queued(upload)
            return None
        body = manifest.job(upload, self._request(upload, attempt), self._settings.processor)
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
        if slots.accepted(name, clock()):
            self._inbox.wake_waiting()
        if not job.is_live:
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
        return Job.from_dict(existing), False

    def _request(self, upload: Upload, attempt: int) -> JobRequest:
        settings, spec = self._settings, upload.spec
        seconds = min(settings.processor.deadline_seconds + URL_MARGIN_SECONDS, MAX_URL_SECONDS)
        recipe = settings.recipe
        host = f"[{settings.pod_ip}]" if ":" in settings.pod_ip else settings.pod_ip
        path = HINT_PATH.format(upload_id=upload.id)
        return JobRequest(
            upload_id=upload.id,
            upload_uid=upload.uid,
            attempt=attempt,
            file_name=spec.file_name,
            media_type=spec.media_type,
            size=spec.size,
            sha256=spec.sha256,
            source_url=self._objects.sign_get(output.original_key(upload), seconds),
            recipe=recipe,
            outputs={
                keys.file_name(name, made): self._objects.sign_put(
                    keys.image(upload.id, attempt, made, name), made.media_type, seconds
                )
                for name, made in recipe.files(policy.format_of(spec.media_type))
            },
            manifest=self._objects.sign_put(
                keys.manifest(upload.id, attempt),
                "application/json",
                seconds,
            ),
            hint_url=f"http://{host}:{settings.hint_port}{path}",
        )

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
