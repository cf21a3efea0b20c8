"""What becomes of an upload whose attempts fail, through the whole operator."""

from safelight_contract import keys, policy
from safelight_contract.resources import FAILURE_MESSAGES, IMAGE_UPLOAD, Failure
from tests.operator.conftest import Started
from tests.operator.making import OTHER_UID
from tests.operator.playing import Stage, condition
from tests.operator.processing import send_hint, store, stored


async def test_a_bad_image_fails_once_and_for_all(stage: Stage, started: Started) -> None:
    async with started():
        upload_id = await stage.post()
        await stage.job(upload_id)
        await stage.end(upload_id, code=11, detail="truncated")
        await stage.until(upload_id, "CorruptImage")
        upload = await stage.kubernetes.upload(upload_id)
        assert upload is not None
        assert upload["status"]["attempt"] == 1
        failure = condition(upload, "Succeeded")
        assert failure["status"] == "False"
        assert failure["message"] == FAILURE_MESSAGES[Failure.CORRUPT_IMAGE]
        assert failure["observedGeneration"] == 1
        event = await stage.event("CorruptImage")
        assert event["message"] == "Attempt 1: exit code 11: truncated"
        assert stage.bucket.stored() == [keys.original(upload_id, policy.JPEG)]


async def test_too_little_memory_is_tried_twice(stage: Stage, started: Started) -> None:
    async with started():
        upload_id = await stage.post()
        for attempt in (1, 2):
            await stage.job(upload_id, attempt)
            await stage.end(upload_id, attempt, code=137, reason="OOMKilled")
        await stage.until(upload_id, "OutOfMemory")


async def test_no_output_is_tried_twice(stage: Stage, started: Started) -> None:
    """Once the Job completes without output, once it is deleted by hand."""
    async with started():
        upload_id = await stage.post()
        await stage.job(upload_id)
        await stage.end(upload_id, code=0)
        second = await stage.job(upload_id, 2)
        await stage.kubernetes.delete("jobs", second["metadata"]["name"])
        await stage.until(upload_id, "OutputMissing")
        assert stage.bucket.stored() == [keys.original(upload_id, policy.JPEG)]


async def test_a_foreign_manifest_is_no_output(stage: Stage, started: Started) -> None:
    """The next attempt's is, and what the first has written goes away."""
    async with started():
        upload_id = await stage.post()
        request = await stage.request(upload_id)
        await store(request, upload_uid=OTHER_UID)
        await send_hint(request)
        await stage.end(upload_id, code=0)
        await stage.process(upload_id, 2)
        await stage.until_settled(upload_id, stored(upload_id, 2))


async def test_faults_of_the_storage_are_retried_later(stage: Stage, started: Started) -> None:
    """When is in the status, so that a restart forgets nothing."""
    async with started():
        upload_id = await stage.post()
        await stage.job(upload_id)
        await stage.end(upload_id, code=20)
        await stage.until(upload_id, "Queued")
        upload = await stage.kubernetes.upload(upload_id)
        assert upload is not None
        assert upload["status"]["attempt"] == 1
        assert "retryAfter" in upload["status"]
    past = {"status": {"retryAfter": "2026-01-01T00:00:00Z"}}
    await stage.kubernetes.patch(IMAGE_UPLOAD.plural, upload_id, past, "/status")
    async with started():
        await stage.process(upload_id, 2)
        await stage.until_settled(upload_id, stored(upload_id, 2))


async def test_a_failure_goes_after_its_retention(stage: Stage, started: Started) -> None:
    async with started(failed_retention_seconds=1):
        upload_id = await stage.post()
        await store(await stage.request(upload_id), attempt=2)
        await stage.end(upload_id, code=10)
        await stage.until_settled(upload_id, [])
        assert await stage.kubernetes.image(upload_id) is None
