import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from safelight_contract import keys, policy
from safelight_contract.resources import IMAGE_UPLOAD
from safelight_operator import manifest
from safelight_operator.app import Operator
from safelight_operator.cluster import Cluster
from safelight_operator.errors import NotServedError
from safelight_operator.objects import Objects
from safelight_operator.resync import Resync
from safelight_operator.settings import Settings
from tests.operator.making import ID
from tests.operator.playing import Json, Stage, eventually


@pytest.fixture
async def operator(settings: Settings, cluster: Cluster) -> AsyncIterator[Operator]:
    """Return an operator whose parts the tests call."""
    objects = Objects(settings.object_store)
    yield Operator(settings, cluster, objects)
    objects.close()


async def work(operator: Operator) -> None:
    """Work until nothing is left to do now."""
    while operator.queue.depth:
        await operator.queue.work_once()


async def test_a_list_that_fails_removes_nothing(
    stage: Stage,
    operator: Operator,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As while the definition of ImageUploads is missing; and after it is back, empty."""
    upload_id = await stage.post()
    assert await operator.resync.once()
    await work(operator)

    async def missing() -> list[Json]:
        raise NotServedError("the server could not find the requested resource")

    with monkeypatch.context() as patch:
        patch.setattr(cluster, "list_all_uploads", missing)
        assert not await operator.resync.once()
    await stage.kubernetes.delete("imageuploads", upload_id)
    assert await operator.resync.once()
    await work(operator)
    assert stage.bucket.stored() == [keys.original(upload_id, policy.JPEG)]


async def test_a_list_that_misses_one_has_it_looked_at(
    stage: Stage,
    operator: Operator,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong list removes nothing, since a fresh look at the one object decides."""
    upload_id = await stage.post()
    await operator.resync.once()
    await work(operator)

    async def empty() -> list[Json]:
        return []

    with monkeypatch.context() as patch:
        patch.setattr(cluster, "list_all_uploads", empty)
        await operator.resync.once()
        await work(operator)
    assert stage.bucket.stored() == [keys.original(upload_id, policy.JPEG)]
    assert await stage.kubernetes.state(upload_id) == "Running"


async def test_what_no_watch_tells_of_is_seen_by_the_next_list(
    stage: Stage, operator: Operator, cluster: Cluster
) -> None:
    """Again and again, not only at the start: watches may die at any time."""
    resync = Resync(cluster, operator.inbox, operator.canary, seconds=0.1)
    running = asyncio.create_task(resync.run())

    async def known() -> set[str]:
        return set(operator.inbox.uploads)

    posted: set[str] = set()
    for _ in range(3):
        posted.add(await stage.post())
        await eventually(known, posted.__eq__)
    gone = posted.pop()
    await stage.kubernetes.delete(IMAGE_UPLOAD.plural, gone)
    await eventually(known, posted.__eq__)
    assert gone in operator.inbox.removed
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_deletion_is_seen_through_a_broken_watch(
    operator: Operator,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The watch goes on from where it was, so nothing in between is missed."""
    monkeypatch.setattr("safelight_operator.resync.RETRY_SECONDS", 0.05)
    monkeypatch.setattr("safelight_operator.transport.WATCH_SECONDS", 1)
    watching = asyncio.create_task(operator.deletions.run())
    await asyncio.sleep(0.3)
    created = (await cluster.create_image(manifest.probe(ID)))["metadata"]
    await asyncio.sleep(1.2)
    await cluster.delete_image(ID, created["uid"], created["resourceVersion"])
    async with asyncio.timeout(5):
        while ID not in operator.inbox.removed:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)
    assert operator.deletions.age < 1
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
