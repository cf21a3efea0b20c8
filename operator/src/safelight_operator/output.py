"""What an attempt has stored: believed only as far as it has been checked.

The container that wrote it has parsed hostile bytes, so nothing in its manifest names a key, and
every field is held against the ImageUpload and against the stored object itself.
"""

from dataclasses import dataclass

from safelight_contract import keys, policy
from safelight_contract.job import JobError, Manifest
from safelight_contract.resources import StoredImage
from safelight_operator.world import Upload


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """What the object storage says about an object."""

    size: int
    """Bytes."""
    media_type: str
    etag: str
    """Without quotes."""


def original_key(upload: Upload) -> str:
    """Return the key of the original: derived, never read."""
    return keys.original(upload.id, policy.format_of(upload.spec.media_type))


def image_key(upload: Upload) -> str:
    """Return the key that the current attempt's image has: derived, never read."""
    image_format = policy.format_of(upload.spec.media_type)
    return keys.image(upload.id, upload.status.attempt, image_format)


def read(upload_id: str, attempt: int, manifest: bytes | None) -> Manifest | None:
    """Return the manifest of an attempt; None if it is absent, malformed, or another attempt's."""
    if manifest is None:
        return None
    try:
        record = Manifest.decode(manifest)
    except JobError:
        return None
    return record if (record.upload_id, record.attempt) == (upload_id, attempt) else None


def stored_image(record: Manifest, image: ObjectHead | None) -> StoredImage | None:
    """Return the image that a manifest speaks of.

    Args:
        record: the manifest.
        image: what the object storage says about the object at `record.key`, if it is there.

    Returns:
        None if the object is missing or is not as the manifest says.
    """
    if image is None or (image.size, image.media_type) != (record.size, record.media_type):
        return None
    return StoredImage(
        key=record.key,
        media_type=record.media_type,
        size=record.size,
        width=record.width,
        height=record.height,
        sha256=record.sha256,
        etag=image.etag,
    )


def check(upload: Upload, manifest: bytes | None, image: ObjectHead | None) -> StoredImage | None:
    """Return the image of the current attempt.

    Args:
        upload: whose image it must be.
        manifest: the bytes of the attempt's manifest, if there is one.
        image: what the object storage says about the image at `image_key`, if it is there.

    Returns:
        None if anything is missing, malformed, or speaks of another upload or attempt.
    """
    record = read(upload.id, upload.status.attempt, manifest)
    if record is None:
        return None
    told = (record.upload_uid, record.source_sha256, record.media_type)
    if told != (upload.uid, upload.spec.sha256, upload.spec.media_type):
        return None
    return stored_image(record, image)
