"""What an attempt has stored: believed only as far as it has been checked.

The container that wrote it has parsed hostile bytes, so nothing in its manifest names a key, and
every field is held against the ImageUpload and against a listing of what the attempt has stored.
The type of each file needs no look: it is part of the signed URL that the file was written with.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from safelight_contract import keys, policy
from safelight_contract.job import JobError, Manifest, Variant
from safelight_contract.resources import AvailableImageSpec, StoredImage, StoredVariant
from safelight_operator.world import Output, Upload


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing of the bucket tells it."""

    key: str
    size: int
    """Bytes."""
    modified: datetime
    etag: str
    """Without quotes."""


def original_key(upload: Upload) -> str:
    """Return the key of the original: derived, never read."""
    return keys.original(upload.id, policy.format_of(upload.spec.media_type))


def read(upload_id: str, attempt: int, manifest: bytes | None) -> Manifest | None:
    """Return the manifest of an attempt; None if it is absent, malformed, or another attempt's."""
    if manifest is None:
        return None
    try:
        record = Manifest.decode(manifest)
    except JobError:
        return None
    return record if (record.upload_id, record.attempt) == (upload_id, attempt) else None


def to_publish(
    record: Manifest, stored: Collection[StoredObject], *, whole: bool = True
) -> AvailableImageSpec | None:
    """Return the spec of the AvailableImage that a manifest speaks of.

    Args:
        record: the manifest.
        stored: all objects of its attempt.
        whole: whether every variant must be there; otherwise a missing one is left out.

    Returns:
        None if a file is missing, or is not as long as the manifest says.
    """
    found = {each.key: each for each in stored}
    image = _as_stored(record, found.get(record.key))
    if image is None:
        return None
    variants = []
    for variant in record.variants:
        file = _as_stored(variant, found.get(record.variant_key(variant)))
        if file is not None:
            variants.append(StoredVariant(name=variant.name, **asdict(file)))
        elif whole:
            return None
    return AvailableImageSpec(
        upload_uid=record.upload_uid,
        file_name=record.file_name,
        image=image,
        variants=tuple(variants),
        facts=record.facts,
        processor=record.processor,
    )


def _as_stored(told: Manifest | Variant, file: StoredObject | None) -> StoredImage | None:
    """Return what is told of a file that lies there; None if none does, or one of another size."""
    if file is None or file.size != told.size:
        return None
    return StoredImage(
        key=file.key,
        media_type=told.media_type,
        size=told.size,
        width=told.width,
        height=told.height,
        sha256=told.sha256,
        etag=file.etag,
    )


def check(upload: Upload, manifest: bytes | None, stored: Collection[StoredObject]) -> Output:
    """Return the output of the current attempt.

    Args:
        upload: whose it must be.
        manifest: the bytes of the attempt's manifest, if there is one.
        stored: all objects of the attempt.

    Returns:
        One without a spec if anything is missing, malformed, or speaks of another upload, attempt
        or original.
    """
    record = read(upload.id, upload.status.attempt, manifest)
    if record is None or not _speaks_of(record, upload):
        return Output(None)
    spec = to_publish(record, stored)
    if spec is None:
        return Output(None)
    named = {spec.image.key, *(variant.key for variant in spec.variants)}
    named.add(keys.manifest(upload.id, upload.status.attempt))
    spare = sorted({each.key for each in stored} - named)
    return Output(replace(spec, file_name=upload.spec.file_name), tuple(spare))


def _speaks_of(record: Manifest, upload: Upload) -> bool:
    spec, facts = upload.spec, record.facts
    if (record.upload_uid, record.source_sha256) != (upload.uid, spec.sha256):
        return False
    original = (spec.media_type, spec.size)
    return facts is None or (facts.original_media_type, facts.original_size) == original
