"""A retry without a new upload, against a real API server and a real S3 server."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from safelight_contract import keys, policy
from safelight_contract.resources import ANNOTATION_RETRY, AVAILABLE_IMAGE, IMAGE_UPLOAD, Failure
from safelight_operator import metrics
from safelight_operator.settings import Settings
from tests.operator.conftest import Started
from tests.operator.faults import CrashError, Driven, Interruption, crash
from tests.operator.playing import Json, Stage, condition, eventually
from tests.operator.processing import run_processor, store, stored


async def annotate(stage: Stage, upload_id: str, value: str) -> None:
    """Ask for a retry, as kubectl does."""
    body = {"metadata": {"annotations": {ANNOTATION_RETRY: value}}}
    await stage.kubernetes.patch(IMAGE_UPLOAD.plural, upload_id, body)


async def status(stage: Stage, upload_id: str) -> Json:
    """Return the status of an upload that is there."""
    upload = await stage.kubernetes.upload(upload_id)
    assert upload is not None
    found: Json = upload["status"]
    return found


async def failed(stage: Stage, code: int = 11) -> str:
    """Return an upload whose first attempt has ended with an exit code for good."""
    upload_id = await stage.post()
    await stage.job(upload_id)
    await stage.end(upload_id, code=code)
    await stage.until(upload_id, str(Failure.CORRUPT_IMAGE))
    return upload_id


async def test_a_failed_upload_becomes_an_image_after_all(stage: Stage, started: Started) -> None:
    before = retries()
    async with started():
        upload_id = await failed(stage)
        await annotate(stage, upload_id, "1")
        request = await stage.request(upload_id, 2)
        assert (await status(stage, upload_id))["observedRetry"] == "1"
        assert (await status(stage, upload_id))["retriedAttempts"] == 1
        assert await run_processor(request) == 0
        await stage.until_settled(upload_id, stored(upload_id, 2))
        assert await stage.kubernetes.state(upload_id) == "processed"
    assert retries() == before + 1


def retries() -> float:
    (family,) = metrics.UPLOADS_RETRIED.collect()
    return family.samples[0].value


async def test_each_value_is_one_retry_and_each_failure_is_told(
    stage: Stage, started: Started
) -> None:
    async with started():
        upload_id = await failed(stage)
        for attempt in (2, 3):
            await annotate(stage, upload_id, f"try {attempt}")
            await stage.job(upload_id, attempt)
            await stage.end(upload_id, attempt, code=11)
            await stage.until(upload_id, "CorruptImage")
            await annotate(stage, upload_id, f"try {attempt}")

        async def told() -> list[str]:
            events = await stage.kubernetes.list("events")
            return sorted(e["message"] for e in events if e["reason"] == "CorruptImage")

        await eventually(told, lambda seen: len(seen) == 3)
        await asyncio.sleep(0.3)
        assert (await status(stage, upload_id))["attempt"] == 3
        assert stage.bucket.stored() == [keys.original(upload_id, policy.JPEG)]


async def test_what_is_asked_for_before_a_failure_is_no_retry(
    stage: Stage, started: Started
) -> None:
    async with started():
        upload_id = await stage.post()
        await stage.job(upload_id)
        await annotate(stage, upload_id, "early")
        await stage.end(upload_id, code=11)
        await stage.until(upload_id, "CorruptImage")
        await asyncio.sleep(0.3)
        assert await stage.kubernetes.state(upload_id) == "CorruptImage"
        assert (await status(stage, upload_id))["observedRetry"] == "early"
        await annotate(stage, upload_id, "late")
        await stage.job(upload_id, 2)


async def test_a_retry_without_its_original_says_so(stage: Stage, started: Started) -> None:
    """The real processor finds that out."""
    async with started():
        upload_id = await failed(stage)
        stage.bucket.delete(keys.original(upload_id, policy.JPEG))
        await annotate(stage, upload_id, "1")
        code = await run_processor(await stage.request(upload_id, 2))
        await stage.end(upload_id, 2, code=code)
        await stage.until(upload_id, "SourceMissing")


async def test_a_retry_beside_another_uploads_image_conflicts_again(
    stage: Stage, started: Started
) -> None:
    async with started():
        upload_id = await stage.post()
        await stage.process(upload_id)
        await stage.until_settled(upload_id, stored(upload_id, 1))
        image = await stage.kubernetes.image(upload_id)
        await stage.post_as(upload_id)

        async def conflict(value: str | None) -> None:
            async def look() -> tuple[str, str | None]:
                seen = (await stage.kubernetes.upload(upload_id) or {}).get("status", {})
                reason = condition({"status": seen}, "Succeeded").get("reason", "")
                return reason, seen.get("observedRetry")

            await eventually(look, lambda seen: seen == ("IdConflict", value))

        await conflict(None)
        await annotate(stage, upload_id, "1")
        await conflict("1")
        assert await stage.kubernetes.image(upload_id) == image
        assert set(stored(upload_id, 1)) <= set(stage.bucket.stored())


WRITES = (
    "PATCH imageuploads",
    "POST jobs",
    "PATCH imageuploads",
    "POST availableimages",
    "PATCH imageuploads",
    "PATCH availableimages",
    "delete original",
    "delete images",
    "DELETE imageuploads",
)
"""All writes for a retry that succeeds, in their order."""


async def retry(stage: Stage, driven: Driven, upload_id: str) -> None:
    """Let an operator do all it can for an upload that is to be retried; play its pod."""
    await driven.drive()
    if not stage.bucket.has(keys.manifest(upload_id, 2)) and await stage.kubernetes.get(
        "jobs", f"safelight-{upload_id}-2"
    ):
        await store(await stage.request(upload_id, 2))
    await driven.hint(upload_id)


@pytest.mark.parametrize("at", range(1, len(WRITES) + 1))
@pytest.mark.parametrize("other", [crash, None], ids=["crash", "second operator"])
async def test_an_interrupted_retry_ends_as_one(
    stage: Stage,
    settings: Settings,
    at: int,
    other: Callable[[], Awaitable[None]] | None,
) -> None:
    """Killed after each write, or another operator does everything in the middle of it."""
    async with Driven(settings) as second:
        upload_id = await stage.post()
        await second.drive()
        await stage.end(upload_id, code=11)

        async def drive() -> str:
            await second.drive()
            return await stage.kubernetes.state(upload_id)

        await eventually(drive, lambda state: state == "CorruptImage")
        await annotate(stage, upload_id, "1")

        async def interlude() -> None:
            await retry(stage, second, upload_id)

        interruption = Interruption(at, after=True, action=other or interlude)
        async with Driven(settings, interruption) as first:
            if other is None:
                await retry(stage, first, upload_id)
            else:
                with pytest.raises(CrashError):
                    await retry(stage, first, upload_id)
                assert tuple(interruption.writes) == WRITES[:at]
        assert interruption.acted
        await retry(stage, second, upload_id)
    assert await stage.kubernetes.state(upload_id) == "processed"
    await stage.until_settled(upload_id, stored(upload_id, 2))


@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_retry_is_never_lost_to_the_end_of_the_retention(
    stage: Stage,
    settings: Settings,
    at: int,
    after: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """It is asked for before or after each write of the removal.

    Before the upload is marked as expired it wins, with its original; afterwards the mark says that
    it comes too late.
    """
    upload_id = await stage.post()
    async with Driven(settings) as driven:
        await driven.drive()
        await stage.end(upload_id, code=11)

        async def drive() -> str:
            await driven.drive()
            return await stage.kubernetes.state(upload_id)

        await eventually(drive, lambda state: state == "CorruptImage")
    saw_mark = False

    async def ask() -> None:
        nonlocal saw_mark
        upload = await stage.kubernetes.upload(upload_id)
        if upload is not None:
            saw_mark = bool(condition(upload, "Expired"))
            await annotate(stage, upload_id, "1")

    interruption = Interruption(at, after=after, action=ask)
    async with Driven(replace(settings, failed_retention_seconds=0), interruption) as driven:
        await driven.drive()
        await driven.drive()
    assert interruption.acted
    upload = await stage.kubernetes.upload(upload_id)
    if at == 1 and not after:
        assert upload is not None
        assert upload["status"]["observedRetry"] == "1"
        assert stage.bucket.has(keys.original(upload_id, policy.JPEG))
    else:
        assert upload is None
        assert saw_mark or (at == 4 and after)
        await stage.until_settled(upload_id, [])


async def test_a_sleeper_neither_removes_nor_publishes_what_a_retry_has_made(
    stage: Stage, settings: Settings
) -> None:
    """An operator falls asleep after it has written a failure, another takes over, it wakes up."""
    upload_id = await stage.post()
    async with Driven(settings) as second:

        async def interlude() -> None:
            if await stage.kubernetes.state(upload_id) == "CorruptImage":
                await annotate(stage, upload_id, "1")
                await retry(stage, second, upload_id)
                assert await stage.kubernetes.state(upload_id) == "processed"

        interruption = Interruption(3, after=True, action=interlude)
        async with Driven(settings, interruption) as first:
            await first.drive()
            await stage.end(upload_id, code=11)

            async def drive() -> bool:
                await first.drive()
                return interruption.acted

            await eventually(drive, bool)
            await first.drive()
        assert interruption.writes[3] == "delete images"
    assert await stage.kubernetes.state(upload_id) == "processed"
    await stage.until_settled(upload_id, stored(upload_id, 2))


async def test_an_image_of_an_attempt_before_the_retry_is_withdrawn(
    stage: Stage, settings: Settings
) -> None:
    """A sleeper may publish an attempt whose objects are gone: nobody ever sees that image."""
    upload_id = await stage.post()

    async def fail_and_retry() -> None:
        async with Driven(settings) as second:
            stage.bucket.delete(keys.manifest(upload_id, 1))
            await stage.end(upload_id, code=11)

            async def drive() -> str:
                await second.drive()
                return await stage.kubernetes.state(upload_id)

            await eventually(drive, lambda state: state == "CorruptImage")
            await annotate(stage, upload_id, "1")
            await second.drive()
            assert await stage.kubernetes.state(upload_id) == "Running"

    interruption = Interruption(3, action=fail_and_retry)
    async with Driven(settings, interruption) as first:
        await first.drive()
        await store(await stage.request(upload_id))
        await first.hint(upload_id)
        assert interruption.writes[2:4] == ["POST availableimages", "PATCH imageuploads"]
        assert "DELETE availableimages" in interruption.writes
        assert await stage.kubernetes.get(AVAILABLE_IMAGE.plural, upload_id) is None
        await retry(stage, first, upload_id)
    assert await stage.kubernetes.state(upload_id) == "processed"
    await stage.until_settled(upload_id, stored(upload_id, 2))
