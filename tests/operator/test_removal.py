"""News of a deletion that come in the middle of a look at the same id are never lost.

What a look has read may be older than the news. A look that forgot them would leave the objects of
a deleted image in the bucket for ever.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from safelight_contract.resources import AVAILABLE_IMAGE
from safelight_operator.app import Operator
from safelight_operator.cluster import Cluster
from safelight_operator.objects import Objects
from safelight_operator.settings import Settings
from tests.operator.playing import Stage, eventually
from tests.operator.processing import store


@pytest.fixture
async def objects(settings: Settings) -> AsyncIterator[Objects]:
    """Return the operator's adapter to the bucket."""
    adapter = Objects(settings.object_store)
    yield adapter
    adapter.close()


@pytest.fixture
async def operator(
    settings: Settings, cluster: Cluster, objects: Objects
) -> AsyncIterator[Operator]:
    """Return an operator that hears of deleted images; the tests drive the rest of it."""
    operator = Operator(settings, cluster, objects)
    watching = asyncio.create_task(operator.deletions.run())
    yield operator
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def work(operator: Operator) -> None:
    """Work until nothing is left to do now."""
    while operator.queue.depth:
        await operator.queue.work_once()


async def published(stage: Stage, operator: Operator) -> str:
    """Return the id of an image that is available, with nothing left to do for it."""
    upload_id = await stage.post()
    await operator.resync.once()
    await work(operator)
    await store(await stage.request(upload_id))
    operator.inbox.hint(upload_id)
    await work(operator)
    await eventually(lambda: stage.kubernetes.list("jobs"), lambda jobs: jobs == [])
    return upload_id


@pytest.mark.parametrize("call", ["list_jobs", "delete_original", "delete_images"])
async def test_an_image_that_is_deleted_during_a_look_leaves_nothing(
    stage: Stage,
    operator: Operator,
    objects: Objects,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
) -> None:
    """It was read as existing; that it does not, any more, is told before the look has ended."""
    upload_id = await published(stage, operator)
    adapter = operator.cluster if call == "list_jobs" else objects
    read, real = operator.cluster.get_image, getattr(adapter, call)
    has_read, is_deleted = asyncio.Event(), asyncio.Event()

    async def get_image(image_id: str) -> Any:  # noqa: ANN401 - as the adapter's
        image = await read(image_id)
        has_read.set()
        return image

    async def interrupted(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as the adapter's
        await has_read.wait()
        if not is_deleted.is_set():
            is_deleted.set()
            before = operator.inbox.removed.get(upload_id)
            await stage.kubernetes.delete(AVAILABLE_IMAGE.plural, upload_id)
            async with asyncio.timeout(10):
                while operator.inbox.removed.get(upload_id) == before:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)
        return await real(*arguments, **options)

    monkeypatch.setattr(operator.cluster, "get_image", get_image)
    monkeypatch.setattr(adapter, call, interrupted)
    if call == "list_jobs":
        operator.queue.add(upload_id)
    else:
        operator.inbox.mark_removed(upload_id)
    await work(operator)

    assert is_deleted.is_set()
    assert stage.bucket.stored() == []
