from contextlib import aclosing

import pytest

from safelight_contract.resources import IMAGE_UPLOAD
from safelight_operator import manifest, owners
from safelight_operator.cluster import Cluster
from safelight_operator.errors import (
    AlreadyExistsError,
    ConflictError,
    ExpiredError,
    GoneError,
    NotServedError,
    RefusedError,
    UnavailableError,
)
from safelight_operator.world import Upload
from tests.operator.making import ID, PROCESSOR, request
from tests.operator.playing import Stage


async def posted(stage: Stage, cluster: Cluster) -> Upload:
    """Return an ImageUpload of the API server."""
    found = await cluster.get_upload(await stage.post())
    assert found is not None
    return Upload.from_dict(found)


async def test_absence_is_an_answer(cluster: Cluster) -> None:
    assert await cluster.get_upload(ID) is None
    assert await cluster.get_image(ID) is None
    assert await cluster.get_job("absent") is None
    assert await cluster.list_jobs(ID) == []
    await cluster.delete_job("absent", "uid")


async def test_a_missing_kind_is_no_absence(cluster: Cluster) -> None:
    """While a definition is away, none of its objects may be taken for deleted."""
    path = f"/apis/safelight.dev/v1alpha1/namespaces/{cluster.namespace}/missing"
    transport = cluster._transport  # noqa: SLF001 - a kind that the operator does not know
    with pytest.raises(NotServedError):
        await transport.get(f"{path}/{ID}", ID)
    with pytest.raises(NotServedError):
        await transport.list(path, {})


async def test_a_status_is_written_only_over_what_was_read(stage: Stage, cluster: Cluster) -> None:
    upload = await posted(stage, cluster)
    status = {"attempt": 1}
    await cluster.patch_upload_status(upload.id, upload.resource_version, status)
    with pytest.raises(ConflictError):
        await cluster.patch_upload_status(upload.id, upload.resource_version, status)


async def test_a_status_is_not_written_over_another_upload(stage: Stage, cluster: Cluster) -> None:
    upload = await posted(stage, cluster)
    await cluster.delete_upload(upload.id, upload.uid)
    with pytest.raises(GoneError):
        await cluster.patch_upload_status(upload.id, upload.resource_version, {"attempt": 1})
    await stage.post_as(upload.id)
    with pytest.raises(ConflictError):
        await cluster.patch_upload_status(upload.id, upload.resource_version, {"attempt": 1})


async def test_only_the_one_that_was_read_is_deleted(stage: Stage, cluster: Cluster) -> None:
    upload = await posted(stage, cluster)
    with pytest.raises(ConflictError):
        await cluster.delete_upload(upload.id, "another-uid")
    await cluster.delete_upload(upload.id, upload.uid)
    await cluster.delete_upload(upload.id, upload.uid)
    assert await stage.kubernetes.upload(upload.id) is None


async def test_the_second_job_of_a_name_exists_already(stage: Stage, cluster: Cluster) -> None:
    upload = await posted(stage, cluster)
    body = manifest.job(upload, request(upload_id=upload.id), PROCESSOR)
    await cluster.create_job(body)
    with pytest.raises(AlreadyExistsError):
        await cluster.create_job(body)
    (found,) = await cluster.list_jobs(upload.id)
    assert found["metadata"]["name"] == owners.job_name(upload.id, 1)
    assert len(await cluster.list_all_jobs()) == 1


async def test_only_the_job_that_was_read_is_deleted(stage: Stage, cluster: Cluster) -> None:
    upload = await posted(stage, cluster)
    job = await cluster.create_job(manifest.job(upload, request(upload_id=upload.id), PROCESSOR))
    name, uid = job["metadata"]["name"], job["metadata"]["uid"]
    with pytest.raises(ConflictError):
        await cluster.delete_job(name, "another-uid")
    assert await cluster.get_job(name) is not None
    await cluster.delete_job(name, uid)


async def test_only_the_image_that_was_read_is_deleted(cluster: Cluster) -> None:
    """Neither another one of its name, nor one that somebody has touched since."""
    metadata = (await cluster.create_image(manifest.probe(ID)))["metadata"]
    for uid, version in (("another-uid", metadata["resourceVersion"]), (metadata["uid"], "1")):
        with pytest.raises(ConflictError):
            await cluster.delete_image(ID, uid, version)
    await cluster.delete_image(ID, metadata["uid"], metadata["resourceVersion"])
    assert await cluster.get_image(ID) is None


async def test_what_is_not_valid_is_refused(stage: Stage, cluster: Cluster) -> None:
    upload = await posted(stage, cluster)
    body = manifest.job(upload, request(upload_id=upload.id), PROCESSOR)
    body["spec"]["backoffLimit"] = -1
    with pytest.raises(RefusedError):
        await cluster.create_job(body)


async def test_an_image_that_exists_would_not_be_created(cluster: Cluster) -> None:
    probe = manifest.probe(ID)
    assert await cluster.would_create_image(probe)
    assert await cluster.get_image(ID) is None
    await cluster.create_image(probe)
    assert not await cluster.would_create_image(probe)


async def test_lists_are_read_page_by_page(
    stage: Stage,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("safelight_contract.pages.FIRST", 2)
    monkeypatch.setattr("safelight_contract.pages.MOST", 2)
    ids = {await stage.post() for _ in range(5)}
    listed = await cluster.list_all_uploads()
    assert {upload["metadata"]["name"] for upload in listed} == ids
    assert {upload["kind"] for upload in listed} == {IMAGE_UPLOAD.kind}


async def test_the_watch_brings_metadata_alone(cluster: Cluster) -> None:
    version = await cluster.images_version()
    await cluster.create_image(manifest.probe(ID))
    async with aclosing(cluster.watch_images(version)) as events:
        event = await anext(events)
    assert event["type"] == "ADDED"
    assert event["object"]["kind"] == "PartialObjectMetadata"
    assert event["object"]["metadata"]["name"] == ID
    assert "spec" not in event["object"]


async def test_a_watch_from_the_past_has_expired(cluster: Cluster) -> None:
    """The server knows nothing of a version that it has not reached, or has forgotten."""
    with pytest.raises((ExpiredError, UnavailableError)):
        async for _ in cluster.watch_images("1"):
            pass


async def test_a_server_that_is_away_is_unavailable(
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = cluster._transport._client  # noqa: SLF001 - the network fails
    monkeypatch.setattr(client.configuration, "host", "https://127.0.0.1:1")
    with pytest.raises(UnavailableError):
        await cluster.get_upload(ID)
    with pytest.raises(UnavailableError):
        async for _ in cluster.watch_images("1"):
            pass
