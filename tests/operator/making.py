"""Values for the tests of pure parts: each has a sensible default for what a test does not name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from safelight_contract import facts
from safelight_contract.facts import Facts
from safelight_contract.job import JobRequest, Manifest, SignedPut, Variant
from safelight_contract.recipe import Recipe
from safelight_contract.resources import (
    AvailableImageSpec,
    Failure,
    ImageUploadSpec,
    Progress,
    StoredImage,
    StoredVariant,
)
from safelight_contract.stalls import Stall
from safelight_operator import conditions
from safelight_operator.conditions import Status
from safelight_operator.decide import Rules
from safelight_operator.settings import ProcessorSettings
from safelight_operator.world import Image, Job, Output, Pod, Upload, World

ID = "11111111-2222-3333-4444-555555555555"
UID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
OTHER_UID = "ffffffff-bbbb-cccc-dddd-eeeeeeeeeeee"
NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=10)

SPEC = ImageUploadSpec("photo.jpg", "image/jpeg", 1000, "a" * 64)
STORED = StoredImage(f"images/{ID}/1/image.jpg", "image/jpeg", 500, 40, 30, "b" * 64, "etag")
VARIANT = StoredVariant(
    key=f"images/{ID}/1/w20.avif",
    media_type="image/avif",
    size=90,
    width=20,
    height=15,
    sha256="c" * 64,
    etag="small",
    name="w20",
)
FACTS = Facts(
    original_media_type=SPEC.media_type,
    original_size=SPEC.size,
    original_width=40,
    original_height=30,
    thumbhash="1QcSHQRnh493V4dIh4eXh1h4kJUI",
    dominant_color="#2f4f6f",
    warnings=(facts.Warning.HDR_GAIN_MAP_DROPPED,),
    milliseconds={"fetch": 3, "decode": 41},
    cpu_milliseconds=120,
    peak_memory_bytes=60_000_000,
)
PUBLISHED = AvailableImageSpec(
    UID,
    "photo.jpg",
    STORED,
    variants=(VARIANT,),
    facts=FACTS,
    processor="safelight/0.1.0 pillow/13.0.0",
)
"""What `manifest()` speaks of."""

PROCESSOR = ProcessorSettings(
    image="registry.example/safelight-processor@sha256:0123",
    pull_policy="IfNotPresent",
    service_account="safelight-processor",
    memory="768Mi",
    cpu_request="250m",
    cpu_limit="2",
    deadline_seconds=120,
)
RULES = Rules.of(failed_retention=3600, stalled_after=60)
NOTHING_STORED = Output(None)


def after(seconds: float) -> datetime:
    """Return the time so many seconds after `NOW`."""
    return NOW + timedelta(seconds=seconds)


def upload(status: Status | None = None, **fields: Any) -> Upload:  # noqa: ANN401 - fields of any type
    """Return an ImageUpload; no status is one that no operator has seen yet."""
    made = Upload(ID, UID, "7", 1, EARLIER, deleting=False, spec=SPEC, status=status or Status())
    return replace(made, **fields)


def running(attempt: int = 1) -> Status:
    """Return the status while an attempt runs."""
    status = Status(attempt, f"safelight-{ID}-{attempt}")
    return conditions.progressing(status, Progress.RUNNING, 1, EARLIER)


def publishing(attempt: int = 1) -> Status:
    """Return the status once the AvailableImage exists."""
    return conditions.progressing(running(attempt), Progress.PUBLISHING, 1, EARLIER)


def retrying(retry_after: datetime, attempt: int = 1) -> Status:
    """Return the status between two attempts."""
    failure = Failure.STORAGE_UNAVAILABLE
    return conditions.retrying(running(attempt), failure, retry_after, 1, EARLIER)


def failed(at: datetime = EARLIER, attempt: int = 1) -> Status:
    """Return the status of an upload that failed at that time."""
    return conditions.failed(running(attempt), Failure.CORRUPT_IMAGE, None, 1, at)


def retried(attempt: int = 1) -> Status:
    """Return the status of an upload that failed at that attempt and is to be retried."""
    return conditions.retried(failed(attempt=attempt), "again", 1, NOW)


def expired() -> Status:
    """Return the status of an upload whose retention as a failure is over."""
    return conditions.expired(failed(), 1, NOW)


def stalled(reason: Stall) -> Status:
    """Return the status while a pod cannot start."""
    return conditions.stalled(running(), reason, 1, EARLIER)


def job(attempt: int = 1, **fields: Any) -> Job:  # noqa: ANN401 - fields of any type
    """Return the Job of an attempt, its pod running."""
    made = Job(
        name=f"safelight-{ID}-{attempt}",
        uid=f"job-{attempt}",
        upload_id=ID,
        owner_uid=UID,
        attempt=attempt,
        started=EARLIER,
        created=EARLIER,
        active=1,
        ready=1,
        complete=False,
        failure=None,
    )
    return replace(made, **fields)


COMPLETE_JOB = job(complete=True, active=0, ready=0)
FAILED_JOB = job(failure="BackoffLimitExceeded", active=0, ready=0)


def pod(**fields: Any) -> Pod:  # noqa: ANN401 - fields of any type
    """Return a pod that waits for nothing in particular."""
    made = Pod(
        created=EARLIER,
        disrupted=False,
        running=False,
        waiting=None,
        exit_code=None,
        out_of_memory=False,
        detail="",
    )
    return replace(made, **fields)


def image(*, ready: bool = False, upload_uid: str = UID) -> Image:
    """Return an AvailableImage."""
    etags = {STORED.key: STORED.etag, VARIANT.key: VARIANT.etag}
    return Image(ID, "image-uid", "9", 1, upload_uid, STORED.key, etags, ready)


def world(**fields: Any) -> World:  # noqa: ANN401 - fields of any type
    """Return a world."""
    return World(id=ID, **fields)


def manifest(**fields: Any) -> Manifest:  # noqa: ANN401 - fields of any type
    """Return the manifest that fits `upload(running())`."""
    made = Manifest(
        upload_id=ID,
        upload_uid=UID,
        attempt=1,
        file_name="photo.jpg",
        source_sha256=SPEC.sha256,
        media_type="image/jpeg",
        size=500,
        width=40,
        height=30,
        sha256="b" * 64,
        processor="safelight/0.1.0 pillow/13.0.0",
        facts=FACTS,
        variants=(Variant("w20", "image/avif", 90, 20, 15, "c" * 64),),
    )
    return replace(made, **fields)


def request(**fields: Any) -> JobRequest:  # noqa: ANN401 - fields of any type
    """Return what a Job is asked to do."""
    made = JobRequest(
        upload_id=ID,
        upload_uid=UID,
        attempt=1,
        file_name=SPEC.file_name,
        media_type=SPEC.media_type,
        size=SPEC.size,
        sha256=SPEC.sha256,
        source_url="http://storage.example/source",
        recipe=Recipe(variants=()),
        outputs={
            "image.jpg": SignedPut("http://storage.example/image", {"Content-Type": "image/jpeg"})
        },
        manifest=SignedPut("http://storage.example/manifest", {"If-None-Match": "*"}),
        hint_url=f"http://10.0.0.1:8081/hints/{ID}",
    )
    return replace(made, **fields)
