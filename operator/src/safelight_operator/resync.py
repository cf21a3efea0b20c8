"""What Kopf's watches cannot promise: full lists from time to time, and the watch of deletions.

Nothing is concluded from absence here: ids are nominated, and looked at one by one.
"""

import asyncio
import logging
from contextlib import aclosing
from time import monotonic, time
from typing import Final

from safelight_contract.resources import IMAGE_UPLOAD
from safelight_contract.unreadable import name_of, part
from safelight_operator import metrics
from safelight_operator.canary import JOBS, Canary
from safelight_operator.cluster import Cluster
from safelight_operator.errors import ClusterError, ExpiredError, NotServedError
from safelight_operator.inbox import Inbox
from safelight_operator.transport import gather_or_raise

RETRY_SECONDS: Final = 2.0
"""Between two tries of a list or a watch that failed."""
SECOND_LIST_SECONDS: Final = 5.0
"""From the first list to the second: watches have begun in between."""

_log = logging.getLogger(__name__)


class Resync:
    """Lists everything at the start and every so many seconds."""

    def __init__(self, cluster: Cluster, inbox: Inbox, canary: Canary, seconds: float) -> None:
        self._cluster = cluster
        self._inbox = inbox
        self._canary = canary
        self._seconds = seconds

    async def first(self) -> None:
        """List everything once, however often it must be tried."""
        while not await self.once():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(RETRY_SECONDS)

    async def run(self) -> None:
        """List again and again."""
        # What is deleted after the first list and before the watches have begun has no event.
        await asyncio.sleep(min(SECOND_LIST_SECONDS, self._seconds))
        while True:
            await self.once()
            await asyncio.sleep(self._seconds)

    async def once(self) -> bool:
        """List everything; return whether that worked."""
        asked = self._inbox.queue.now()
        try:
            uploads, jobs = await gather_or_raise(
                self._cluster.list_all_uploads(),
                self._cluster.list_all_jobs(),
            )
        except ClusterError as error:
            # After a gap like this, what is missing in the next list proves nothing.
            self._inbox.forget()
            if isinstance(error, NotServedError):
                self._inbox.not_served()
            metrics.RESYNCS.labels("error").inc()
            _log.warning("No full list", extra={"why": str(error)})
            return False
        self._inbox.listed(uploads, jobs, asked)
        self._canary.listed(IMAGE_UPLOAD.plural, uploads)
        self._canary.listed(JOBS, jobs)
        metrics.RESYNCS.labels("ok").inc()
        return True


class Deletions:
    """Watches AvailableImages for deletions; reads nothing but their metadata, keeps nothing."""

    def __init__(self, cluster: Cluster, inbox: Inbox) -> None:
        self._cluster = cluster
        self._inbox = inbox
        self._version = ""
        self._heard = monotonic()

    @property
    def age(self) -> float:
        """Seconds since the watch last heard from the server."""
        return monotonic() - self._heard

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            try:
                await self._watch()
            except ExpiredError as error:
                _log.info("Watch starts over", extra={"why": str(error)})
                self._version = ""
                await asyncio.sleep(RETRY_SECONDS / 4)
            except ClusterError as error:
                _log.warning("Watch broke", extra={"why": str(error)})
                await asyncio.sleep(RETRY_SECONDS)
            metrics.WATCH_RESTARTS.labels("availableimages").inc()

    async def _watch(self) -> None:
        self._version = self._version or await self._cluster.images_version()
        self._note()
        async with aclosing(self._cluster.watch_images(self._version)) as events:
            async for event in events:
                self._note()
                resource = part(event, "object")
                version = part(resource, "metadata").get("resourceVersion")
                self._version = version if isinstance(version, str) else self._version
                if event.get("type") == "DELETED":
                    self._inbox.image_deleted(name_of(resource))
                else:
                    self._inbox.image_changed(name_of(resource))

    def _note(self) -> None:
        self._heard = monotonic()
        metrics.WATCH_LAST_EVENT.labels("availableimages").set(time())
