"""GET /api/image-upload/{id}/status: what each reader sees, in which order, whatever happens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Self

import pytest

from safelight_api.cluster import Cluster, Reading, WatchEvent
from safelight_api.cluster_errors import GoneError
from safelight_api.settings import Settings
from safelight_contract.resources import (
    AVAILABLE_IMAGE,
    FAILURE_MESSAGES,
    IMAGE_UPLOAD,
    Failure,
    Kind,
)
from tests.api import making
from tests.api.asking import Api, assert_problem, eventually, started
from tests.api.playing import PlayedOperator
from tests.support.proxying import Proxy

PATH = "/api/image-upload"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def test_an_unknown_or_malformed_id_is_not_found_with_the_status_s_own_body(api: Api) -> None:
    for name in (UNKNOWN, "x", "a.b", UNKNOWN + "0", UNKNOWN + "%0A", "%00", "image-upload"):
        answer = await api.client.get(f"{PATH}/{name}/status")
        assert answer.status_code == 404
        assert answer.json() == {"status": "not_found", "available_image": None}
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_each_state_in_the_order_of_an_upload(api: Api, operator: PlayedOperator) -> None:
    upload = await api.upload()
    path = f"{PATH}/{upload['id']}/status"
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
    assert_problem(await api.client.get(f"{PATH}/{upload['id']}"), 404)


async def test_failed_is_the_end(api: Api, operator: PlayedOperator) -> None:
    upload = await api.upload()
    await operator.fail(upload["id"], "CorruptImage")

    async def has_failed() -> bool:
        return bool((await api.status(upload["id"]))["status"] == "failed")

    await eventually(has_failed)
    answer = await api.client.get(f"{PATH}/{upload['id']}/status")
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
    path = f"{PATH}/{upload['id']}/status"
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


class Poller:
    """Polls one id all the time, and records what it sees."""

    def __init__(self, api: Api, upload_id: str) -> None:
        self._api = api
        self._id = upload_id
        self.seen: list[str] = []
        self.refused = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._poll())
        return self

    async def __aexit__(self, *_exception: object) -> None:
        assert self._task
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if not self._task.cancelled():
            self._task.result()

    async def _poll(self) -> None:
        while True:
            answer = await self._api.client.get(f"{PATH}/{self._id}/status")
            if answer.status_code == 503:
                self.refused += 1
            else:
                self.seen.append(answer.json()["status"])
                if self.seen[-1] == "processed":
                    # Processed means that both work now, in this process.
                    view = await self._api.client.get(f"/api/available-image/{self._id}/view")
                    assert view.status_code == 200
            await asyncio.sleep(0)

    async def sees(self, status: str, seconds: float = 10) -> None:
        """Wait until a poll has seen something."""
        await eventually(lambda: status in self.seen, seconds)

    def assert_monotone(self, *order: str) -> None:
        """Check that what was seen is this sequence, each state any number of times."""
        changes = [s for n, s in enumerate(self.seen) if n == 0 or s != self.seen[n - 1]]
        assert changes == list(order)


async def test_no_poll_ever_sees_not_found_on_the_way(api: Api, operator: PlayedOperator) -> None:
    """From the 201 on: processing, then processed for ever, while the cluster changes."""
    for _ in range(5):
        upload = await api.upload()
        async with Poller(api, upload["id"]) as poller:
            await operator.process(upload["id"])
            await poller.sees("processed")
            await asyncio.sleep(0.05)
        poller.assert_monotone("processing", "processed")


async def test_the_same_for_readers_of_another_process(
    api: Api, settings: Settings, token: str, operator: PlayedOperator
) -> None:
    """Its watch may not know of the upload yet when the first poll comes."""
    async with started(settings, token) as other:
        for _ in range(5):
            upload = await api.upload()
            async with Poller(other, upload["id"]) as poller:
                await operator.process(upload["id"])
                await poller.sees("processed")
            poller.assert_monotone("processing", "processed")


async def test_the_same_when_the_process_is_started_anew_at_each_step(
    settings: Settings, token: str, operator: PlayedOperator
) -> None:
    seen = []
    async with started(settings, token) as api:
        upload = await api.upload()
    resource = await operator.get(IMAGE_UPLOAD, upload["id"])
    assert resource is not None
    steps: list[Any] = [
        lambda: asyncio.sleep(0),
        lambda: operator.progress(upload["id"], "Publishing"),
        lambda: operator.create_image(upload["id"], resource["metadata"]["uid"]),
        lambda: operator.confirm(upload["id"]),
        lambda: operator.delete(IMAGE_UPLOAD, upload["id"]),
    ]
    for step in steps:
        await step()
        async with started(settings, token) as api:
            seen.append((await api.status(upload["id"]))["status"])
    assert seen == ["processing"] * 3 + ["processed"] * 2


@pytest.mark.parametrize("how", ["cut", "silence", "refuse"])
async def test_the_same_while_the_watch_is_broken(
    how: str, settings: Settings, token: str, cluster_proxy: Proxy, operator: PlayedOperator
) -> None:
    """Cut, silently dead, or the API server away: afterwards the end is seen, and nothing false."""
    async with started(settings, token, watch_silence=0.5) as api:
        upload = await api.upload()
        async with Poller(api, upload["id"]) as poller:
            await poller.sees("processing")
            getattr(cluster_proxy, how)()
            await operator.process(upload["id"])
            await asyncio.sleep(0.2)
            cluster_proxy.restore()
            if how == "silence":
                cluster_proxy.cut()
            await poller.sees("processed", seconds=20)
        poller.assert_monotone("processing", "processed")


async def test_a_silent_watch_is_noticed(
    settings: Settings, token: str, cluster_proxy: Proxy, operator: PlayedOperator
) -> None:
    """A black hole that ends without a word: new connections work, the old one never will."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(started(settings, token, watch_silence=0.5))
        upload = await api.upload()
        cluster_proxy.silence_existing()
        await operator.process(upload["id"])
        assert (await api.status(upload["id"]))["status"] == "processing"

        async def is_processed() -> bool:
            return bool((await api.status(upload["id"]))["status"] == "processed")

        await eventually(is_processed, seconds=5)


async def test_after_410_gone_what_was_deleted_in_the_gap_is_gone(
    settings: Settings,
    token: str,
    cluster_proxy: Proxy,
    operator: PlayedOperator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No event tells of it: only the new list does."""
    async with started(settings, token) as api:
        kept, deleted = (await api.upload())["id"], (await api.upload())["id"]
        watch = Cluster.watch
        resumed: list[Kind] = []

        async def gone_once(
            self: Cluster, kind: Kind, revision: int, *, seconds: int, silence: float
        ) -> AsyncIterator[WatchEvent]:
            resumed.append(kind)
            if resumed.count(kind) == 1:
                if kind is IMAGE_UPLOAD:
                    await operator.delete(IMAGE_UPLOAD, deleted)
                raise GoneError("410 Expired")
            async for event in watch(self, kind, revision, seconds=seconds, silence=silence):
                yield event

        monkeypatch.setattr(Cluster, "watch", gone_once)
        cluster_proxy.cut()
        await eventually(lambda: resumed.count(IMAGE_UPLOAD) == 2)
        assert api.services.cache.uploads.get(deleted) is None
        assert (await api.status(deleted))["status"] == "not_found"
        assert (await api.status(kept))["status"] == "processing"
        await operator.fail(kept, "CorruptImage")
        await eventually(lambda: len(api.services.cache.pending) == 0)


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


async def test_a_deleted_image_stays_away_although_the_upload_is_still_there(
    api: Api, operator: PlayedOperator
) -> None:
    """The operator confirms first and deletes the upload then; a user may be quicker."""
    upload = await api.upload()
    resource = await operator.get(IMAGE_UPLOAD, upload["id"])
    assert resource is not None
    await operator.create_image(upload["id"], resource["metadata"]["uid"])
    await operator.confirm(upload["id"])
    async with Poller(api, upload["id"]) as poller:
        await poller.sees("processed")
        await operator.delete(AVAILABLE_IMAGE, upload["id"])
        await poller.sees("not_found")
        await asyncio.sleep(0.05)
    poller.seen = [s for n, s in enumerate(poller.seen) if n == 0 or s != poller.seen[n - 1]]
    assert poller.seen[-2:] == ["processed", "not_found"]


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
