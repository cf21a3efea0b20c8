"""The whole operator, Kopf's watches included, against a real API server and a real S3 server."""

import asyncio
import hashlib

import pytest

from safelight_contract import facts, keys, policy
from safelight_contract.facts import Facts
from safelight_contract.resources import (
    ANNOTATION_UPLOADED_BY,
    API_VERSION,
    AVAILABLE_IMAGE,
    FAILURE_MESSAGES,
    IMAGE_UPLOAD,
    MANAGER,
    AvailableImageSpec,
    Failure,
)
from safelight_local.cluster import Cluster
from safelight_operator import manifest
from safelight_operator.settings import Settings
from safelight_operator.watches import Watches
from tests.operator.conftest import Started
from tests.operator.making import OTHER_UID
from tests.operator.playing import (
    Json,
    Kubernetes,
    Stage,
    condition,
    eventually,
    run_processor,
    send_hint,
    store,
)


def original(upload_id: str) -> str:
    return keys.original(upload_id, policy.JPEG)


def stored(upload_id: str, attempt: int = 1) -> list[str]:
    return [keys.image(upload_id, attempt, policy.JPEG), keys.manifest(upload_id, attempt)]


async def test_an_upload_becomes_an_image(stage: Stage, started: Started) -> None:
    async with started():
        upload_id = await stage.post()
        job = await stage.job(upload_id)
        await stage.until(upload_id, "Running")
        upload = await stage.kubernetes.upload(upload_id)
        assert upload is not None
        assert upload["status"]["attempt"] == 1
        assert upload["status"]["jobName"] == job["metadata"]["name"]
        assert upload["status"]["observedGeneration"] == 1
        assert clean(upload)
        assert clean(job)
        await stage.process(upload_id)
        await stage.until(upload_id, "processed")
        await stage.until_settled(upload_id, stored(upload_id))
        image = await stage.kubernetes.image(upload_id)
        assert image is not None
        assert clean(image)
        assert "ownerReferences" not in image["metadata"]
        assert image["spec"]["uploadUID"] == upload["metadata"]["uid"]
        assert image["spec"]["fileName"] == "photo.jpg"
        assert image["spec"]["image"]["key"] == stored(upload_id)[0]
        assert await own_events(stage) == []


VARIANTS = ("w320.avif", "w320.jpg", "w640.avif")


async def test_variants_and_facts_are_published_with_the_image(
    stage: Stage, started: Started, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "safelight_operator")
    async with started():
        upload_id = await stage.post()
        request = await stage.request(upload_id)
        told = Facts(
            request.media_type, request.size, 64, 48, warnings=(facts.Warning.PROFILE_IGNORED,)
        )
        await store(request, VARIANTS, facts=told)
        await send_hint(request)
        prefix = keys.attempt_prefix(upload_id, 1)
        files = sorted([*stored(upload_id), *(prefix + name for name in VARIANTS)])
        await stage.until_settled(upload_id, files)
        image = await stage.kubernetes.image(upload_id)
    assert image is not None
    spec = AvailableImageSpec.from_dict(image["spec"])
    assert spec.facts == told
    assert spec.processor == "played"
    assert [each.key.removeprefix(prefix) for each in spec.variants] == list(VARIANTS)
    first = spec.variants[0]
    data = stage.bucket.read(first.key)
    assert (first.name, first.media_type, first.size) == ("w320", "image/avif", len(data))
    assert first.sha256 == hashlib.sha256(data).hexdigest()
    assert first.etag == hashlib.md5(data, usedforsecurity=False).hexdigest()
    (line,) = (record for record in caplog.records if record.message == "Available")
    assert line.__dict__["warnings"] == ("ProfileIgnored",)


async def test_an_attempt_that_lacks_a_variant_has_no_output(
    stage: Stage, started: Started
) -> None:
    async with started():
        upload_id = await stage.post()
        request = await stage.request(upload_id)
        await store(request, VARIANTS)
        stage.bucket.delete(keys.attempt_prefix(upload_id, 1) + VARIANTS[1])
        await stage.end(upload_id, code=0)
        await stage.process(upload_id, 2)
        await stage.until_settled(upload_id, stored(upload_id, 2))
        assert await stage.kubernetes.state(upload_id) == "processed"


async def test_files_that_the_manifest_does_not_name_are_removed(
    stage: Stage, started: Started
) -> None:
    """Whoever has taken over a Job can store them: it holds a signed URL for each."""
    async with started():
        upload_id = await stage.post()
        request = await stage.request(upload_id)
        await store(request, spare=VARIANTS)
        await send_hint(request)
        await stage.until_settled(upload_id, stored(upload_id))
        image = await stage.kubernetes.image(upload_id)
        assert image is not None
        assert "variants" not in image["spec"]


async def test_a_deleted_image_takes_its_variants_along(stage: Stage, started: Started) -> None:
    async with started():
        upload_id = await stage.post()
        await stage.process(upload_id, variants=VARIANTS)
        await stage.until(upload_id, "processed")
        await stage.kubernetes.delete(AVAILABLE_IMAGE.plural, upload_id)
        await stage.until_settled(upload_id, [])


def clean(resource: Json) -> bool:
    """Nothing of a framework stands on the object."""
    metadata = resource["metadata"]
    annotations = metadata.get("annotations", {}).keys()
    return "finalizers" not in metadata and annotations <= {ANNOTATION_UPLOADED_BY}


async def own_events(stage: Stage) -> list[Json]:
    """Return the Events of ours."""
    events = await stage.kubernetes.list("events")
    return [e for e in events if e.get("source", {}).get("component") == MANAGER]


async def the_event(stage: Stage, reason: str) -> Json:
    """Return the one Event of ours with a reason."""

    async def look() -> list[Json]:
        return [e for e in await own_events(stage) if e["reason"] == reason]

    (event,) = await eventually(look, bool)
    return event


async def test_the_real_processor_works_with_it(stage: Stage, started: Started) -> None:
    async with started():
        upload_id = await stage.post()
        assert await run_processor(await stage.request(upload_id)) == 0
        await stage.until_settled(upload_id, stored(upload_id))
        image = await stage.kubernetes.image(upload_id)
        assert image is not None
        assert (image["spec"]["image"]["width"], image["spec"]["image"]["height"]) == (64, 48)


async def test_a_lost_hint_costs_time_alone(stage: Stage, started: Started) -> None:
    async with started():
        upload_id = await stage.post()
        await stage.process(upload_id, hint=False)
        await stage.end(upload_id, code=0)
        await stage.until_settled(upload_id, stored(upload_id))
        assert await stage.kubernetes.state(upload_id) == "processed"


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
        event = await the_event(stage, "CorruptImage")
        assert event["message"] == "Attempt 1: exit code 11: truncated"
        assert stage.bucket.stored() == [original(upload_id)]


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
        assert stage.bucket.stored() == [original(upload_id)]


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


async def test_an_upload_that_is_deleted_before_the_watches_begin_leaves_nothing(
    stage: Stage,
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first list has it, and no watch will ever tell of it."""
    monkeypatch.setattr("safelight_operator.resync.SECOND_LIST_SECONDS", 1)
    upload_id = await stage.post()

    async def start_late(watches: Watches) -> None:
        await stage.job(upload_id)
        await stage.kubernetes.delete(IMAGE_UPLOAD.plural, upload_id)
        await run(watches)

    run = Watches.run
    monkeypatch.setattr(Watches, "run", start_late)
    async with started():
        await stage.until_settled(upload_id, [])


@pytest.mark.parametrize("moment", ["started", "stored", "failed"])
async def test_an_upload_that_is_deleted_leaves_nothing(
    stage: Stage,
    started: Started,
    moment: str,
) -> None:
    async with started():
        upload_id = await stage.post()
        request = await stage.request(upload_id)
        if moment == "stored":
            await store(request)
        if moment == "failed":
            await stage.end(upload_id, code=12)
            await stage.until(upload_id, "ImageTooLarge")
        await stage.kubernetes.delete(IMAGE_UPLOAD.plural, upload_id)
        await send_hint(request)
        await stage.until_settled(upload_id, [])
        assert await stage.kubernetes.image(upload_id) is None


async def test_what_a_dying_pod_still_writes_goes_too(
    stage: Stage,
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("safelight_operator.inbox.PASS_DELAY", 0.5)
    async with started():
        upload_id = await stage.post()
        request = await stage.request(upload_id)
        await stage.kubernetes.delete(IMAGE_UPLOAD.plural, upload_id)
        await stage.until_settled(upload_id, [])
        stage.bucket.put(keys.image(upload_id, 1, policy.JPEG), b"late")
        assert request.attempt == 1
        await stage.until_settled(upload_id, [])


async def test_a_deleted_image_takes_its_objects_along(stage: Stage, started: Started) -> None:
    async with started():
        gone, kept = await stage.post(), await stage.post()
        for upload_id in (gone, kept):
            await stage.process(upload_id)
            await stage.until(upload_id, "processed")
        await stage.until_settled(gone, stored(gone))
        await stage.until_settled(kept, stored(kept))
        await stage.kubernetes.delete(AVAILABLE_IMAGE.plural, gone)
        await stage.until_settled(gone, [])
        await stage.until_settled(kept, stored(kept))
        assert await stage.kubernetes.state(kept) == "processed"


async def test_an_id_is_never_used_twice(stage: Stage, started: Started) -> None:
    """The image that has the id, and its objects, are left alone."""
    async with started(failed_retention_seconds=1):
        upload_id = await stage.post()
        await stage.process(upload_id)
        await stage.until_settled(upload_id, stored(upload_id))
        before = await stage.kubernetes.image(upload_id)
        await stage.post_as(upload_id)
        await stage.until(upload_id, "processed")
        event = await the_event(stage, "IdConflict")
        assert event["involvedObject"]["name"] == upload_id
        await stage.until_settled(upload_id, stored(upload_id))
        assert await stage.kubernetes.image(upload_id) == before


async def test_nothing_is_missed_while_no_operator_runs(stage: Stage, started: Started) -> None:
    async with started():
        finished, deleted, ended = await stage.post(), await stage.post(), await stage.post()
        for upload_id in (finished, deleted, ended):
            await stage.job(upload_id)
    await stage.process(finished, hint=False)
    await stage.end(finished, code=0)
    await stage.end(ended, code=11)
    await stage.kubernetes.delete(IMAGE_UPLOAD.plural, deleted)
    new = await stage.post()
    async with started():
        await stage.until(finished, "processed")
        await stage.until(ended, "CorruptImage")
        await stage.process(new)
        await stage.until(new, "processed")

        async def jobs() -> set[str]:
            found = await stage.kubernetes.list("jobs")
            return {job["metadata"]["name"] for job in found}

        await eventually(jobs, lambda names: names == {manifest.job_name(ended, 1)})
        assert await stage.kubernetes.image(deleted) is None


async def test_uploads_wait_for_a_slot_in_the_order_they_came(
    stage: Stage,
    started: Started,
) -> None:
    async with started(max_concurrent_jobs=1):
        first = await stage.post()
        await stage.job(first)
        await asyncio.sleep(1)  # creation times are whole seconds
        second = await stage.post()
        await stage.until(second, "Queued")
        await asyncio.sleep(1)
        third = await stage.post()
        await stage.until(third, "Queued")
        assert len(await stage.kubernetes.list("jobs")) == 1
        await stage.process(first)
        await stage.job(second)
        assert await stage.kubernetes.state(third) == "Queued"
        await stage.kubernetes.delete(IMAGE_UPLOAD.plural, second)
        await stage.process(third)
        await stage.until(third, "processed")


async def test_two_operators_do_no_harm(
    stage: Stage,
    started: Started,
    settings: Settings,
) -> None:
    other = {"hint_port": settings.health_port, "pod_name": "operator-1"}
    async with started(), started(**other):
        uploads = [await stage.post() for _ in range(4)]
        uids = {i: await uid(stage, i) for i in uploads}
        requests = [await stage.request(i) for i in uploads]
        for request in requests:
            await store(request)
        await asyncio.gather(*(send_hint(request) for request in requests))
        for upload_id in uploads:
            await stage.until(upload_id, "processed")
        for upload_id in uploads:
            await stage.until_settled(upload_id, stored(upload_id))
            image = await stage.kubernetes.image(upload_id)
            assert image is not None
            assert image["spec"]["uploadUID"] == uids[upload_id]


async def uid(stage: Stage, upload_id: str) -> str:
    upload = await stage.kubernetes.upload(upload_id)
    assert upload is not None
    return str(upload["metadata"]["uid"])


async def test_odd_objects_disturb_nobody(stage: Stage, started: Started) -> None:
    odd = await stage.post()
    conditions = [
        {
            "type": "Succeeded",
            "status": "Unknown",
            "reason": "Handmade",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        },
    ]
    status = {"attempt": 98, "jobName": "not-ours", "conditions": conditions}
    await stage.kubernetes.patch(IMAGE_UPLOAD.plural, odd, {"status": status}, "/status")
    labels = {
        "app.kubernetes.io/managed-by": MANAGER,
        "safelight.dev/upload-id": "not-an-id",
        "safelight.dev/attempt": "x",
    }
    container = {"name": "c", "image": "none"}
    job: Json = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "handmade", "labels": labels},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }
    await stage.kubernetes.create("jobs", job)
    async with started():
        good = await stage.post()
        await stage.process(good)
        await stage.until(good, "processed")
        await stage.until(odd, "OutputMissing")
        assert await stage.kubernetes.get("jobs", "handmade") is not None


async def test_a_deleted_namespace_goes_and_the_objects_stay(
    kubernetes: Cluster,
    stage: Stage,
    started: Started,
) -> None:
    """Every image seems to be deleted then, but nobody asked for the pictures to be."""
    doomed = f"{stage.kubernetes.namespace}-doomed"
    kubernetes.kubectl("create", "namespace", doomed)
    access = Kubernetes(kubernetes, doomed)
    doomed_stage = Stage(access, stage.bucket)
    async with started(namespace=doomed):
        image, upload = await doomed_stage.post(), await doomed_stage.post()
        await doomed_stage.process(image)
        await doomed_stage.until(image, "processed")
        await doomed_stage.end(upload, code=11)
        await doomed_stage.until(upload, "CorruptImage")
        before = await eventually(
            lambda: asyncio.to_thread(stage.bucket.stored),
            lambda found: original(image) not in found,
        )
        kubernetes.kubectl("delete", "namespace", doomed, "--timeout=60s")
        await asyncio.sleep(0.3)
        assert stage.bucket.stored() == before
    await access.close()


async def test_the_probe_before_a_removal_is_valid(
    stage: Stage,
    started: Started,
) -> None:
    """It is a dry run: it leaves nothing behind."""
    async with started() as operator:
        upload_id = await stage.post()
        await stage.job(upload_id)
        probe = manifest.probe(upload_id)
        assert probe["apiVersion"] == API_VERSION
        assert await operator.cluster.would_create_image(probe)
        assert await stage.kubernetes.image(upload_id) is None
