"""The steps that `decide` names, each carried out through the adapters.

A step returns the world as it is afterwards, from the server's own answers, or None where nothing
is left to decide now. A step that meets a change raises, and the world is looked at anew.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from safelight_operator import actions, conditions, manifest, metrics, output, owners
from safelight_operator.cluster import Cluster
from safelight_operator.errors import AlreadyExistsError, ClusterError, ConflictError
from safelight_operator.events import Events
from safelight_operator.inbox import Inbox
from safelight_operator.objects import Objects
from safelight_operator.settings import Settings
from safelight_operator.starting import Starting
from safelight_operator.statuses import Statuses
from safelight_operator.transport import gather_or_raise
from safelight_operator.world import Image, Pod, Upload, World

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
        self._inbox = inbox
        self._now = now
        self._events = Events(cluster, settings.pod_name, now)
        self.statuses = Statuses(cluster, self._events)
        self._starting = Starting(cluster, objects, settings, inbox, self.statuses, now)

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
                return await self._starting.start(action.attempt, world, upload)
            case actions.SetStatus() if upload is not None:
                return replace(world, upload=await self.statuses.take(action, upload))
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
                await self._objects.delete_images(world.id, keep=image.objects)
                self._inbox.nothing_to_remove(world.id)
                return None
        raise AssertionError(f"{type(action).__name__} does not fit this world")

    async def _look(self, part: actions.Part, world: World, upload: Upload) -> World:
        if part is actions.Part.PODS:
            name = upload.status.job_name
            uid = next((job.uid for job in world.jobs if job.name == name), "")
            pods = await self._cluster.list_pods(name or "")
            ours = [pod for pod in pods if owners.is_pod_of(pod, uid)]
            return replace(world, pods=tuple(map(Pod.from_dict, ours)))
        attempt = upload.status.attempt
        record, stored = await gather_or_raise(
            self._objects.read_manifest(upload.id, attempt),
            self._objects.stored(upload.id, attempt),
        )
        return replace(world, output=output.check(upload, record, stored))

    async def _fail(self, action: actions.Fail, world: World, upload: Upload) -> World:
        patched = await self.statuses.write(upload, action.status)
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
        patched = await self.statuses.write(upload, action.status)
        metrics.UPLOADS_RETRIED.inc()
        made = action.status.retried_attempts
        _log.info("Retried", extra={"id": upload.id, "uid": upload.uid, "attempts": made})
        return replace(world, upload=patched)

    async def _publish(self, action: actions.Publish, world: World, upload: Upload) -> World:
        if action.spare:
            _log.warning(
                "Files that no manifest names", extra={"id": upload.id, "keys": action.spare}
            )
            await self._objects.delete(action.spare)
        body = manifest.available_image(world.id, action.spec)
        now = self._now()
        try:
            image = await self._cluster.create_image(body)
            metrics.observe_phase("process", upload.status.since, now)
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
        metrics.observe_phase("publish", world.published, self._now())
        if upload.status.retried_attempts == 0:
            metrics.observe_phase("total", upload.created, now)
        told = {"id": upload.id, "uid": upload.uid, "seconds": total}
        _log.info(
            "Available", extra=told | {"warnings": image.warnings} if image.warnings else told
        )
        return replace(world, image=Image.from_dict(answer))

    async def _finish(self, upload: Upload, image: Image) -> World | None:
        # The original goes before the upload: if this stops in between, the upload is still there
        # to go on from.
        await self._objects.delete_original(upload.id)
        if upload.status.attempt > 1:
            await self._objects.delete_images(upload.id, keep=image.objects)
        await self._delete_upload(upload)
        return None

    async def _discard(self, action: actions.Discard, upload: Upload) -> World | None:
        if action.keep_images:
            await self._objects.delete_original(upload.id)
        elif not await self._remove_objects(upload.id):
            return None
        await self._delete_upload(upload)
        self._inbox.nothing_to_remove(upload.id)
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
        if not self._inbox.are_evidence(action.jobs):
            return replace(world, jobs=())
        self._inbox.mark_removed(world.id)
        return replace(world, jobs=(), removed=True)

    async def _remove_objects(self, upload_id: str) -> bool:
        """Remove all objects of an id if it is certain that nothing uses them.

        While a namespace or a definition is being deleted, every upload and image seems to have
        been deleted by somebody; the objects are then what everything can be rebuilt from.
        """
        cluster = self._cluster
        if not (
            await cluster.takes_uploads()
            and await cluster.would_create_image(manifest.probe(upload_id))
        ):
            self._inbox.removed.pop(upload_id, None)
            _log.warning("Objects kept: absence is not certain", extra={"id": upload_id})
            return False
        await self._objects.delete_original(upload_id)
        await self._objects.delete_images(upload_id)
        _log.info("Objects removed", extra={"id": upload_id})
        return True
