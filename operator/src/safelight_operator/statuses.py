"""Writes the status of uploads, each write as a compare-and-swap."""

import logging

from safelight_operator.actions import SetStatus
from safelight_operator.cluster import Cluster
from safelight_operator.conditions import Status
from safelight_operator.events import Events
from safelight_operator.world import Upload

_log = logging.getLogger(__name__)


class Statuses:
    """The status of each upload in one namespace."""

    def __init__(self, cluster: Cluster, events: Events) -> None:
        self._cluster = cluster
        self._events = events

    async def write(self, upload: Upload, status: Status) -> Upload:
        """Write an upload's status if nobody has changed the upload since it was read.

        Raises:
            ConflictError: somebody has.
            GoneError: it does not exist any more.
        """
        body = status.to_patch(upload.generation)
        version = upload.resource_version
        return Upload.from_dict(await self._cluster.patch_upload_status(upload.id, version, body))

    async def take(self, action: SetStatus, upload: Upload) -> Upload:
        """Write the status of a step, and warn if it says that the upload has stalled."""
        patched = await self.write(upload, action.status)
        ids = {"id": upload.id, "uid": upload.uid}
        stalled = action.status.stalled
        if stalled is None or stalled == upload.status.stalled:
            state = action.status.progress
            _log.info("Status", extra={**ids, "state": state, "why": action.detail})
        else:
            _log.warning("Stalled", extra={**ids, "reason": stalled.reason, "why": action.detail})
            self._events.warn(upload, stalled.reason, f"{stalled.message} {action.detail}".strip())
        return patched
