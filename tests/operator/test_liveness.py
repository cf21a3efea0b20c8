"""The liveness probe fails when a part stands still although the process runs."""

import asyncio

import kopf
import pytest

from safelight_operator import app, handlers, queue
from safelight_operator.app import Operator
from safelight_operator.cluster import Cluster
from safelight_operator.objects import Objects
from safelight_operator.settings import Settings
from tests.operator.conftest import Started
from tests.operator.playing import Stage, eventually
from tests.support.proxying import Proxy


async def troubles(operator: Operator) -> list[str]:
    return operator.troubles()


async def test_an_operator_at_work_has_no_troubles(
    stage: Stage, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With limits so short that any part that only seems to work would exceed them."""
    for limit in ("STANDSTILL_SECONDS", "OVERDUE_SECONDS"):
        monkeypatch.setattr(app, limit, 2.0)
    async with started(resync_seconds=1) as operator:
        for _ in range(3):
            upload_id = await stage.post()
            await stage.process(upload_id)
            await stage.until(upload_id, "processed")
            assert operator.troubles() == []
        await asyncio.sleep(3)
        assert operator.troubles() == []
        assert operator.canary.overdue("imageuploads") == 0


async def test_work_that_hangs_is_given_up_and_noticed(
    settings: Settings, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "WORK_SECONDS", 0.1)
    monkeypatch.setattr(queue, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(app, "WORKERS", 2)
    monkeypatch.setattr(app, "STANDSTILL_SECONDS", 0.5)
    objects = Objects(settings.object_store)
    operator = Operator(settings, cluster, objects)
    tries: list[str] = []

    async def hang(upload_id: str) -> None:
        tries.append(upload_id)
        await asyncio.Event().wait()

    monkeypatch.setattr(operator.reconciler, "reconcile", hang)
    working = asyncio.create_task(operator.queue.run())
    for number in range(20):
        operator.queue.add(str(number))
    assert operator.troubles() == []
    found = await eventually(lambda: troubles(operator), bool)
    assert found == ["the queue stands still"]
    assert len(set(tries)) > 2
    working.cancel()
    await asyncio.wait({working})
    objects.close()


async def test_one_id_that_hangs_holds_up_no_other(
    settings: Settings, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "WORK_SECONDS", 0.1)
    monkeypatch.setattr(app, "STANDSTILL_SECONDS", 0.5)
    objects = Objects(settings.object_store)
    operator = Operator(settings, cluster, objects)

    async def hang(upload_id: str) -> None:
        if upload_id == "bad":
            await asyncio.Event().wait()

    monkeypatch.setattr(operator.reconciler, "reconcile", hang)
    working = asyncio.create_task(operator.queue.run())
    for _ in range(20):
        operator.queue.add("bad")
        operator.queue.add("good")
        await asyncio.sleep(0.05)
        assert operator.troubles() == []
    working.cancel()
    await asyncio.wait({working})
    objects.close()


async def test_watches_that_deliver_nothing_are_noticed(
    stage: Stage, proxy: Proxy, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A black hole, and a Kopf that does not notice it by itself."""
    monkeypatch.setattr(app, "OVERDUE_SECONDS", 0.5)
    patient = handlers.settings

    def without_end(instance: str) -> kopf.OperatorSettings:
        own = patient(instance)
        own.watching.inactivity_timeout = 3600
        return own

    monkeypatch.setattr(handlers, "settings", without_end)
    async with started() as operator:
        upload_id = await stage.post()
        await stage.job(upload_id)
        await eventually(lambda: troubles(operator), lambda found: not found)
        proxy.silence_existing()
        operator.cluster = await Cluster.connect(operator.settings.namespace)
        operator.resync._cluster = operator.cluster  # noqa: SLF001 - its connections are not silent
        await stage.post()
        assert await operator.resync.once()
        found = await eventually(lambda: troubles(operator), bool)
        assert found[0] == "the watch of imageuploads owes what a list has shown"
        await operator.cluster.close()
        # Connections with TLS end by an exchange.
        proxy.restore()


async def test_a_silent_watch_of_images_is_noticed(
    proxy: Proxy, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "WATCH_SILENCE_SECONDS", 0.4)
    monkeypatch.setattr("safelight_operator.resync.RETRY_SECONDS", 0.05)
    cluster = await Cluster.connect(settings.namespace)
    objects = Objects(settings.object_store)
    operator = Operator(settings, cluster, objects)
    watching = asyncio.create_task(operator.deletions.run())
    await asyncio.sleep(0.3)
    assert operator.troubles() == []
    proxy.silence()
    found = await eventually(lambda: troubles(operator), bool)
    assert found == ["the watch of availableimages is silent"]
    # As above.
    proxy.restore()
    watching.cancel()
    await asyncio.wait({watching})
    objects.close()
    await cluster.close()
