"""Resources and their projections, made for tests."""

import hashlib
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from safelight_api.openapi.document import describe
from safelight_api.projections import Image, Upload
from safelight_api.routes.common import encode
from safelight_api.settings import Settings
from safelight_contract import keys, policy
from safelight_contract.env import ObjectStoreSettings
from safelight_contract.facts import Change, Facts, Removed, Warning  # noqa: A004 - see there
from safelight_contract.resources import (
    AvailableImageSpec,
    ImageUploadSpec,
    StoredImage,
    StoredVariant,
)

_numbers = itertools.count(1)
DATA = bytes(range(256)) * 8
"""Of an image, for tests that look at its bytes."""
CREATED_AT = "2025-01-01T12:00:00Z"


def an_id() -> str:
    """Return a fresh id; later ones sort after earlier ones."""
    return f"{next(_numbers):08x}-0000-4000-8000-000000000000"


def condition(kind: str, status: str, reason: str, at: str = CREATED_AT) -> dict[str, Any]:
    """Return a condition."""
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": "",
        "lastTransitionTime": at,
    }


def upload_spec() -> ImageUploadSpec:
    """Return the spec of an upload."""
    return ImageUploadSpec(
        file_name="example.jpg", media_type="image/jpeg", size=1048576, sha256="ab" * 32
    )


def image_spec(image_id: str, upload_uid: str) -> AvailableImageSpec:
    """Return the spec of an image."""
    return AvailableImageSpec(
        upload_uid=upload_uid,
        file_name="example.jpg",
        image=StoredImage(
            key=keys.image(image_id, 1, policy.JPEG),
            media_type="image/jpeg",
            size=1000,
            width=640,
            height=480,
            sha256="cd" * 32,
            etag="abc",
        ),
    )


FACTS = Facts(
    original_media_type="image/heic",
    original_size=5000,
    original_width=4000,
    original_height=3000,
    thumbhash="1QcSHQRnh493V4dIh4eXh1h4kJUI",
    dominant_color="#c8d0d8",
    changes=(Change.ROTATED, Change.FORMAT_CHANGED),
    removed=(Removed.EXIF, Removed.GPS),
    warnings=(Warning.HDR_GAIN_MAP_DROPPED,),
    milliseconds={"decode": 130, "encode": 90},
    cpu_milliseconds=301,
    peak_memory_bytes=130_000_000,
)


def variants(directory: str) -> tuple[StoredVariant, ...]:
    """Return eight variants, as the default recipe makes them of a large JPEG.

    Args:
        directory: of the keys, with a slash at its end.
    """
    return tuple(
        StoredVariant(
            name=f"w{width}",
            key=f"{directory}w{width}.{image_format.extension}",
            media_type=image_format.media_type,
            size=width * size,
            width=width,
            height=width * 3 // 4,
            sha256=hashlib.sha256(f"{directory}{width}{size}".encode()).hexdigest(),
            etag=hashlib.sha256(f"{size}{width}{directory}".encode()).hexdigest()[:32],
        )
        for width in (320, 640, 1280, 1920)
        for image_format, size in ((policy.AVIF, 70), (policy.JPEG, 90))
    )


def full_image_spec(image_id: str, upload_uid: str) -> AvailableImageSpec:
    """Return the spec of an image with all that it can have."""
    spec = image_spec(image_id, upload_uid)
    return replace(
        spec,
        variants=variants(keys.attempt_prefix(image_id, 1)),
        facts=FACTS,
        processor="safelight/0.1.0 pillow/13.0.0",
    )


def upload(
    upload_id: str,
    revision: int,
    *conditions: dict[str, Any],
    uid: str = "u",
    created_at: str = CREATED_AT,
) -> Upload:
    """Return an upload as of a revision."""
    return Upload.of(
        {
            "metadata": metadata(upload_id, revision, uid, created_at),
            "spec": upload_spec().to_dict(),
            "status": {"conditions": list(conditions)},
        }
    )


def image(
    image_id: str,
    revision: int,
    *,
    ready: bool = True,
    upload_uid: str = "u",
    created_at: str = CREATED_AT,
    annotations: dict[str, str] | None = None,
) -> Image:
    """Return an image as of a revision."""
    resource = image_resource(
        image_id, revision, image_spec(image_id, upload_uid), ready=ready, created_at=created_at
    )
    if annotations:
        resource["metadata"]["annotations"] = annotations
    return Image.of(resource)


def image_resource(
    image_id: str,
    revision: int,
    spec: AvailableImageSpec,
    *,
    ready: bool = True,
    created_at: str = CREATED_AT,
) -> dict[str, Any]:
    """Return an AvailableImage as the API server does: each text in it is one of its own."""
    resource = {
        "metadata": metadata(image_id, revision, f"uid-of-{image_id}", created_at),
        "spec": spec.to_dict(),
        "status": {"conditions": [condition("Ready", str(ready), "Confirmed")]},
    }
    read: dict[str, Any] = json.loads(json.dumps(resource))
    return read


def metadata(name: str, revision: int, uid: str, created_at: str) -> dict[str, Any]:
    """Return an object's metadata."""
    return {
        "name": name,
        "uid": uid,
        "resourceVersion": str(revision),
        "creationTimestamp": created_at,
    }


SETTINGS = Settings(
    object_store=ObjectStoreSettings(
        endpoint="http://127.0.0.1:1",
        bucket="bucket",
        region="region",
        access_key_id="key",
        secret_access_key="secret",  # noqa: S106 - opens nothing
    ),
    namespace="namespace",
    tokens_directory=Path("/nowhere"),
)
"""What is needed to describe; nothing is started with them."""


def description(settings: Settings) -> dict[str, Any]:
    """Return the description as clients read it."""
    found: dict[str, Any] = json.loads(encode(describe(settings, settings.path_prefix)))
    return found
