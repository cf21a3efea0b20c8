"""What is deleted takes along what belongs to it, and nothing else."""

import asyncio

import pytest

from safelight_contract import keys, policy
from safelight_contract.resources import API_VERSION, AVAILABLE_IMAGE, GROUP, IMAGE_UPLOAD, Kind
from safelight_local.cluster import Cluster
from safelight_operator import manifest
from safelight_operator.watches import Watches
from tests.operator.conftest import Started
from tests.operator.playing import Kubernetes, Stage, eventually
from tests.operator.processing import send_hint, store, stored
from tests.support.clusters import install_definitions


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
        event = await stage.event("IdConflict")
        assert event["involvedObject"]["name"] == upload_id
        await stage.until_settled(upload_id, stored(upload_id))
        assert await stage.kubernetes.image(upload_id) == before


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
            lambda found: keys.original(image, policy.JPEG) not in found,
        )
        kubernetes.kubectl("delete", "namespace", doomed, "--timeout=60s")
        await asyncio.sleep(0.3)
        assert stage.bucket.stored() == before
    await access.close()


@pytest.mark.parametrize("kind", [IMAGE_UPLOAD, AVAILABLE_IMAGE])
async def test_a_deleted_definition_goes_and_the_objects_stay(
    kubernetes: Cluster,
    stage: Stage,
    started: Started,
    kind: Kind,
) -> None:
    """Those of images, and the originals of what is under way or has failed; also afterwards."""
    async with started():
        image, running, failed = await stage.post(), await stage.post(), await stage.post()
        await stage.process(image)
        await stage.until(image, "processed")
        await stage.end(failed, code=11)
        await stage.until(failed, "CorruptImage")
        await stage.job(running)
        before = await eventually(
            lambda: asyncio.to_thread(stage.bucket.stored),
            lambda found: keys.original(image, policy.JPEG) not in found,
        )
        assert {keys.original(upload, policy.JPEG) for upload in (running, failed)} < set(before)
        try:
            name = f"{kind.plural}.{GROUP}"
            await asyncio.to_thread(kubernetes.kubectl, "delete", "crd", name, "--timeout=60s")
            await asyncio.sleep(1)
            assert stage.bucket.stored() == before
        finally:
            await asyncio.to_thread(install_definitions, kubernetes)
        await asyncio.sleep(1)
        assert stage.bucket.stored() == before
    async with started():
        later = await stage.post()
        await stage.process(later)
        await stage.until(later, "processed")
        assert set(stage.bucket.stored()) >= set(before)


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
