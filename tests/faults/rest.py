"""What is there once a run is at rest: the lines `rest`, `output` and `secrets`."""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from PIL import Image

from safelight_contract import policy
from safelight_contract.job import REQUEST_VARIABLE
from safelight_contract.resources import AVAILABLE_IMAGE, IMAGE_UPLOAD
from tests.faults.access import Access, Json
from tests.faults.history import Line, Recorder
from tests.faults.observer import KINDS, describe, is_processors
from tests.support import file_parts
from tests.support.bucket import Bucket

SIGNATURE: Final = "X-Amz-Signature"
"""What makes a query a signed one."""


async def at_rest(
    access: Access,
    bucket: Bucket,
    recorder: Recorder,
    *,
    secrets: Mapping[str, str],
    texts: Mapping[str, Iterable[str]],
    is_swept: bool = False,
) -> None:
    """Write what is there, what the images are, and where a secret was found.

    Args:
        access: to the namespace.
        bucket: all of it is the namespace's.
        recorder: gets the lines.
        secrets: values that must be nowhere, by what they are called.
        texts: where to look for them, beside objects and Events: `log`, `answer`.
        is_swept: the sweeper was made to remove what was left over.
    """
    found = {plural: (await access.list(plural))[0] for plural in KINDS}
    events, _ = await access.list("events")
    for plural in ("jobs", "pods"):
        found[plural] = [resource for resource in found[plural] if is_processors(resource)]
    records = [_image(resource) for resource in found[AVAILABLE_IMAGE.plural]]
    recorder.write(
        "rest",
        swept=is_swept,
        bucket=bucket.stored(),
        uploads=[_upload(resource) for resource in found[IMAGE_UPLOAD.plural]],
        images=records,
        jobs=[resource["metadata"]["name"] for resource in found["jobs"]],
        pods=[resource["metadata"]["name"] for resource in found["pods"]],
        finalizers=[
            f"{KINDS[plural]} {resource['metadata']['name']}: {finalizer}"
            for plural, resources in found.items()
            for resource in resources
            for finalizer in resource["metadata"].get("finalizers", ())
        ],
    )
    for resource, record in zip(found[AVAILABLE_IMAGE.plural], records, strict=True):
        if not record["ready"]:
            continue
        key = record["keys"][0]
        if bucket.has(key):
            image = resource["spec"]["image"]
            recorder.write("output", id=record["id"], **output(image, bucket.read(key)))
        for variant in resource["spec"].get("variants", ()):
            key = variant["key"]
            if bucket.has(key):
                described = output(variant, bucket.read(key))
                recorder.write("variant", id=record["id"], key=key, **described)
    objects = [json.dumps(without_request(r)) for resources in found.values() for r in resources]
    places = {"object": objects, "event": map(json.dumps, events), **texts}
    for where, lines in places.items():
        recorder.write("secrets", where=where, found=search(lines, secrets))


def _upload(resource: Json) -> Line:
    line = describe(IMAGE_UPLOAD.kind, resource, None) or {}
    fields = {name: line[name] for name in ("uid", "state", "failed")}
    return {"id": resource["metadata"]["name"], **fields}


def _image(resource: Json) -> Line:
    """Return an AvailableImage and its objects: the image, the manifest beside it, the variants."""
    line = describe(AVAILABLE_IMAGE.kind, resource, None) or {}
    image, variants = resource["spec"]["image"], resource["spec"].get("variants", ())
    manifest = image["key"].rsplit("/", 1)[0] + "/manifest.json"
    return {
        "id": resource["metadata"]["name"],
        **{name: line[name] for name in ("uid", "upload_uid", "ready")},
        "keys": [image["key"], manifest, *(variant["key"] for variant in variants)],
        "sha256": image["sha256"],
    }


def output(image: Json, data: bytes) -> Line:
    """Return what the bytes of an image or variant are, and what its record says of them."""
    return {
        **inspect(data),
        "declared": {
            "width": image["width"],
            "height": image["height"],
            "media_type": image["mediaType"],
            "sha256": image["sha256"],
        },
    }


def inspect(data: bytes) -> dict[str, Any]:
    """Return what a file is: whether it decodes whole, its size, type, and parts too many."""
    known = policy.sniff(data[: policy.SNIFF_BYTES])
    found: dict[str, Any] = {
        "decodes": False,
        "width": 0,
        "height": 0,
        "metadata": [],
        "media_type": known.media_type if known else "unknown",
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    if known is None:
        return found
    try:
        with Image.open(io.BytesIO(data), formats=[known.name]) as picture:
            picture.load()
            found |= {"width": picture.width, "height": picture.height}
        found["metadata"] = sorted(set(file_parts.of(data, known)) - file_parts.ALLOWED[known.name])
    except Exception:  # noqa: BLE001 - Pillow raises errors of many types, `parts` AssertionError
        return found
    return found | {"decodes": True}


def without_request(resource: Json) -> Json:
    """Return a resource without the requests of Jobs: the one place for signed queries."""
    copy: Json = json.loads(json.dumps(resource))
    template = copy.get("spec", {}).get("template", copy)
    for container in template.get("spec", {}).get("containers", ()):
        environment = container.get("env", ())
        container["env"] = [v for v in environment if v["name"] != REQUEST_VARIABLE]
    return copy


def search(texts: Iterable[str], secrets: Mapping[str, str]) -> list[str]:
    """Return what of the secrets, and of signed queries, stands in any of the texts."""
    needles = {form: name for name, value in secrets.items() for form in (value, quote(value, ""))}
    needles[SIGNATURE] = "a signed query"
    return sorted({name for text in texts for needle, name in needles.items() if needle in text})
