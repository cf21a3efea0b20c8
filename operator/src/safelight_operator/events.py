"""Events for `kubectl describe`: sent in the background, since nothing depends on them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from safelight_contract.resources import IMAGE_UPLOAD
from safelight_contract.unreadable import name_of
from safelight_operator import manifest
from safelight_operator.canary import JOB
from safelight_operator.cluster import Cluster
from safelight_operator.errors import ClusterError
from safelight_operator.world import Upload

_log = logging.getLogger(__name__)

AT_ONCE: Final = 4
"""Events that are sent at a time: the work needs the connections too."""
MOST_WAITING: Final = 256
"""Further ones are left out: the log and the metrics tell of everything."""


class Events:
    """Records warnings about uploads."""

    def __init__(self, cluster: Cluster, instance: str, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._instance = instance
        self._now = now
        self._background: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(AT_ONCE)

    def warn(self, upload: Upload, reason: str, note: str) -> None:
        """Record a warning about the current attempt; the same reason is told once for each."""
        subject = manifest.Subject(IMAGE_UPLOAD.kind, upload.id, upload.uid)
        self._record(subject, reason, note, upload.status.attempt)

    def unreadable(self, kind: str, resource: Mapping[str, Any], why: str) -> None:
        """Record on an object that it cannot be read; the same object is told of once."""
        metadata = resource.get("metadata")
        uid = metadata.get("uid") if isinstance(metadata, Mapping) else None
        name = name_of(resource)
        if not name or not isinstance(uid, str) or not uid.isascii():
            return
        note = f"The object cannot be read ({why}): it is set aside until it changes"
        named = {"api_version": "batch/v1"} if kind == JOB else {}
        self._record(manifest.Subject(kind, name, uid, **named), "Unreadable", note)

    def _record(
        self, subject: manifest.Subject, reason: str, note: str, attempt: int | None = None
    ) -> None:
        if len(self._background) >= MOST_WAITING:
            return
        body = manifest.event(
            self._cluster.namespace,
            subject,
            reason=reason,
            attempt=attempt,
            note=note,
            instance=self._instance,
            now=self._now(),
        )
        task = asyncio.get_running_loop().create_task(self._send(body))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _send(self, body: dict[str, object]) -> None:
        try:
            async with self._turn:
                await self._cluster.create_event(body)
        except ClusterError as error:
            _log.debug("No Event", extra={"why": str(error)})
