"""What needs an administrator is shown within a minute, told once, and gone when it is over."""

import asyncio
import itertools
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from safelight_contract.env import ObjectStoreSettings
from safelight_contract.resources import IMAGE_UPLOAD
from safelight_contract.stalls import STALL_MESSAGES, Stall
from safelight_operator import limit, stalling
from safelight_operator.conditions import Status
from safelight_operator.queue import KeyedQueue
from safelight_operator.settings import Settings
from tests.operator.conftest import Started
from tests.operator.faults import Driven, Interruption
from tests.operator.making import NOW, after, failed, publishing, running, stalled, upload
from tests.operator.playing import Json, Stage, condition, eventually
from tests.operator.processing import send_hint, store

QUOTA: Json = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "jobs"},
    "spec": {"hard": {"count/jobs.batch": "0"}},
}


async def forbid_jobs(stage: Stage) -> None:
    """Have a quota that allows no Job, and wait until the API server knows it."""
    await stage.kubernetes.create("resourcequotas", QUOTA)

    async def is_counted() -> Any:  # noqa: ANN401 - JSON
        found = await stage.kubernetes.get("resourcequotas", "jobs")
        return found and found.get("status", {}).get("used")

    await eventually(is_counted, bool)


async def stall(stage: Stage, upload_id: str) -> str | None:
    """Return why an upload has stalled; None: it has not."""
    found = await stage.kubernetes.upload(upload_id)
    told: str | None = condition(found or {}, "Stalled").get("reason")
    return told


async def warnings(stage: Stage) -> list[str]:
    """Return the reasons of all Events about uploads."""
    events = await stage.kubernetes.list("events")
    ours = [e for e in events if e["involvedObject"]["kind"] == IMAGE_UPLOAD.kind]
    return [e["reason"] for e in ours if e["type"] == "Warning"]


async def until_told(stage: Stage, upload_id: str, reason: Stall) -> Json:
    """Wait until the condition and the one Event tell a reason; return the Event."""
    await eventually(lambda: stall(stage, upload_id), lambda told: told == reason)
    found = await stage.kubernetes.upload(upload_id)
    assert found is not None
    assert condition(found, "Stalled")["message"] == STALL_MESSAGES[reason]
    await eventually(lambda: warnings(stage), lambda told: told.count(reason) == 1)
    events = await stage.kubernetes.list("events")
    event: Json = next(e for e in events if e["reason"] == reason)
    return event


async def test_a_pod_that_cannot_start(stage: Stage, started: Started) -> None:
    async with started(stalled_after_seconds=1):
        upload_id = await stage.post()
        pod = await stage.pod(upload_id)
        await stage.set_pod(pod, "Pending", {"waiting": {"reason": "ImagePullBackOff"}})
        await until_told(stage, upload_id, Stall.IMAGE_PULL_FAILED)
        assert await stage.kubernetes.state(upload_id) == "Running"
        await stage.set_pod(pod, "Running", {"running": {}})
        await eventually(lambda: stall(stage, upload_id), lambda told: told is None)


async def test_a_pod_that_is_not_made(stage: Stage, started: Started) -> None:
    """A quota of pods refuses it; the Job itself is there."""
    pods = QUOTA | {"metadata": {"name": "pods"}, "spec": {"hard": {"pods": "0"}}}
    await stage.kubernetes.create("resourcequotas", pods)

    async def is_counted() -> Any:  # noqa: ANN401 - JSON
        found = await stage.kubernetes.get("resourcequotas", "pods")
        return found and found.get("status", {}).get("used")

    await eventually(is_counted, bool)
    async with started(stalled_after_seconds=1):
        upload_id = await stage.post()
        await until_told(stage, upload_id, Stall.POD_MISSING)


async def test_a_quota_of_jobs(
    stage: Stage,
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limit, "PROBE_SECONDS", 0.5)
    await forbid_jobs(stage)
    async with started():
        upload_id = await stage.post()
        event = await until_told(stage, upload_id, Stall.QUOTA_EXCEEDED)
        assert "exceeded quota: jobs" in event["message"]
        assert await stage.kubernetes.state(upload_id) == "Queued"
        assert await stage.kubernetes.list("jobs") == []
        await stage.kubernetes.delete("resourcequotas", "jobs")
        request = await stage.request(upload_id)
        await eventually(lambda: stall(stage, upload_id), lambda told: told is None)
        await store(request)
        await send_hint(request)
        await stage.until(upload_id, "processed")


async def test_a_refusal_that_lasts_costs_one_write(
    stage: Stage,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The Job is tried again and again, the status is written once."""
    monkeypatch.setattr(limit, "PROBE_SECONDS", 0.1)
    await forbid_jobs(stage)
    interruption = Interruption()
    await stage.post()
    async with Driven(settings, interruption) as driven:
        for _ in range(5):
            await driven.drive()
            await asyncio.sleep(0.1)
    assert interruption.writes.count("PATCH imageuploads") == 1
    assert interruption.writes.count("POST jobs") == 5


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"secret_access_key": "wrong"}, Stall.STORAGE_FORBIDDEN),
        ({"endpoint": "http://127.0.0.1:1"}, Stall.STORAGE_UNAVAILABLE),
    ],
    ids=str,
)
async def test_a_storage_that_fails_the_operator(  # noqa: PLR0917 - columns and fixtures
    fault: dict[str, str],
    reason: Stall,
    stage: Stage,
    started: Started,
    object_storage: ObjectStoreSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It cannot look at the result; with a storage that works again it goes on."""
    monkeypatch.setattr(stalling, "STORAGE_PATIENCE", timedelta(seconds=1))
    async with started():
        upload_id = await stage.post()
        request = await stage.request(upload_id)
        await stage.until(upload_id, "Running")
    async with started(object_store=replace(object_storage, **fault)):
        await store(request)
        await stage.end(upload_id, code=0)
        await until_told(stage, upload_id, reason)
        assert await stage.kubernetes.state(upload_id) == "Running"
    async with started():
        await stage.until(upload_id, "processed")


async def test_a_storage_that_refuses_the_attempts(stage: Stage, started: Started) -> None:
    async with started():
        upload_id = await stage.post()
        await stage.job(upload_id)
        await stage.end(upload_id, code=21, detail="PUT image: 403")
        event = await until_told(stage, upload_id, Stall.STORAGE_FORBIDDEN)
        assert event["message"].endswith(": exit code 21: PUT image: 403 (StorageForbidden)")
        assert await stage.kubernetes.state(upload_id) == "Queued"


@pytest.mark.parametrize(
    ("status", "since", "is_told"),
    [
        (running(), -10, True),
        (running(), -9, False),
        (publishing(), -60, True),
        (stalled(Stall.STORAGE_UNAVAILABLE), -60, False),
        (stalled(Stall.STORAGE_FORBIDDEN), -60, True),
        (failed(), -60, False),
    ],
)
def test_when_a_fault_of_the_storage_is_told(status: Status, since: int, *, is_told: bool) -> None:
    fault = Stall.STORAGE_UNAVAILABLE
    action = stalling.storage_fails(upload(status), fault, "", after(since), NOW)
    assert (action is not None) == is_told
    assert stalling.storage_fails(None, fault, "", after(-60), NOW) is None


@pytest.mark.parametrize("seconds", [0, 1, 5, 10, 20])
@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_a_fault_of_the_storage_is_told_within_a_minute(seconds: float, jitter: float) -> None:
    """However long a call takes to fail (at most twice ten seconds) and the queue waits."""
    queue = KeyedQueue(never, workers=1, clock=time.monotonic, jitter=lambda: jitter)
    told = next(
        moment
        for moment in moments(seconds, (queue.delay_after(n) for n in itertools.count(1)))
        if timedelta(seconds=moment) >= stalling.STORAGE_PATIENCE
    )
    assert told < 60


async def never(_key: str) -> None:
    raise AssertionError


def moments(seconds: float, delays: Iterable[float]) -> Iterable[float]:
    """Yield when each try has failed."""
    moment = 0.0
    for delay in delays:
        moment += seconds
        yield moment
        moment += delay
