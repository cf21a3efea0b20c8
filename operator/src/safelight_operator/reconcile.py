"""Look at the world of one id, ask `decide` for the next step, take it, look again.

Nothing here remembers an upload: whatever is interrupted goes on from what the cluster holds.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Final, TypeVar

from safelight_contract.resources import AVAILABLE_IMAGE, IMAGE_UPLOAD, Progress
from safelight_contract.stalls import Stall
from safelight_contract.unreadable import UnreadableError, name_of
from safelight_operator import metrics, owners, stalling
from safelight_operator.actions import StartAttempt, Wait
from safelight_operator.canary import JOB
from safelight_operator.cluster import Cluster
from safelight_operator.decide import Rules, decide
from safelight_operator.errors import (
    ClusterError,
    ConflictError,
    GoneError,
    NotServedError,
    UnavailableError,
)
from safelight_operator.inbox import Inbox
from safelight_operator.objects import Objects, StorageError, StorageForbiddenError
from safelight_operator.queue import RetryLaterError
from safelight_operator.settings import Settings
from safelight_operator.steps import Steps
from safelight_operator.transport import gather_or_raise
from safelight_operator.world import Image, Job, Upload, World

MAX_LOOKS: Final = 4
"""Looks in a row at an id that changes all the time; then it waits its turn again."""
MAX_STEPS: Final = 16
"""More steps than any id needs from its first look to its last."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """Return the time of the clock on the wall."""
    return datetime.now(UTC)


class Reconciler:
    """Brings one id at a time forward."""

    def __init__(
        self,
        cluster: Cluster,
        objects: Objects,
        settings: Settings,
        inbox: Inbox,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._cluster = cluster
        self._inbox = inbox
        self._now = now
        self._steps = Steps(cluster, objects, settings, inbox, now)
        self._storage_fails_since: dict[str, datetime] = {}
        self._rules = Rules.of(settings.failed_retention_seconds, settings.stalled_after_seconds)

    async def reconcile(self, upload_id: str) -> None:
        """Take all steps that can be taken now for one id.

        Raises:
            RetryLaterError: something is not available, or keeps changing.
        """
        start, result = perf_counter(), "error"
        hinted = upload_id in self._inbox.hinted
        self._inbox.hinted.discard(upload_id)
        try:
            await self._look_and_act(upload_id, hinted=hinted)
            result = "ok"
            self._storage_fails_since.pop(upload_id, None)
        except UnreadableError as error:
            # It waits for a change of what cannot be read: trying again would read the same.
            result = "unreadable"
            _log.info("Left alone: unreadable", extra={"id": upload_id, "why": str(error)})
        except (ClusterError, StorageError) as error:
            result = "retry"
            wait = error.retry_after if isinstance(error, UnavailableError) else None
            raise RetryLaterError(str(error), wait) from error
        finally:
            if result != "ok":
                self._leave_line(upload_id)
                if hinted:
                    self._inbox.hinted.add(upload_id)
            metrics.RECONCILES.labels(result).inc()
            metrics.RECONCILE_SECONDS.observe(perf_counter() - start)

    async def _look_and_act(self, upload_id: str, *, hinted: bool) -> None:
        for _ in range(MAX_LOOKS):
            try:
                world = await self._gather(upload_id)
                await self._act(replace(world, hinted=hinted))
            except (ConflictError, GoneError) as error:
                _log.debug("Looking again", extra={"id": upload_id, "why": str(error)})
            else:
                return
        raise RetryLaterError("it changes all the time")

    async def _gather(self, upload_id: str) -> World:
        """Return the world as it is now.

        That an image is absent means something only if the upload was looked at before it. And that
        something was removed counts only if it was known before anything was read: what is told
        meanwhile is newer than what is read, and is left to the next look.
        """
        cluster = self._cluster
        removed = self._inbox.is_removed(upload_id)
        try:
            found, image, jobs = await gather_or_raise(
                cluster.get_upload(upload_id),
                cluster.get_image(upload_id),
                cluster.list_jobs(upload_id),
            )
            upload = self._read(Upload.from_dict, IMAGE_UPLOAD.kind, found)
            if image is None and _depends_on_absence(upload):
                image = await cluster.get_image(upload_id)
        except NotServedError:
            # While a kind is missing, every object of it seems to be gone: conclude nothing.
            self._inbox.removed.pop(upload_id, None)
            self._inbox.not_served()
            raise
        return World(
            id=upload_id,
            upload=upload,
            image=self._read(Image.from_dict, AVAILABLE_IMAGE.kind, image),
            jobs=tuple(
                job
                for found in jobs
                if (owner := owners.upload_of(found)) is not None
                and owner.upload_id == upload_id
                and (job := self._read(Job.from_dict, JOB, found)) is not None
            ),
            removed=removed,
        )

    def _read(
        self, read: Callable[[Mapping[str, Any]], T], kind: str, resource: Mapping[str, Any] | None
    ) -> T | None:
        """Return what an object says; None: there is none.

        Raises:
            UnreadableError: it is set aside. Its id is left alone as a whole: what it is cannot be
                told, so nothing may be concluded from the rest.
        """
        if resource is None:
            return None
        try:
            made = read(resource)
        except UnreadableError as error:
            self._inbox.aside.put(kind, resource, error)
            raise
        self._inbox.aside.back(kind, name_of(resource))
        return made

    async def _act(self, world: World) -> None:
        for _ in range(MAX_STEPS):
            action = decide(world, self._rules, self._now())
            _log.debug("Step", extra={"id": world.id, "step": type(action).__name__})
            if not isinstance(action, StartAttempt):
                self._leave_line(world.id)
            if isinstance(action, Wait):
                self._wait(world.id, action)
                return
            begun = self._now()
            try:
                changed = await self._steps.take(action, world)
            except StorageError as error:
                await self._storage_fails(world, error, begun)
                raise
            if changed is None:
                return
            world = changed
        raise RetryLaterError(f"no end after {MAX_STEPS} steps")

    async def _storage_fails(self, world: World, error: StorageError, begun: datetime) -> None:
        since = self._storage_fails_since.setdefault(world.id, begun)
        is_forbidden = isinstance(error, StorageForbiddenError)
        stall = Stall.STORAGE_FORBIDDEN if is_forbidden else Stall.STORAGE_UNAVAILABLE
        action = stalling.storage_fails(world.upload, stall, str(error), since, self._now())
        if world.upload is not None and action is not None:
            with suppress(ClusterError):
                await self._steps.statuses.take(action, world.upload)

    def _wait(self, upload_id: str, action: Wait) -> None:
        if action.until is not None:
            delay = (action.until - self._now()).total_seconds()
            self._inbox.queue.add_later(upload_id, max(delay, 0))

    def _leave_line(self, upload_id: str) -> None:
        if self._inbox.slots.leave(upload_id):
            self._inbox.wake_waiting()


def _depends_on_absence(upload: Upload | None) -> bool:
    if upload is None or upload.deleting:
        return True
    return upload.status.progress is Progress.PUBLISHING
