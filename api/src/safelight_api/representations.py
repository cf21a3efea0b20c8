"""Resources as the JSON that clients read, and the links between pages."""

from dataclasses import dataclass
from typing import Any, Final

from safelight_api import packing
from safelight_api.projections import Image, Upload
from safelight_contract import keys
from safelight_contract.facts import Facts
from safelight_contract.resources import FAILURE_MESSAGES, Progress

IMAGES_PATH: Final = "/api/available-image"
NOT_FOUND: Final[dict[str, Any]] = {"status": "not_found", "available_image": None}


def upload(item: Upload) -> dict[str, Any]:
    """Return an upload; its path is the key of the original in the object storage."""
    return {
        "id": item.id,
        "path": keys.original(item.id, item.format),
        "name": item.spec.file_name,
        "extension": item.format.extension,
        "mime_type": item.spec.media_type,
        "size": item.spec.size,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
    }


def image(item: Image, prefix: str = "") -> dict[str, Any]:
    """Return an available image: the specification's five fields first, then further ones.

    Args:
        item: the image.
        prefix: of its addresses, behind which the client sees the API.
    """
    stored = item.spec.image
    return {
        "id": item.id,
        "path": stored.key,
        "comment": item.spec.comment,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
        "name": item.spec.file_name,
        "mime_type": stored.media_type,
        "size": stored.size,
        "width": stored.width,
        "height": stored.height,
        "sha256": stored.sha256,
        "url": f"{prefix}{IMAGES_PATH}/{item.id}/view",
        "variants": [
            _variant(item.id, packed, prefix) for packed in packing.each(item.packed_variants)
        ],
        **(_NO_FACTS if item.facts is None else _facts(item.facts, stored.size)),
    }


def variant_url(image_id: str, name: str, word: str, prefix: str = "") -> str:
    """Return the address of one file of an image: a path, never built from the Host header.

    Args:
        image_id: of the image.
        name: of the variant.
        word: of its format.
        prefix: behind which the client sees the API.
    """
    return f"{prefix}{IMAGES_PATH}/{image_id}/view?variant={name}&format={word}"


def _variant(image_id: str, packed: packing.Packed, prefix: str) -> dict[str, Any]:
    return {
        "name": packed.name,
        "url": variant_url(image_id, packed.name, packed.word, prefix),
        "format": packed.word,
        "mime_type": packed.media_type,
        "width": int(packed.width),
        "height": int(packed.height),
        "size": int(packed.size),
    }


_NO_FACTS: Final[dict[str, Any]] = dict.fromkeys(
    (
        "thumbhash",
        "dominant_color",
        "frames",
        "original",
        "bytes_saved",
        "changes",
        "removed",
        "warnings",
    )
)
"""An image that an earlier version has made: nobody knows."""


def _facts(facts: Facts, size: int) -> dict[str, Any]:
    return {
        "thumbhash": facts.thumbhash,
        "dominant_color": facts.dominant_color,
        "frames": facts.frames,
        "original": {
            "mime_type": facts.original_media_type,
            "size": facts.original_size,
            "width": facts.original_width,
            "height": facts.original_height,
        },
        "bytes_saved": facts.original_size - size,
        "changes": facts.changes,
        "removed": facts.removed,
        "warnings": facts.warnings,
    }


def status(item: Image | Upload | None, queued_ahead: int, prefix: str = "") -> dict[str, Any]:
    """Return the answer to a poll.

    Args:
        item: what the id stands for; None: nothing.
        queued_ahead: for an upload that is queued, how many get their turn before it.
        prefix: of addresses, behind which the client sees the API.
    """
    if item is None:
        return NOT_FOUND
    if isinstance(item, Image):
        return {"status": "processed", "available_image": image(item, prefix)}
    if item.failure is not None:
        return {
            "status": "failed",
            "available_image": None,
            "error": {"code": item.failure, "message": FAILURE_MESSAGES[item.failure]},
        }
    phase = item.progress or Progress.QUEUED
    return {
        "status": "processing",
        "available_image": None,
        "created_at": item.created_at,
        "progress": {
            "phase": phase.lower(),
            "queued_ahead": queued_ahead if phase is Progress.QUEUED else 0,
        },
    }


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    number: int
    """Counted from 1."""
    size: int
    size_was_given: bool
    """Links repeat the size only then."""

    @property
    def start(self) -> int:
        """How many items come before it."""
        return (self.number - 1) * self.size


def page_of(path: str, page: Page, items: list[dict[str, Any]], total: int) -> dict[str, Any]:
    """Return one page of a list, in the form of Laravel's paginator.

    Addresses hold a path alone: they are never built from the Host header.
    """
    last = max(1, -(-total // page.size))

    def link(number: int) -> str:
        size = f"&per_page={page.size}" if page.size_was_given else ""
        return f"{path}?page={number}{size}"

    return {
        "data": items,
        "links": {
            "first": link(1),
            "last": link(last),
            "prev": link(min(page.number - 1, last)) if page.number > 1 else None,
            "next": link(page.number + 1) if page.number < last else None,
        },
        "meta": {
            "current_page": page.number,
            "from": page.start + 1 if items else None,
            "last_page": last,
            "path": path,
            "per_page": page.size,
            "to": page.start + len(items) if items else None,
            "total": total,
        },
    }
