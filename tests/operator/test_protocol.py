"""The whole operator, Kopf's watches included, against a real API server and a real S3 server."""

import asyncio

from safelight_contract.resources import ANNOTATION_UPLOADED_BY, IMAGE_UPLOAD, MANAGER
from safelight_operator import owners
from safelight_operator.settings import Settings
from tests.operator.conftest import Started
from tests.operator.playing import Json, Stage, eventually
from tests.operator.processing import run_processor, send_hint, store, stored


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
        assert await stage.events() == []


def clean(resource: Json) -> bool:
    """Nothing of a framework stands on the object."""
    metadata = resource["metadata"]
    annotations = metadata.get("annotations", {}).keys()
    return "finalizers" not in metadata and annotations <= {ANNOTATION_UPLOADED_BY}


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

        await eventually(jobs, lambda names: names == {owners.job_name(ended, 1)})
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
