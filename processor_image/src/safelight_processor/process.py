"""The story of one attempt: fetch, verify, transform, store, and commit by the manifest."""

import hashlib
from dataclasses import replace
from typing import Protocol

from safelight_contract.job import ExitCode, JobRequest, Manifest, Variant
from safelight_processor import __version__
from safelight_processor.encoded import EncodedImage
from safelight_processor.errors import ImageRejected
from safelight_processor.log import Log
from safelight_processor.original import (
    Original,
    accepted_format,
    cpu_milliseconds,
    peak_memory_bytes,
)


class Store(Protocol):
    """Where the original comes from and the results go: object storage, or a folder."""

    def fetch(self, original: Original) -> None:
        """Write the whole original into `original`.

        Raises:
            ProcessingFailed: it cannot be had.
        """

    def store_image(self, file_name: str, data: bytes) -> None:
        """Store the image or a variant; a second time is as good as the first.

        Raises:
            StorageFailed: it could not be stored.
        """

    def store_manifest(self, data: bytes) -> None:
        """Store the manifest; the same holds as for the image.

        Raises:
            StorageFailed: it could not be stored.
        """


def process(request: JobRequest, store: Store, log: Log) -> Manifest:
    """Make safe images of one original, and store them.

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
    source = accepted_format(original.head(), request.recipe)
    if source.media_type != request.media_type:
        raise ImageRejected(
            ExitCode.UNSUPPORTED_FORMAT,
            f"the leading bytes are those of {source.media_type}, not of what was declared",
        )

    with log.phase("import"):
        # The libraries are loaded only for a file that they will read.
        from safelight_processor.transform import transform  # noqa: PLC0415 - see above
    result = transform(original.take(), source, request.recipe, log)

    image = result.image
    with log.phase("store"):
        for encoded in (image, *result.variants):
            store.store_image(encoded.file_name, encoded.data)
    manifest = Manifest(
        upload_id=request.upload_id,
        upload_uid=request.upload_uid,
        attempt=request.attempt,
        file_name=request.file_name,
        source_sha256=request.sha256,
        media_type=image.format.media_type,
        size=len(image.data),
        width=image.width,
        height=image.height,
        sha256=_sha256(image),
        processor=f"safelight/{__version__} {result.versions}",
        facts=replace(
            result.facts,
            milliseconds={name: round(ms) for name, ms in log.milliseconds.items()},
            cpu_milliseconds=round(cpu_milliseconds()),
            peak_memory_bytes=peak_memory_bytes(),
        ),
        variants=tuple(
            Variant(
                name=variant.name,
                media_type=variant.format.media_type,
                size=len(variant.data),
                width=variant.width,
                height=variant.height,
                sha256=_sha256(variant),
            )
            for variant in result.variants
        ),
    )
    store.store_manifest(manifest.encode())
    return manifest


def _sha256(encoded: EncodedImage) -> str:
    return hashlib.sha256(encoded.data).hexdigest()
