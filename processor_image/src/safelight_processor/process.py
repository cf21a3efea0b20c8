"""The story of one attempt: fetch, verify, transform, store, and commit by the manifest."""

import hashlib
from typing import Protocol

from safelight_contract.job import ExitCode, JobRequest, Manifest
from safelight_processor import __version__
from safelight_processor.errors import ImageRejected
from safelight_processor.log import Log
from safelight_processor.original import Original, accepted_format


class Store(Protocol):
    """Where the original comes from and the results go: object storage, or a folder."""

    def fetch(self, original: Original) -> None:
        """Write the whole original into `original`.

        Raises:
            ProcessingFailed: it cannot be had.
        """

    def store_image(self, data: bytes) -> None:
        """Store the image; a second time is as good as the first.

        Raises:
            StorageFailed: it could not be stored.
        """

    def store_manifest(self, data: bytes) -> None:
        """Store the manifest; the same holds as for the image.

        Raises:
            StorageFailed: it could not be stored.
        """


def process(request: JobRequest, store: Store, log: Log) -> Manifest:
    """Make one safe image of one original, and store it.

    Args:
        request: what is asked for; its URLs are the store's business.
        store: where to read and write.
        log: takes the phases and one line when the first byte has arrived.

    Returns:
        The manifest, after it was stored: the attempt has succeeded.

    Raises:
        ImageRejected: the original is at fault.
        StorageFailed: the store is at fault.
        MemoryError: the picture needs more memory than there is.
    """
    original = Original(request.size, request.sha256)
    with log.phase("fetch"):
        store.fetch(original)
        original.verify()
    log.event("fetched", cpu_ms_before_first_byte=original.cpu_ms_before_first_byte)
    image_format = accepted_format(original.head())
    if image_format.media_type != request.media_type:
        raise ImageRejected(
            ExitCode.UNSUPPORTED_FORMAT,
            f"the leading bytes are those of {image_format.media_type}, not of what was declared",
        )

    with log.phase("import"):
        # Pillow is loaded only for a file that it will read.
        from safelight_processor import image  # noqa: PLC0415 - see above
    with log.phase("transform"):
        result = image.transform(original.file, image_format)

    manifest = Manifest(
        upload_id=request.upload_id,
        upload_uid=request.upload_uid,
        attempt=request.attempt,
        file_name=request.file_name,
        source_sha256=request.sha256,
        media_type=image_format.media_type,
        size=len(result.data),
        width=result.width,
        height=result.height,
        sha256=hashlib.sha256(result.data).hexdigest(),
        processor=f"safelight/{__version__} pillow/{image.PILLOW_VERSION}",
    )
    with log.phase("store"):
        store.store_image(result.data)
        store.store_manifest(manifest.encode())
    return manifest
