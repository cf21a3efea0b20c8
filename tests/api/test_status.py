"""GET /api/image-upload/{id}/status: what is answered in each state, and at what cost."""

from typing import Any

import pytest

from safelight_api.cluster import Cluster, Reading
from safelight_api.settings import Settings
from safelight_contract.resources import (
    AVAILABLE_IMAGE,
    FAILURE_MESSAGES,
    IMAGE_UPLOAD,
    Failure,
    Kind,
)
from tests.api import making
from tests.api.asking import UNKNOWN_ID, UPLOADS, Api, assert_problem, eventually, started
from tests.api.playing import PlayedOperator
from tests.support.proxying import Proxy


async def test_an_unknown_or_malformed_id_is_not_found_with_the_status_s_own_body(api: Api) -> None:
    for name in (
        UNKNOWN_ID,
        "x",
        "a.b",
        UNKNOWN_ID + "0",
        UNKNOWN_ID + "%0A",
        "%00",
        "image-upload",
    ):
        answer = await api.client.get(f"{UPLOADS}/{name}/status")
        assert answer.status_code == 404
        assert answer.json() == {"status": "not_found", "available_image": None}
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_each_state_in_the_order_of_an_upload(api: Api, operator: PlayedOperator) -> None:
    upload = await api.upload()
    path = f"{UPLOADS}/{upload['id']}/status"
    answer = await api.client.get(path)
    assert answer.json() == {
        "status": "processing",
        "available_image": None,
        "created_at": upload["created_at"],
        "progress": {"phase": "queued", "queued_ahead": 0},
    }
    assert answer.headers["retry-after"] == "1"
    for reason in ("Running", "Publishing"):
        await operator.progress(upload["id"], reason)

        async def is_seen(phase: str = reason.lower()) -> bool:
            status = await api.status(upload["id"])
            assert status["status"] == "processing"
            return bool(status["progress"] == {"phase": phase, "queued_ahead": 0})

        await eventually(is_seen)
    await operator.process(upload["id"], b"the image")
    answer = await api.client.get(path)
    assert "retry-after" not in answer.headers
    body = answer.json()
    assert list(body) == ["status", "available_image"]
    assert body["status"] == "processed"
    image = (await api.client.get(f"/api/available-image/{upload['id']}")).json()
    assert body["available_image"] == image["data"]
    assert list(image["data"])[:5] == ["id", "path", "comment", "created_at", "updated_at"]
    view = await api.client.get(f"/api/available-image/{upload['id']}/view")
    assert view.content == b"the image"
    assert_problem(await api.client.get(f"{UPLOADS}/{upload['id']}"), 404)


async def test_failed_is_the_end(api: Api, operator: PlayedOperator) -> None:
    upload = await api.upload()
    await operator.fail(upload["id"], "CorruptImage")

    async def has_failed() -> bool:
        return bool((await api.status(upload["id"]))["status"] == "failed")

    await eventually(has_failed)
    answer = await api.client.get(f"{UPLOADS}/{upload['id']}/status")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "failed",
        "available_image": None,
        "error": {
            "code": "CorruptImage",
            "message": FAILURE_MESSAGES[Failure.CORRUPT_IMAGE],
        },
    }
    assert "retry-after" not in answer.headers
    await operator.delete(IMAGE_UPLOAD, upload["id"])

    async def is_gone() -> bool:
        return bool((await api.status(upload["id"]))["status"] == "not_found")

    await eventually(is_gone)


async def test_how_many_wait_ahead(api: Api, operator: PlayedOperator) -> None:
    ids = [(await api.upload())["id"] for _ in range(3)]
    waiting = {(await api.status(name))["progress"]["queued_ahead"] for name in ids}
    assert waiting == {0, 1, 2}
    first = min(ids, key=api.services.cache.all_uploads.newest(0, 9)[::-1].index)
    await operator.progress(first, "Running")
    await eventually(lambda: api.services.cache.pending.waiting == 2)
    ahead = [(await api.status(name))["progress"] for name in ids if name != first]
    assert {progress["queued_ahead"] for progress in ahead} == {0, 1}


async def test_an_unchanged_status_is_304(api: Api, operator: PlayedOperator) -> None:
    upload = await api.upload()
    path = f"{UPLOADS}/{upload['id']}/status"
    first = await api.client.get(path)
    assert first.headers["cache-control"] == "private, no-cache"
    conditional = {"If-None-Match": first.headers["etag"]}
    same = await api.client.get(path, headers=conditional)
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == first.headers["etag"]
    assert same.headers["retry-after"] == "1"
    await operator.progress(upload["id"], "Running")
    await eventually(lambda: api.services.cache.pending.waiting == 0)
    changed = await api.client.get(path, headers=conditional)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


async def test_polls_cost_the_api_server_nothing(
    api: Api, operator: PlayedOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, done = await api.upload(), await operator.available()
    await eventually(lambda: len(api.services.cache.ready_images) == 1)

    async def refuse(*_arguments: object) -> None:
        raise AssertionError("a poll was not answered from memory")

    monkeypatch.setattr(Cluster, "read", refuse)
    for _ in range(3):
        assert (await api.status(upload["id"]))["status"] == "processing"
        assert (await api.status(done))["status"] == "processed"


async def test_the_replacement_happens_between_the_two_reads_of_one_poll(
    settings: Settings,
    token: str,
    cluster_proxy: Proxy,
    operator: PlayedOperator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever looked for the image first and for the upload then would find neither."""
    async with started(settings, token, watch_silence=60) as api:
        cluster_proxy.silence_existing()
        name = making.an_id()
        await operator.create(IMAGE_UPLOAD, name, making.upload_spec().to_dict())
        read = Cluster.read
        kinds: list[Kind] = []

        async def read_then_process(self: Cluster, kind: Kind, upload_id: str) -> Reading:
            reading = await read(self, kind, upload_id)
            kinds.append(kind)
            if len(kinds) == 1:
                await operator.process(upload_id)
            return reading

        monkeypatch.setattr(Cluster, "read", read_then_process)
        assert (await api.status(name))["status"] == "processing"
        api.services.cache.uploads.missed(name, 2**60)
        assert (await api.status(name))["status"] == "processed"
        assert kinds == [IMAGE_UPLOAD, IMAGE_UPLOAD, AVAILABLE_IMAGE]


async def test_an_unconfirmed_image_is_not_shown(api: Api, operator: PlayedOperator) -> None:
    upload = await api.upload()
    resource = await operator.get(IMAGE_UPLOAD, upload["id"])
    assert resource is not None
    await operator.create_image(upload["id"], resource["metadata"]["uid"])
    await eventually(lambda: api.services.cache.images.get(upload["id"]) is not None)
    assert (await api.status(upload["id"]))["status"] == "processing"
    for path in ("", "/view", "/download"):
        assert_problem(await api.client.get(f"/api/available-image/{upload['id']}{path}"), 404)
    assert (await api.client.get("/api/available-image")).json()["data"] == []
    await operator.delete(IMAGE_UPLOAD, upload["id"])
    await eventually(lambda: api.services.cache.uploads.get(upload["id"]) is None)
    # Nobody will confirm it: the upload was deleted by its user.
    assert (await api.status(upload["id"]))["status"] == "not_found"


async def test_a_resource_that_nobody_understands_stops_nobody(
    api: Api, operator: PlayedOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = api.services.watchers[0]
    project = watcher._project  # noqa: SLF001 - the one place where a poison object can be put in
    poison, good = making.an_id(), making.an_id()

    def poisoned(resource: Any) -> Any:  # noqa: ANN401 - passed on as they are
        if resource["metadata"]["name"] == poison:
            raise KeyError("spec")
        return project(resource)

    monkeypatch.setattr(watcher, "_project", poisoned)
    for name in (poison, good):
        await operator.create(IMAGE_UPLOAD, name, making.upload_spec().to_dict())
    await eventually(lambda: api.services.cache.uploads.get(good) is not None)
    assert api.services.cache.uploads.get(poison) is None
