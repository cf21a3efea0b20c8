"""The protocol, as one pure function: a world and the time in, the one next step out.

Every step can be taken again, by this operator or by another at the same moment: writes to an
ImageUpload's status are compare-and-swap on its resourceVersion, and these rules hold:

- `Publishing` is written only when an AvailableImage of this upload exists. From then on the
  upload cannot fail; if its image is absent again, somebody deleted the image.
- An AvailableImage becomes Ready only when the upload was seen Publishing, so after the image was
  there: an upload that is deleted before that leads to nothing.
- A failed upload never becomes Publishing. If it is retried, what its earlier attempts have left
  is never published: its objects are gone, or about to go.
- A failed upload whose retention is over is marked as expired before anything of it is removed;
  from then on it cannot be retried.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Self

from safelight_contract.job import MAX_ATTEMPTS
from safelight_contract.resources import Failure, Progress
from safelight_contract.stalls import Stall
from safelight_operator import conditions, owners, stalling
from safelight_operator.actions import (
    Action,
    Confirm,
    DeleteJobs,
    Discard,
    Fail,
    Finish,
    Look,
    Part,
    Publish,
    RemoveLeftovers,
    RemoveObjects,
    Retry,
    SetStatus,
    StartAttempt,
    Wait,
    Withdraw,
)
from safelight_operator.conditions import Status
from safelight_operator.endings import MAX_ATTEMPTS_BEFORE, Ending, classify
from safelight_operator.world import Image, Job, Upload, World

STORAGE_BACKOFF: Final = timedelta(seconds=10)
"""Wait before the second attempt after a fault of the storage; doubled for each one after."""

NAME_TAKEN_DELAY: Final = timedelta(seconds=5)
"""How long to wait for the garbage collector to remove an earlier owner's Job."""
FOREIGN_JOB_DELAY: Final = timedelta(seconds=30)
"""How long to wait for somebody to remove a Job of the attempt's name that is not ours."""
_NAME_TAKEN: Final = "a Job of the attempt's name exists that the operator has not made; delete it"


@dataclass(frozen=True, slots=True)
class Rules:
    """The installation's numbers that decisions depend on."""

    failed_retention: timedelta
    stalled_after: timedelta

    @classmethod
    def of(cls, failed_retention: float, stalled_after: float) -> Self:
        """Return the rules for numbers in seconds."""
        return cls(timedelta(seconds=failed_retention), timedelta(seconds=stalled_after))


def decide(world: World, rules: Rules, now: datetime) -> Action:
    """Return the next step for one id."""
    upload, image = world.upload, world.image
    if upload is None or upload.deleting:
        return _without_upload(world)
    if image is not None:
        return _replace(upload, image, rules, now)
    if upload.status.failed_at is not None:
        return _after_failure(upload, rules, now, keep_images=False)
    if upload.status.progress is Progress.PUBLISHING:
        return Discard(keep_images=False)
    if upload.status.attempt == 0 or upload.status.retry_after is not None:
        return _next_attempt(world, upload, now)
    return _current_attempt(world, upload, rules, now)


def _without_upload(world: World) -> Action:
    image = world.image
    if image is not None and not image.ready:
        return Wait() if image.rebuilt else Withdraw()
    if image is not None:
        return RemoveLeftovers() if world.removed and world.upload is None else Wait()
    if world.jobs:
        return DeleteJobs(world.jobs)
    return RemoveObjects() if world.removed else Wait()


def _replace(upload: Upload, image: Image, rules: Rules, now: datetime) -> Action:
    status, failed = upload.status, upload.status.failed_at is not None
    if image.upload_uid != upload.uid:
        if failed:
            return _after_failure(upload, rules, now, keep_images=True)
        return _fail(upload, Failure.ID_CONFLICT, "", now, keep_objects=True)
    if image.ready:
        return Finish()
    if failed or _precedes_retry(image, status):
        return Withdraw()
    if status.progress is Progress.PUBLISHING:
        return Confirm()
    status = conditions.moving(status)
    return SetStatus(
        conditions.progressing(status, Progress.PUBLISHING, upload.generation, now),
    )


def _precedes_retry(image: Image, status: Status) -> bool:
    """Say whether an operator that was asleep has published an attempt that failed since."""
    return image.attempt <= status.retried_attempts


def _after_failure(upload: Upload, rules: Rules, now: datetime, *, keep_images: bool) -> Action:
    status, generation = upload.status, upload.generation
    if status.expired:
        return Discard(keep_images)
    if upload.retry is not None and upload.retry != status.observed_retry:
        return Retry(conditions.retried(status, upload.retry, generation, now))
    expires = (status.failed_at or now) + rules.failed_retention
    if now < expires:
        return Wait(expires)
    return SetStatus(conditions.expired(status, generation, now), "its retention is over")


def _next_attempt(world: World, upload: Upload, now: datetime) -> Action:
    retry_after = upload.status.retry_after
    if retry_after is not None and now < retry_after:
        return Wait(retry_after)
    attempt = upload.status.attempt + 1
    if attempt > MAX_ATTEMPTS:
        return _fail(upload, Failure.INTERNAL_ERROR, "no attempt is left", now)
    for job in world.jobs:
        if job.name == owners.job_name(upload.id, attempt):
            if job.owner_uid is None:
                told = stalling.refused(upload, Stall.JOB_REFUSED, _NAME_TAKEN, now)
                return told or Wait(now + FOREIGN_JOB_DELAY)
            if job.owner_uid == upload.uid:
                return SetStatus(started(upload, attempt, job.name, now))
            return Wait(now + NAME_TAKEN_DELAY)
    return StartAttempt(attempt)


def started(upload: Upload, attempt: int, job_name: str, now: datetime) -> Status:
    """Return the upload's status once the Job of an attempt exists."""
    status = replace(upload.status, attempt=attempt, job_name=job_name, retry_after=None)
    status = conditions.moving(status)
    return conditions.progressing(status, Progress.RUNNING, upload.generation, now)


def queued(upload: Upload, now: datetime) -> Status:
    """Return the upload's status while no slot is free for it."""
    return conditions.progressing(upload.status, Progress.QUEUED, upload.generation, now)


def _current_attempt(  # noqa: PLR0911 - one line for each way in which an attempt can stand
    world: World,
    upload: Upload,
    rules: Rules,
    now: datetime,
) -> Action:
    attempt = upload.status.attempt
    job = next(
        (j for j in world.jobs if j.attempt == attempt and j.owner_uid == upload.uid),
        None,
    )
    if job is None or not job.is_live or world.hinted:
        if world.output is None:
            return Look(Part.OUTPUT)
        if world.output.spec is not None:
            return Publish(world.output.spec, world.output.spare)
    if job is None:
        return _retry_or_fail(upload, Ending(Failure.OUTPUT_MISSING, "the Job has vanished"), now)
    if job.complete:
        return _retry_or_fail(upload, Ending(Failure.OUTPUT_MISSING, "the Job left no output"), now)
    if job.failure is None:
        return _running(world, upload, job, rules, now)
    if job.failure == "DeadlineExceeded":
        return _fail(upload, Failure.DEADLINE_EXCEEDED, "", now)
    if world.pods is None:
        return Look(Part.PODS)
    ending = classify(world.pods)
    return _retry_or_fail(upload, replace(ending, detail=ending.detail or job.failure), now)


def _retry_or_fail(upload: Upload, ending: Ending, now: datetime) -> Action:
    failure, generation = ending.failure, upload.generation
    attempt = upload.status.attempt - upload.status.retried_attempts
    if attempt >= MAX_ATTEMPTS_BEFORE.get(failure, 1):
        return _fail(upload, failure, ending.detail, now)
    delay = timedelta()
    if failure is Failure.STORAGE_UNAVAILABLE:
        delay = STORAGE_BACKOFF * 2 ** (attempt - 1)
    retrying = conditions.retrying(upload.status, failure, now + delay, generation, now)
    if ending.stall is not None:
        retrying = conditions.stalled(retrying, ending.stall, generation, now)
    return SetStatus(retrying, f"{failure}: {ending.detail}")


def _fail(
    upload: Upload,
    failure: Failure,
    detail: str,
    now: datetime,
    *,
    keep_objects: bool = False,
) -> Fail:
    status = conditions.failed(upload.status, failure, upload.retry, upload.generation, now)
    return Fail(status, failure, keep_objects, detail)


def _running(world: World, upload: Upload, job: Job, rules: Rules, now: datetime) -> Action:
    status, generation = upload.status, upload.generation
    if job.ready:
        return SetStatus(conditions.moving(status)) if status.stalled else Wait()
    look_at = (job.started or job.created) + rules.stalled_after
    if now < look_at:
        return Wait(look_at)
    if world.pods is None:
        return Look(Part.PODS)
    stall = stalling.of_pods(world.pods)
    if stall is None and status.stalled:
        return SetStatus(conditions.moving(status))
    if stall is not None and not stalling.is_told(upload, stall):
        return SetStatus(conditions.stalled(status, stall, generation, now))
    return Wait(now + rules.stalled_after)
