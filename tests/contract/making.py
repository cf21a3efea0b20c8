"""Resources as people write them: each has a sensible default for what a test does not name."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from safelight_contract import facts, keys, policy
from safelight_contract.facts import Change, Facts, Removed
from safelight_contract.policy import Format
from safelight_contract.resources import API_VERSION, AVAILABLE_IMAGE, IMAGE_UPLOAD, Kind

SHA256 = "0" * 64


def new_id() -> str:
    """Return a fresh id."""
    return str(uuid.uuid4())


def upload(**changes: object) -> dict[str, Any]:
    """Return an ImageUpload with changes of its spec."""
    spec = {
        "fileName": "holiday.jpg",
        "mediaType": "image/jpeg",
        "size": 4_521_733,
        "sha256": SHA256,
    }
    return resource(IMAGE_UPLOAD, new_id(), spec | changes)


def image(*, stored: Mapping[str, object] | None = None, **changes: object) -> dict[str, Any]:
    """Return an AvailableImage with changes of its spec, and of what it says of the image."""
    name = new_id()
    spec = {
        "uploadUID": "8ecdf378-7c62-45c4-b90b-e26d453bdfe9",
        "fileName": "holiday.jpg",
        "image": {
            "key": keys.image(name, 1, policy.JPEG),
            "mediaType": "image/jpeg",
            "size": 821_733,
            "width": 3840,
            "height": 2160,
            "sha256": SHA256,
            "etag": "d41d8cd98f00b204e9800998ecf8427e",
            **(stored or {}),
        },
    }
    return resource(AVAILABLE_IMAGE, name, spec | changes)


def variant(name: str, made: Format = policy.AVIF, **changes: object) -> dict[str, Any]:
    """Return a variant, for `with_variants` to put the image's id into its key."""
    described = {
        "name": name,
        "key": f"images/{{id}}/1/{name}.{made.extension}",
        "mediaType": made.media_type,
        "size": 41_733,
        "width": 640,
        "height": 360,
        "sha256": SHA256,
        "etag": "e2fc714c4727ee9395f324cd2e7f331f",
    }
    return described | changes


def with_variants(*variants: dict[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of any type
    """Return an image with these variants."""
    made = image(**changes)
    made["spec"]["variants"] = placed(made["metadata"]["name"], *variants)
    return made


def placed(name: str, *variants: dict[str, Any]) -> list[dict[str, Any]]:
    """Return variants as those of the image of that name."""
    return [each | {"key": each["key"].format(id=name)} for each in variants]


FACTS = Facts(
    original_media_type="image/heic",
    original_size=policy.MAX_UPLOAD_BYTES,
    original_width=policy.MAX_PIXELS,
    original_height=1,
    frames=policy.MAX_FRAMES,
    thumbhash="1QcSHQRnh493V4dIh4eXh1h4kJUI",
    dominant_color="#2f4f6f",
    changes=tuple(Change),
    removed=tuple(Removed),
    warnings=tuple(facts.Warning),
    milliseconds={f"phase_{letter}": 2**31 for letter in "abcdefghijklmnop"},
    cpu_milliseconds=2**31,
    peak_memory_bytes=2**40,
).to_dict()


def resource(kind: Kind, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resource of any kind."""
    metadata = {"name": name}
    return {"apiVersion": API_VERSION, "kind": kind.kind, "metadata": metadata, "spec": dict(spec)}


def condition(kind: str, status: str, reason: str) -> dict[str, object]:
    """Return a condition that is so for a minute and a half."""
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": "Told to people.",
        "observedGeneration": 1,
        "lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 90)),
    }
