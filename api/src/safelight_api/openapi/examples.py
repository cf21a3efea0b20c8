"""Examples, made by the functions that make the answers: they look as answers do."""

from dataclasses import replace

from safelight_api import packing, representations
from safelight_api.openapi.building import Json
from safelight_api.projections import Image, Upload
from safelight_api.representations import Page
from safelight_api.routes import images, uploads
from safelight_api.routes.common import DEFAULT_PAGE_SIZE
from safelight_api.settings import Settings
from safelight_contract import keys, policy
from safelight_contract.facts import Change, Facts, Removed, Warning  # noqa: A004 - see there
from safelight_contract.resources import (
    AvailableImageSpec,
    Failure,
    ImageUploadSpec,
    Progress,
    StoredImage,
)

ID = "550e8400-e29b-41d4-a716-446655440000"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_UPLOADED_AT = "2025-01-01T12:00:00Z"
_AVAILABLE_AT = "2025-01-01T12:00:30Z"


def made(settings: Settings) -> Json:
    """Return the examples by name."""
    failed = replace(_upload(), progress=None, failure=Failure.CORRUPT_IMAGE)
    upload, image = representations.upload(_upload()), representations.image(_image())
    uploads_page = _page(uploads.PATH, upload)
    uploads_page["meta"] |= uploads.accepted(settings)
    named = {
        "Upload": ("An upload.", {"data": upload}),
        "UploadPage": ("The only page of a list.", uploads_page),
        "Image": ("An image.", {"data": image}),
        "ImagePage": ("The only page of a list.", _page(images.PATH, image)),
        "Processing": ("It waits for its turn.", representations.status(_upload(), 3)),
        "Processed": ("It has become an image.", representations.status(_image(), 0)),
        "Failed": ("It has failed.", representations.status(failed, 0)),
        "NotFound": ("There is nothing.", representations.status(None, 0)),
    }
    return {name: {"summary": summary, "value": value} for name, (summary, value) in named.items()}


def _page(path: str, item: Json) -> Json:
    return representations.page_of(
        path, Page(1, DEFAULT_PAGE_SIZE, size_was_given=False), [item], 1
    )


def _upload() -> Upload:
    return Upload(
        id=ID,
        uid="",
        revision=0,
        created_at=_UPLOADED_AT,
        updated_at=_UPLOADED_AT,
        spec=ImageUploadSpec(
            file_name="IMG_0001.HEIC",
            media_type=policy.HEIF.media_type,
            size=2_897_321,
            sha256=_SHA256,
        ),
        progress=Progress.QUEUED,
        failure=None,
    )


def _image() -> Image:
    small = {
        "name": "w640",
        "key": keys.image(ID, 1, policy.AVIF, "w640"),
        "mediaType": policy.AVIF.media_type,
        "size": 41_209,
        "width": 640,
        "height": 480,
        "sha256": _SHA256,
        "etag": "-",
    }
    return Image(
        id=ID,
        uid="",
        revision=0,
        created_at=_AVAILABLE_AT,
        updated_at=_AVAILABLE_AT,
        spec=AvailableImageSpec(
            upload_uid="",
            file_name="IMG_0001.HEIC",
            image=StoredImage(
                key=keys.image(ID, 1, policy.JPEG),
                media_type=policy.JPEG.media_type,
                size=1_482_113,
                width=2880,
                height=2160,
                sha256=_SHA256,
                etag="",
            ),
            comment="the harbour at night",
        ),
        ready=True,
        facts=Facts(
            original_media_type=policy.HEIF.media_type,
            original_size=2_897_321,
            original_width=4032,
            original_height=3024,
            thumbhash="1QcSHQRnh493V4dIh4eXh1h4kJUI",
            dominant_color="#c8d0d8",
            changes=(Change.ROTATED, Change.RESIZED, Change.FORMAT_CHANGED),
            removed=(Removed.EXIF, Removed.GPS),
            warnings=(Warning.HDR_GAIN_MAP_DROPPED,),
        ),
        packed_variants=packing.pack([small]),
    )
