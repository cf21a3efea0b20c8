"""What readers see one after the other while an upload becomes an image, whatever happens."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, NoReturn, Self

import pytest

from safelight_api.__main__ import settle
from safelight_api.app import create_app
from safelight_api.cluster import Cluster, WatchEvent
from safelight_api.cluster_errors import GoneError, UnavailableError
from safelight_api.settings import Settings
from safelight_contract.resources import AVAILABLE_IMAGE, IMAGE_UPLOAD, Kind
from tests.api.asking import UPLOADS, Api, eventually, started
from tests.api.playing import PlayedOperator
from tests.support.proxying import Proxy


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
            answer = await self._api.client.get(f"{UPLOADS}/{self._id}/status")
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


async def test_a_watch_that_never_goes_on_gives_way_to_lists(
    settings: Settings,
    token: str,
    cluster_proxy: Proxy,
    operator: PlayedOperator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where something in between lets no watch through: news come late, but they come."""

    def refused(*_arguments: object, **_options: object) -> NoReturn:
        raise UnavailableError("no watch", may_have_happened=True)

    monkeypatch.setattr("safelight_api.watch.MAX_RESUMPTIONS", 2)
    async with started(settings, token) as api:
        upload_id = (await api.upload())["id"]
        monkeypatch.setattr(Cluster, "watch", refused)
        cluster_proxy.cut()
        await operator.fail(upload_id, "CorruptImage")

        async def has_failed() -> bool:
            return bool((await api.status(upload_id))["status"] == "failed")

        await eventually(has_failed)


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


async def test_each_complete_list_is_told(settings: Settings) -> None:
    """The program then sets what was listed apart from what the garbage collector looks at."""
    told: list[None] = []
    app = create_app(settings, on_listed=lambda: told.append(None))
    async with app.router.lifespan_context(app):
        await eventually(lambda: app.state.services.are_synced)
        assert len(told) == 2


def test_what_is_set_apart_is_no_work_for_the_garbage_collector() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    try:
        settle()
        assert gc.get_freeze_count() > 10_000
        assert not any(cycle is found for found in gc.get_objects())
    finally:
        gc.unfreeze()
