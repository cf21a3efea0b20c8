"""Small functions that bring about a failure; each returns the id of the upload that meets it."""

import hashlib
import json
import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from PIL import Image

from safelight_contract import keys, policy, resources
from safelight_contract.job import REQUEST_VARIABLE
from safelight_contract.policy import Format
from tests.e2e.gate import Way
from tests.e2e.releases import Release
from tests.support import images, photos
from tests.support.waiting import eventually

SOON: Final = 60.0
"""Seconds in which a container starts, even among many others."""
_REQUEST: Final = f"{REQUEST_VARIABLE}=".encode()


def photo() -> bytes:
    """Return a photo that is processed at once."""
    return photos.photo(600, 400)


def upload(release: Release, data: bytes | None = None) -> str:
    """Upload through the API."""
    upload_id: str = release.client.upload(photo() if data is None else data)["id"]
    return upload_id


def by_hand(release: Release, data: bytes, image_format: Format) -> str:
    """Store an original and create its ImageUpload without the API, whatever the bytes are."""
    upload_id = str(uuid.uuid4())
    key = keys.original(upload_id, image_format)
    release.bucket.put(key, data)
    digest = hashlib.sha256(data).hexdigest()
    media_type = image_format.media_type
    spec = resources.ImageUploadSpec("by-hand", media_type, len(data), digest)
    create(release, resources.IMAGE_UPLOAD.kind, upload_id, spec.to_dict())
    return upload_id


def create(release: Release, kind: str, name: str, spec: dict[str, Any]) -> None:
    """Create one of our resources with kubectl."""
    release.cluster.apply(
        {
            "apiVersion": resources.API_VERSION,
            "kind": kind,
            "metadata": {"name": name, "namespace": release.cluster.namespace},
            "spec": spec,
        }
    )


def torn(release: Release) -> str:
    """Upload a photo whose end is missing."""
    return upload(release, photo()[:-20_000])


def pixel_bomb(release: Release) -> str:
    """Upload a small file that claims 65,536 x 65,536 pixels."""
    return upload(release, images.png_of_size(65_536, 65_536))


def lying_type(release: Release) -> str:
    """Make an ImageUpload by hand that calls a text a PNG."""
    return by_hand(release, b"%PDF-1.7 is no picture", policy.PNG)


def source_removed(release: Release) -> str:
    """Delete the original before the Job has read it."""
    upload_id = held(release)
    release.bucket.delete(original_of(upload_id))
    release.gate.open(upload_id)
    return upload_id


def source_changed(release: Release) -> str:
    """Put another photo of the same size in the original's place before the Job has read it."""
    upload_id = held(release)
    other = photo()[:-1] + b"\0"
    key = original_of(upload_id)
    release.bucket.put(key, other)
    release.gate.open(upload_id)
    return upload_id


def storage_cut(release: Release) -> str:
    """Let no Job of it reach the storage."""
    upload_id = upload(release)
    release.gate.stop(upload_id, Way.CUT)
    return upload_id


def too_large_for_its_memory(release: Release) -> str:
    """Upload a picture that needs more memory than its Job has."""
    blank = Image.new("RGB", (7000, 7000))
    return upload(release, images.encoded(blank, policy.PNG))


def endless(release: Release) -> str:
    """Stop the Job's process: it computes for ever, as far as anybody can tell."""
    upload_id = held(release)
    os.kill(process_of(upload_id), signal.SIGSTOP)
    return upload_id


def killed_twice(release: Release) -> str:
    """Kill the process of both attempts, as no out-of-memory killer would."""
    upload_id = upload(release)
    release.gate.stop(upload_id, Way.HELD)
    for attempt in (1, 2):
        os.kill(process_of(upload_id, attempt), signal.SIGKILL)
    return upload_id


def jobs_deleted(release: Release) -> str:
    """Delete the Jobs of both attempts by hand."""
    upload_id = upload(release)
    release.gate.stop(upload_id, Way.HELD)
    for attempt in (1, 2):
        process_of(upload_id, attempt)
        release.cluster.kubectl("delete", "job", f"safelight-{upload_id}-{attempt}")
    return upload_id


def id_taken(release: Release) -> str:
    """Make an AvailableImage by hand that has the upload's name and another upload's uid."""
    upload_id = held(release)
    image = resources.StoredImage(
        key=keys.image(upload_id, 1, policy.JPEG),
        media_type=policy.JPEG.media_type,
        size=1,
        width=1,
        height=1,
        sha256="0" * 64,
        etag="-",
    )
    spec = resources.AvailableImageSpec(str(uuid.uuid4()), "other.jpg", image)
    create(release, resources.AVAILABLE_IMAGE.kind, upload_id, spec.to_dict())
    release.gate.open(upload_id)
    return upload_id


def held(release: Release) -> str:
    """Upload, and return when the Job's container runs: it waits for its original."""
    upload_id = upload(release)
    release.gate.stop(upload_id, Way.HELD)
    release.gate.wait_met(upload_id, SOON)
    return upload_id


def original_of(upload_id: str) -> str:
    """Return the key of a photo that was uploaded."""
    return keys.original(upload_id, policy.JPEG)


def evicted(release: Release) -> str:
    """Evict the pod while it runs, as a drain does."""
    upload_id = held(release)
    namespace, pod = release.cluster.namespace, pod_of(release, upload_id)
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    with ended(upload_id):
        arguments = ("create", "--raw", path, "--filename=-")
        release.cluster.kubectl(*arguments, document=json.dumps(eviction))
    release.gate.open(upload_id)
    return upload_id


def pod_deleted(release: Release) -> str:
    """Delete the pod by hand while it runs."""
    upload_id = held(release)
    with ended(upload_id):
        release.cluster.kubectl("delete", "pod", pod_of(release, upload_id), "--wait=false")
    release.gate.open(upload_id)
    return upload_id


def killed_once(release: Release) -> str:
    """Kill the process of the first attempt alone."""
    upload_id = held(release)
    with ended(upload_id):
        os.kill(process_of(upload_id), signal.SIGKILL)
    release.gate.open(upload_id)
    return upload_id


def job_deleted(release: Release) -> str:
    """Delete the Job of the first attempt alone."""
    upload_id = held(release)
    with ended(upload_id):
        release.cluster.kubectl("delete", "job", f"safelight-{upload_id}-1")
    release.gate.open(upload_id)
    return upload_id


def url_refused(release: Release) -> str:
    """Let the server refuse the URL of the first attempt, as if it had expired."""
    upload_id = upload(release)
    release.gate.stop(upload_id, Way.SPOILT)
    release.gate.wait_met(upload_id, SOON)
    release.gate.open(upload_id)
    return upload_id


@contextmanager
def ended(upload_id: str) -> Iterator[None]:
    """Wait, after the block, until the process of the first attempt has ended."""
    process = Path(f"/proc/{process_of(upload_id)}")
    yield
    eventually(process.exists, lambda there: not there)


def process_of(upload_id: str, attempt: int = 1) -> int:
    """Wait for the process of an attempt, and return its number on this machine."""
    wanted = (f'"upload_id":"{upload_id}"'.encode(), f'"attempt":{attempt},'.encode())

    def find() -> int:
        for entry in Path("/proc").iterdir():
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            request = next((v for v in variables if v.startswith(_REQUEST)), b"")
            if all(words in request for words in wanted):
                return int(entry.name)
        return 0

    return eventually(find, bool, seconds=SOON)


def pod_of(release: Release, upload_id: str) -> str:
    """Return the name of the only pod of an upload."""
    (name,) = release.cluster.names("pods", f"{resources.LABEL_UPLOAD_ID}={upload_id}")
    return name
