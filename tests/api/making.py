"""Resources and their projections, made for tests."""

import itertools
from typing import Any

from safelight_api.projections import Image, Upload
from safelight_contract import keys, policy
from safelight_contract.resources import AvailableImageSpec, ImageUploadSpec, StoredImage

_numbers = itertools.count(1)
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
    return Image.of(
        {
            "metadata": metadata(image_id, revision, "a", created_at)
            | ({"annotations": annotations} if annotations else {}),
            "spec": image_spec(image_id, upload_uid).to_dict(),
            "status": {"conditions": [condition("Ready", str(ready), "Confirmed")]},
        }
    )


def metadata(name: str, revision: int, uid: str, created_at: str) -> dict[str, Any]:
    """Return an object's metadata."""
    return {
        "name": name,
        "uid": uid,
        "resourceVersion": str(revision),
        "creationTimestamp": created_at,
    }
