"""The actions on available images. No web framework in here."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from safelight_api import errors
from safelight_api.cache import Cache
from safelight_api.cluster import Cluster
from safelight_api.cluster_errors import UnavailableError
from safelight_api.conditions import ByteRange
from safelight_api.objects import (
    ObjectChangedError,
    ObjectMissingError,
    Objects,
    ObjectStream,
    StorageError,
)
from safelight_api.projections import Image, is_going, write_time
from safelight_api.reading import Reader, projected
from safelight_contract import keys, policy
from safelight_contract.resources import (
    ANNOTATION_UPDATED_AT,
    AVAILABLE_IMAGE,
    IMAGE_UPLOAD,
    StoredImage,
)

logger = logging.getLogger(__name__)


class Images:
    """Opens, comments and deletes images.

    Args:
        cluster: where the resources are.
        objects: where the bytes are.
        cache: what is known.
        reader: reads what is not known.
        clock: the time, for `updated_at`.
    """

    def __init__(
        self,
        cluster: Cluster,
        objects: Objects,
        cache: Cache,
        reader: Reader,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._cluster = cluster
        self._objects = objects
        self._cache = cache
        self._reader = reader
        self._clock = clock

    async def open(
        self, image: Image, stored: StoredImage, part: ByteRange | None
    ) -> ObjectStream | None:
        """Open one of the files of an image; None: the image was deleted meanwhile.

        Raises:
            ApiError: 503, the storage cannot be reached; 500, it has lost or changed the bytes,
                which no further try mends.
        """
        try:
            return await self._objects.open(stored.key, stored.etag, part)
        except (ObjectMissingError, ObjectChangedError) as error:
            if await self._reader.fresh_image(image.id) is None:
                return None
            logger.error(  # noqa: TRY400 - the storage's answer says all; a trace adds nothing
                "the bytes of an image are lost", extra={"id": image.id, "error": repr(error)}
            )
            raise errors.internal() from error
        except StorageError as error:
            logger.warning("cannot read an image", extra={"id": image.id, "error": str(error)})
            raise errors.unavailable() from error

    async def comment(self, image: Image, comment: str | None) -> Image | None:
        """Set the comment, or remove it with None; None: the image is not there any more.

        The last writer wins.

        Raises:
            ClusterError: the outcome is unknown; it can be tried again.
        """
        patch = {
            "metadata": {"annotations": {ANNOTATION_UPDATED_AT: write_time(self._clock())}},
            "spec": {"comment": comment},
        }
        try:
            resource = await self._cluster.patch(AVAILABLE_IMAGE, image.id, patch)
        except UnavailableError as error:
            if not error.may_have_happened:
                raise
            resource = await self._cluster.patch(AVAILABLE_IMAGE, image.id, patch)
        if resource is None:
            await self._reader.fresh_image(image.id)
            return None
        if is_going(resource):
            return None
        changed = projected(Image.of, resource)
        self._cache.images.observed(changed)
        logger.info("comment changed", extra={"id": image.id})
        return changed

    async def delete(self, image: Image) -> bool:
        """Delete an image: the record first, then its objects; False: it is not there any more.

        The upload that it replaces may not be deleted yet; left alone, it would be published again.
        The objects go as far as the storage can be reached; the operator's sweeper does the rest.

        Raises:
            ClusterError: the outcome is unknown; it can be tried again.
        """
        await self._cluster.delete(IMAGE_UPLOAD, image.id, image.spec.upload_uid)
        deleted = await self._cluster.delete(AVAILABLE_IMAGE, image.id, image.uid)
        await self._reader.fresh_image(image.id)
        if not deleted:
            return False
        try:
            await self._objects.delete_prefix(keys.images_prefix(image.id))
            # Nobody may have told the original's format, and the image can be in another one.
            await self._objects.delete(*(keys.original(image.id, f) for f in policy.FORMATS))
        except StorageError as error:
            logger.warning("objects are left", extra={"id": image.id, "error": str(error)})
        logger.info("image deleted", extra={"id": image.id, "uid": image.uid})
        return True
