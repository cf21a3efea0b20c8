"""POST and DELETE while the storage or the API server is away, loses answers or allows no more."""

from typing import Any

import pytest

from safelight_api.cluster import Cluster
from safelight_api.cluster_errors import UnavailableError
from safelight_api.settings import Settings
from safelight_contract.resources import IMAGE_UPLOAD
from tests.api.asking import (
    JPEG,
    UNKNOWN_ID,
    UPLOAD_FIELDS,
    UPLOADS,
    Api,
    assert_nothing_is_left,
    assert_problem,
    eventually,
    started,
)
from tests.api.conftest import behind
from tests.api.playing import PlayedOperator
from tests.support.bucket import Bucket
from tests.support.proxying import Proxy


async def test_the_object_storage_is_away(
    settings: Settings, token: str, storage_proxy: Proxy, operator: PlayedOperator
) -> None:
    async with started(behind(storage_proxy, settings), token) as api:
        storage_proxy.refuse()
        assert_problem(await api.client.post(UPLOADS, files={"file": ("a.jpg", JPEG)}), 503)
        await assert_nothing_is_left(api, operator)
        storage_proxy.restore()
        await api.upload()


async def test_the_api_server_is_away(
    settings: Settings, token: str, cluster_proxy: Proxy, bucket: Bucket
) -> None:
    """Nothing was created, so nothing is left; reads that the cache can answer go on."""
    async with started(settings, token) as api:
        upload = await api.upload()
        cluster_proxy.refuse()
        assert_problem(await api.client.post(UPLOADS, files={"file": ("a.jpg", JPEG)}), 503)
        assert bucket.stored() == [upload["path"]]
        assert (await api.status(upload["id"]))["status"] == "processing"
        assert_problem(await api.client.get(f"{UPLOADS}/{UNKNOWN_ID}/status"), 503)
        assert_problem(await api.client.get(f"{UPLOADS}/{UNKNOWN_ID}"), 503)
        assert_problem(await api.client.delete(f"{UPLOADS}/{upload['id']}"), 503)
        assert len((await api.client.get(UPLOADS)).json()["data"]) == 1
        cluster_proxy.restore()
        assert (await api.client.delete(f"{UPLOADS}/{upload['id']}")).status_code == 204


async def test_a_create_whose_answer_is_lost_is_found_out(
    api: Api, operator: PlayedOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Done, then a time-out: the upload exists once, and the client gets its 201."""
    create = Cluster.create
    calls = []

    async def lossy(*arguments: Any) -> Any:  # noqa: ANN401 - passed on as they are
        calls.append(arguments)
        await create(*arguments)
        raise UnavailableError("lost", may_have_happened=True)

    monkeypatch.setattr(Cluster, "create", lossy)
    upload = await api.upload()
    assert len(calls) == 1
    assert await operator.names(IMAGE_UPLOAD) == [upload["id"]]
    assert operator.bucket.stored() == [upload["path"]]


async def test_a_create_whose_answer_is_lost_and_that_was_processed_meanwhile(
    api: Api, operator: PlayedOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never created a second time."""
    create = Cluster.create

    async def lossy(*arguments: Any) -> Any:  # noqa: ANN401 - passed on as they are
        created = await create(*arguments)
        await operator.process(created["metadata"]["name"])
        raise UnavailableError("lost", may_have_happened=True)

    monkeypatch.setattr(Cluster, "create", lossy)
    upload = await api.upload()
    assert list(upload) == UPLOAD_FIELDS
    assert await operator.names(IMAGE_UPLOAD) == []
    assert (await api.status(upload["id"]))["status"] == "processed"


async def test_a_create_that_may_have_happened_keeps_the_original(
    api: Api, operator: PlayedOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can tell, so the client gets no 201, and the upload can still be processed."""

    async def lost(*_arguments: Any) -> Any:  # noqa: ANN401 - passed on as they are
        raise UnavailableError("lost", may_have_happened=True)

    monkeypatch.setattr(Cluster, "create", lost)
    monkeypatch.setattr("safelight_api.uploads.RETRY_SECONDS", 0)
    assert_problem(await api.client.post(UPLOADS, files={"file": ("a.jpg", JPEG)}), 503)
    assert len(operator.bucket.stored()) == 1


async def test_a_quota(api: Api, operator: PlayedOperator, kubernetes: Any, namespace: str) -> None:  # noqa: ANN401 - the fixture of all tests
    """The namespace allows no more uploads: as if too many were pending, and nothing is left."""
    kubernetes.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "uploads", "namespace": namespace},
            "spec": {"hard": {"count/imageuploads.safelight.dev": "0"}},
        }
    )

    async def is_refused() -> bool:
        answer = await api.client.post(UPLOADS, files={"file": ("a.jpg", JPEG)})
        if answer.status_code == 429:
            assert_problem(answer, 429)
            return True
        await operator.delete(IMAGE_UPLOAD, answer.json()["data"]["id"])
        operator.bucket.delete(answer.json()["data"]["path"])
        return False

    await eventually(is_refused, every=0.1)
    await assert_nothing_is_left(api, operator)
