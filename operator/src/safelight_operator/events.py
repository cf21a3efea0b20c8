"""Events for `kubectl describe`: sent in the background, since nothing depends on them."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from safelight_contract.resources import IMAGE_UPLOAD
from safelight_operator import manifest
from safelight_operator.cluster import Cluster
from safelight_operator.errors import ClusterError
from safelight_operator.world import Upload

_log = logging.getLogger(__name__)


class Events:
    """Records warnings about uploads."""

    def __init__(self, cluster: Cluster, instance: str, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._instance = instance
        self._now = now
        self._background: set[asyncio.Task[None]] = set()

    def warn(self, upload: Upload, reason: str, note: str) -> None:
        """Record a warning about the current attempt; the same reason is told once for each."""
        body = manifest.event(
            self._cluster.namespace,
            manifest.Subject(IMAGE_UPLOAD.kind, upload.id, upload.uid),
            reason=reason,
            attempt=upload.status.attempt,
            note=note,
            instance=self._instance,
            now=self._now(),
        )
        task = asyncio.get_running_loop().create_task(self._send(body))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _send(self, body: dict[str, object]) -> None:
        try:
            await self._cluster.create_event(body)
        except ClusterError as error:
            _log.debug("No Event", extra={"why": str(error)})
