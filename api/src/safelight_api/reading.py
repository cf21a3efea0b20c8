"""What an id stands for: from the cache where it can tell, else from the cluster.

The order is what makes it right: an ImageUpload is deleted only after its AvailableImage is there
and confirmed. So whoever finds no upload and then, in this order, no confirmed image may say that
there is nothing. Every fresh read goes into the cache.

What is being deleted is gone. What cannot be read is neither there nor gone: there is no answer.

Requests of one client for the same id share a read that waits for its turn. One that has left is
not shared: it may have missed what was there when the later request came.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from safelight_api import caller
from safelight_api.cache import Cache
from safelight_api.cluster import Cluster, Reading
from safelight_api.cluster_errors import ClusterError, UnavailableError
from safelight_api.projections import Image, Upload, is_going
from safelight_contract.resources import AVAILABLE_IMAGE, IMAGE_UPLOAD, Kind
from safelight_contract.unreadable import UnreadableError

T = TypeVar("T")


class Reader:
    """Reads both kinds."""

    def __init__(self, cluster: Cluster, cache: Cache) -> None:
        self._cluster = cluster
        self._cache = cache
        self._waiting: dict[tuple[str, str, str], asyncio.Future[Reading]] = {}

    async def state(self, upload_id: str) -> Image | Upload | None:
        """Return the image of an id, else its upload; None: there is neither.

        Raises:
            ClusterError: the cache cannot tell, and the cluster does not answer.
        """
        known = self._cache.state(upload_id)
        if known is not None:
            return known
        upload = await self.fresh_upload(upload_id)
        if upload is not None and not self._cache.is_replaced(upload):
            return self._cache.state(upload_id) or upload
        image = await self.fresh_image(upload_id)
        return image if image is not None and image.ready else None

    async def upload(self, upload_id: str) -> Upload | None:
        """Return an upload; None: there is none.

        Raises:
            ClusterError: the cache cannot tell, and the cluster does not answer.
        """
        return self._cache.uploads.get(upload_id) or await self.fresh_upload(upload_id)

    async def image(self, image_id: str) -> Image | None:
        """Return an image that clients may see; None: there is none.

        Raises:
            ClusterError: the cache cannot tell, and the cluster does not answer.
        """
        known = self._cache.images.get(image_id)
        if known is not None and known.ready:
            return known
        image = await self.fresh_image(image_id)
        return image if image is not None and image.ready else None

    async def fresh_upload(self, upload_id: str) -> Upload | None:
        """Return an upload as it is in the cluster now."""
        reading = await self._read(IMAGE_UPLOAD, upload_id)
        if reading.resource is None or is_going(reading.resource):
            self._cache.uploads.missed(upload_id, reading.revision)
            return None
        upload = projected(Upload.of, reading.resource)
        self._cache.uploads.observed(upload)
        return upload

    async def fresh_image(self, image_id: str) -> Image | None:
        """Return an image as it is in the cluster now, confirmed or not."""
        reading = await self._read(AVAILABLE_IMAGE, image_id)
        if reading.resource is None or is_going(reading.resource):
            self._cache.images.missed(image_id, reading.revision)
            return None
        image = projected(Image.of, reading.resource)
        self._cache.images.observed(image)
        return image

    async def _read(self, kind: Kind, name: str) -> Reading:
        key = (caller.current(), kind.plural, name)
        task = asyncio.current_task()
        while (waiting := self._waiting.get(key)) is not None:
            try:
                return await asyncio.shield(waiting)
            except asyncio.CancelledError:
                if task is None or task.cancelling():
                    raise
                # The request whose read it was has ended without an answer.
        answer: asyncio.Future[Reading] = asyncio.get_running_loop().create_future()
        self._waiting[key] = answer

        def leave() -> None:
            if self._waiting.get(key) is answer:
                del self._waiting[key]

        try:
            async with self._cluster.turn():
                leave()
                reading = await self._cluster.read(kind, name)
        except ClusterError as error:
            answer.set_exception(error)
            answer.exception()  # Told, even if nobody shares it.
            raise
        else:
            answer.set_result(reading)
            return reading
        finally:
            leave()
            answer.cancel()


def projected(project: Callable[[Mapping[str, Any]], T], resource: Mapping[str, Any]) -> T:
    """Return what is kept of a resource that the API server has answered with.

    Raises:
        UnavailableError: it cannot be read. An administrator may mend that, so it is no "never".
    """
    try:
        return project(resource)
    except UnreadableError as error:
        raise UnavailableError(f"unreadable: {error}", may_have_happened=True) from error
