"""The steps that `decide` names, each carried out through the adapters.

A step returns the world as it is afterwards, from the server's own answers, or None where nothing
is left to decide now. A step that meets a change raises, and the world is looked at anew.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from safelight_contract import keys
from safelight_contract.job import HINT_PATH, JobRequest
from safelight_contract.line import Place
from safelight_contract.resources import Progress
from safelight_contract.stalls import Stall
from safelight_operator import actions, conditions, decide, manifest, metrics, output, stalling
from safelight_operator.cluster import Cluster
from safelight_operator.errors import (
    AlreadyExistsError,
    BusyError,
    ClusterError,
    ConflictError,
    QuotaExceededError,
    RefusedError,
)
from safelight_operator.events import Events
from safelight_operator.inbox import Inbox
from safelight_operator.objects import Objects
from safelight_operator.settings import Settings
from safelight_operator.transport import gather_or_raise
from safelight_operator.world import Image, Job, Output, Pod, Upload, World

URL_MARGIN_SECONDS: Final = 60
"""Signed URLs live that much longer than the Job that uses them."""
MAX_URL_SECONDS: Final = 30 * 60

_log = logging.getLogger(__name__)


class Steps:
    """Carries out one step at a time."""

    def __init__(
        self,
        cluster: Cluster,
        objects: Objects,
        settings: Settings,
        inbox: Inbox,
        now: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._objects = objects
        self._settings = settings
        self._inbox = inbox
        self._now = now
        self._events = Events(cluster, settings.pod_name, now)

    async def take(  # noqa: C901, PLR0911, PLR0912 - one case for each step
        self,
        action: actions.Action,
        world: World,
    ) -> World | None:
        """Carry out a step; see the module."""
        upload, image = world.upload, world.image
        match action:
            case actions.Look() if upload is not None:
                return await self._look(action.part, world, upload)
            case actions.StartAttempt() if upload is not None:
                return await self._start(action.attempt, world, upload)
            case actions.SetStatus() if upload is not None:
                return replace(world, upload=await self.set_status(action, upload))
            case actions.Fail() if upload is not None:
                return await self._fail(action, world, upload)
            case actions.Retry() if upload is not None:
                return await self._retry(action, world, upload)
            case actions.Publish() if upload is not None:
                return await self._publish(action, world, upload)
            case actions.Confirm() if upload is not None and image is not None:
                return await self._confirm(world, upload, image)
            case actions.Finish() if upload is not None and image is not None:
                return await self._finish(upload, image)
            case actions.Discard() if upload is not None:
                return await self._discard(action, upload)
            case actions.Withdraw() if image is not None:
                return await self._withdraw(world, image)
            case actions.DeleteJobs():
                return await self._delete_jobs(action, world)
            case actions.RemoveObjects():
                if await self._remove_objects(world.id):
                    self._inbox.removal_done(world.id)
                return None
            case actions.RemoveLeftovers() if image is not None:
                await self._objects.delete_original(world.id)
                await self._objects.delete_images(world.id, keep=image.spec.image.key)
                self._inbox.removed.pop(world.id, None)
                return None
        raise AssertionError(f"{type(action).__name__} does not fit this world")

    async def _look(self, part: actions.Part, world: World, upload: Upload) -> World:
        if part is actions.Part.PODS:
            pods = await self._cluster.list_pods(upload.status.job_name or "")
            return replace(world, pods=tuple(Pod.from_dict(pod) for pod in pods))
        record, head = await gather_or_raise(
            self._objects.read_manifest(upload.id, upload.status.attempt),
            self._objects.head(output.image_key(upload)),
        )
        return replace(world, output=Output(output.check(upload, record, head)))

    async def _start(self, attempt: int, world: World, upload: Upload) -> World | None:
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
            return await self._start(attempt, replace(world, upload=upload), upload)
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
            _observe("queue", upload.created, self._now())
        status = decide.started(upload, attempt, name, self._now())
        return replace(
            world,
            jobs=(*world.jobs, job),
            upload=await self._patch(upload, status),
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
        attempted = replace(upload, status=replace(upload.status, attempt=attempt))
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
            image=self._objects.sign_put(output.image_key(attempted), spec.media_type, seconds),
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
        return upload if action is None else await self.set_status(action, upload)

    async def _queued(self, upload: Upload) -> None:
        if upload.status.progress is not Progress.QUEUED:
            await self._patch(upload, decide.queued(upload, self._now()))

    async def _patch(self, upload: Upload, status: conditions.Status) -> Upload:
        body = status.to_patch(upload.generation)
        version = upload.resource_version
        return Upload.from_dict(await self._cluster.patch_upload_status(upload.id, version, body))

    async def set_status(self, action: actions.SetStatus, upload: Upload) -> Upload:
        """Write an upload's status, and warn if it says that the upload has stalled."""
        patched = await self._patch(upload, action.status)
        ids = {"id": upload.id, "uid": upload.uid}
        stalled = action.status.stalled
        if stalled is None or stalled == upload.status.stalled:
            state = action.status.progress
            _log.info("Status", extra={**ids, "state": state, "why": action.detail})
        else:
            _log.warning("Stalled", extra={**ids, "reason": stalled.reason, "why": action.detail})
            self._events.warn(upload, stalled.reason, f"{stalled.message} {action.detail}".strip())
        return patched

    async def _fail(self, action: actions.Fail, world: World, upload: Upload) -> World:
        patched = await self._patch(upload, action.status)
        metrics.UPLOADS_ENDED.labels("failed", action.failure).inc()
        _log.warning(
            "Failed",
            extra={
                "id": upload.id,
                "uid": upload.uid,
                "reason": action.failure,
                "attempt": upload.status.attempt,
                "why": action.detail,
            },
        )
        note = f"Attempt {upload.status.attempt}: {action.detail or action.failure}"
        self._events.warn(upload, action.failure, note)
        # Only now, when the status is written, no operator can publish these objects any more. It
        # may have been retried since: a later attempt's objects are not touched.
        if not action.keep_objects:
            await self._objects.delete_images(upload.id, up_to=upload.status.attempt)
        return replace(world, upload=patched)

    async def _retry(self, action: actions.Retry, world: World, upload: Upload) -> World:
        patched = await self._patch(upload, action.status)
        metrics.UPLOADS_RETRIED.inc()
        made = action.status.retried_attempts
        _log.info("Retried", extra={"id": upload.id, "uid": upload.uid, "attempts": made})
        return replace(world, upload=patched)

    async def _publish(self, action: actions.Publish, world: World, upload: Upload) -> World:
        body = manifest.available_image(world.id, action.spec)
        now = self._now()
        try:
            image = await self._cluster.create_image(body)
            _observe("process", upload.status.since, now)
        except AlreadyExistsError:
            existing = await self._cluster.get_image(world.id)
            if existing is None:
                raise ConflictError("the AvailableImage was there and is gone") from None
            image = existing
        return replace(world, image=Image.from_dict(image), published=now)

    async def _confirm(self, world: World, upload: Upload, image: Image) -> World:
        now = self._now()
        status = conditions.ready(image.generation, now)
        answer = await self._cluster.patch_image_status(image.id, image.resource_version, status)
        metrics.UPLOADS_ENDED.labels("available", "Published").inc()
        total = (now - upload.created).total_seconds()
        _observe("publish", world.published, self._now())
        if upload.status.retried_attempts == 0:
            _observe("total", upload.created, now)
        _log.info("Available", extra={"id": upload.id, "uid": upload.uid, "seconds": total})
        return replace(world, image=Image.from_dict(answer))

    async def _finish(self, upload: Upload, image: Image) -> World | None:
        # The original goes before the upload: if this stops in between, the upload is still there
        # to go on from.
        await self._objects.delete_original(upload.id)
        if upload.status.attempt > 1:
            await self._objects.delete_images(upload.id, keep=image.spec.image.key)
        await self._delete_upload(upload)
        return None

    async def _discard(self, action: actions.Discard, upload: Upload) -> World | None:
        if action.keep_images:
            await self._objects.delete_original(upload.id)
        elif not await self._remove_objects(upload.id):
            return None
        await self._delete_upload(upload)
        self._inbox.removed.pop(upload.id, None)
        if upload.status.failed_at is None:
            metrics.UPLOADS_ENDED.labels("deleted", "Deleted").inc()
        _log.info("Discarded", extra={"id": upload.id, "uid": upload.uid})
        return None

    async def _delete_upload(self, upload: Upload) -> None:
        self._inbox.settled.add(upload.id)
        try:
            await self._cluster.delete_upload(upload.id, upload.uid)
        except ClusterError:
            self._inbox.settled.discard(upload.id)
            raise

    async def _withdraw(self, world: World, image: Image) -> World:
        await self._cluster.delete_image(image.id, image.uid, image.resource_version)
        _log.info("Withdrawn: its upload was deleted", extra={"id": image.id})
        if world.upload is None:
            self._inbox.mark_removed(world.id)
        return replace(world, image=None, removed=True)

    async def _delete_jobs(self, action: actions.DeleteJobs, world: World) -> World:
        await gather_or_raise(*(self._cluster.delete_job(j.name, j.uid) for j in action.jobs))
        self._inbox.mark_removed(world.id)
        return replace(world, jobs=(), removed=True)

    async def _remove_objects(self, upload_id: str) -> bool:
        """Remove all objects of an id if it is certain that nothing uses them.

        While a namespace or a kind is being deleted, every image seems to have been deleted by
        somebody; the objects are then what everything can be rebuilt from.
        """
        if not await self._cluster.would_create_image(manifest.probe(upload_id)):
            self._inbox.removed.pop(upload_id, None)
            _log.warning("Objects kept: absence is not certain", extra={"id": upload_id})
            return False
        await self._objects.delete_original(upload_id)
        await self._objects.delete_images(upload_id)
        _log.info("Objects removed", extra={"id": upload_id})
        return True


def _observe(phase: str, since: datetime | None, until: datetime) -> None:
    """Note how long a phase took, if it is known when it began."""
    if since is not None:
        metrics.PHASE_SECONDS.labels(phase).observe(max((until - since).total_seconds(), 0))
