"""The actions on uploads. No web framework in here."""

import asyncio
import logging
import uuid
from typing import Final

from safelight_api import errors
from safelight_api.cache import Cache
from safelight_api.cluster import Cluster
from safelight_api.cluster_errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    QuotaExceededError,
    UnavailableError,
)
from safelight_api.objects import Objects, StorageError, StorageUnavailableError
from safelight_api.projections import Upload, is_going
from safelight_api.reading import Reader, projected
from safelight_api.receiving import Received
from safelight_contract import keys
from safelight_contract.resources import (
    ANNOTATION_RETRIED_BY,
    ANNOTATION_RETRY,
    ANNOTATION_UPLOADED_BY,
    AVAILABLE_IMAGE,
    IMAGE_UPLOAD,
    ImageUploadSpec,
    Progress,
)

logger = logging.getLogger(__name__)

WRITE_ATTEMPTS: Final = 3
RETRY_SECONDS: Final = 0.5
"""Before the second attempt; before the third twice as long."""


class Uploads:
    """Creates, retries and deletes uploads.

    Args:
        cluster: where the resources are.
        objects: where the bytes are.
        cache: what is known.
        reader: reads what is not known.
    """

    def __init__(self, cluster: Cluster, objects: Objects, cache: Cache, reader: Reader) -> None:
        self._cluster = cluster
        self._objects = objects
        self._cache = cache
        self._reader = reader

    async def create(self, received: Received, client: str) -> Upload:
        """Store a file, then create its ImageUpload: both are durable when this returns.

        Raises:
            ApiError: 429 or 503. Nothing is left behind, unless nobody can tell whether the
                ImageUpload was created; then it is left to be processed, or to be swept.
        """
        upload_id = str(uuid.uuid4())
        key = keys.original(upload_id, received.format)
        spec = ImageUploadSpec(
            file_name=received.name,
            media_type=received.format.media_type,
            size=received.size,
            sha256=received.sha256,
        )
        try:
            await self._objects.put(
                key,
                received.file,
                size=received.size,
                sha256=received.sha256,
                media_type=received.format.media_type,
            )
        except StorageError as error:
            logger.warning("cannot store an original", extra={"id": upload_id, "error": str(error)})
            if isinstance(error, StorageUnavailableError):
                await self._undo(upload_id, key)
            raise errors.unavailable() from error
        try:
            upload = await self._create_resource(upload_id, spec, client)
        except ClusterError as error:
            logger.warning("cannot create an upload", extra={"id": upload_id, "error": str(error)})
            if not (isinstance(error, UnavailableError) and error.may_have_happened):
                await self._undo(upload_id, key)
            if isinstance(error, QuotaExceededError):
                raise errors.busy() from error
            raise errors.unavailable() from error
        self._cache.uploads.observed(upload)
        logger.info("uploaded", extra={"id": upload.id, "uid": upload.uid, "size": received.size})
        return upload

    async def delete(self, upload: Upload) -> bool:
        """Delete an upload and all that came of it; False: it is not there any more.

        The operator may be about to publish it, so an image of this very upload goes too. The
        objects go as far as the storage can be reached; the operator's sweeper does the rest.

        Raises:
            ClusterError: the outcome is unknown; it can be tried again.
        """
        if not await self._cluster.delete(IMAGE_UPLOAD, upload.id, upload.uid):
            await self._reader.fresh_upload(upload.id)
            return False
        await self._reader.fresh_upload(upload.id)
        image = await self._reader.fresh_image(upload.id)
        if image is not None and image.spec.upload_uid == upload.uid:
            await self._cluster.delete(AVAILABLE_IMAGE, image.id, image.uid)
            await self._reader.fresh_image(upload.id)
        try:
            await self._objects.delete(keys.original(upload.id, upload.format))
            await self._objects.delete_prefix(keys.images_prefix(upload.id))
        except StorageError as error:
            logger.warning("objects are left", extra={"id": upload.id, "error": str(error)})
        logger.info("upload deleted", extra={"id": upload.id, "uid": upload.uid})
        return True

    async def retry(self, upload_id: str, client: str) -> Upload:
        """Ask for another attempt at a failed upload; return it, under way again.

        The annotation is set only on the very state that was seen to have failed. Its value is
        chosen once, so a try whose answer was lost is recognised, and never counts twice. From now
        on the upload counts for the client that asks, whoever has sent it.

        Raises:
            ApiError: 404, there is no such upload; 409, it has not failed.
            ClusterError: the outcome is unknown; it can be tried again.
        """
        value, reason = str(uuid.uuid4()), ""
        for attempt in range(WRITE_ATTEMPTS):
            await asyncio.sleep(RETRY_SECONDS * attempt)
            try:
                upload = await self._failed_upload(upload_id, value)
                if upload.retry == value:
                    return upload
                metadata = {
                    "uid": upload.uid,
                    "resourceVersion": str(upload.revision),
                    "annotations": {ANNOTATION_RETRY: value, ANNOTATION_RETRIED_BY: client},
                }
                resource = await self._cluster.patch(
                    IMAGE_UPLOAD, upload_id, {"metadata": metadata}
                )
            except (ConflictError, UnavailableError) as error:
                reason = str(error)
                continue
            if resource is not None:
                if is_going(resource):
                    raise errors.not_found()
                retried = projected(Upload.of, resource)
                self._cache.uploads.observed(retried)
                logger.info("upload retried", extra={"id": upload_id, "uid": retried.uid})
                return retried
        raise UnavailableError(reason, may_have_happened=True)

    async def _failed_upload(self, upload_id: str, value: str) -> Upload:
        """Return an upload that can be retried, or for which this retry was asked already.

        Raises:
            ApiError: 404 or 409, there is none.
        """
        upload = await self._reader.fresh_upload(upload_id)
        if upload is None and await self._reader.fresh_image(upload_id) is None:
            raise errors.not_found()
        if upload is not None and upload.retry == value:
            return upload
        if upload is None or upload.failure is None or upload.expired:
            raise errors.conflict("Only an upload that has failed can be retried.")
        return upload

    async def _create_resource(self, upload_id: str, spec: ImageUploadSpec, client: str) -> Upload:
        """Create the ImageUpload, or find out that an earlier try has created it.

        Never a second one: it could be processed and gone by then, so before every further try it
        is looked for, and its image too.

        Raises:
            ClusterError: it was refused; an UnavailableError says whether it may exist.
        """
        maybe_created = False
        reason = ""
        for attempt in range(WRITE_ATTEMPTS):
            await asyncio.sleep(RETRY_SECONDS * attempt)
            try:
                if maybe_created and (found := await self._find(upload_id, spec)) is not None:
                    return found
                created = await self._cluster.create(
                    IMAGE_UPLOAD, upload_id, spec.to_dict(), {ANNOTATION_UPLOADED_BY: client}
                )
                return projected(Upload.of, created)
            except AlreadyExistsError:
                maybe_created = True
            except UnavailableError as error:
                maybe_created |= error.may_have_happened
                reason = str(error)
            except ClusterError as error:
                if not maybe_created:
                    raise
                reason = str(error)
        raise UnavailableError(reason, may_have_happened=maybe_created)

    async def _find(self, upload_id: str, spec: ImageUploadSpec) -> Upload | None:
        """Return what a try whose answer was lost has created; its id is ours alone."""
        upload = await self._reader.fresh_upload(upload_id)
        if upload is not None:
            return upload
        image = await self._reader.fresh_image(upload_id)
        if image is None:
            return None
        return Upload(
            id=upload_id,
            uid=image.spec.upload_uid,
            revision=0,
            created_at=image.created_at,
            updated_at=image.created_at,
            spec=spec,
            progress=Progress.PUBLISHING,
            failure=None,
        )

    async def _undo(self, upload_id: str, key: str) -> None:
        """Delete an original that nobody will ask for, as far as possible."""
        try:
            await self._objects.delete(key)
        except StorageError as error:
            logger.warning("an original is left", extra={"id": upload_id, "error": str(error)})
