"""Fair order and back-pressure, against the real API server: a quota of it, and its "not now"."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from safelight_local import certificates
from safelight_local.cluster import Cluster, write_kubeconfig
from safelight_operator import limit, metrics
from safelight_operator.app import Operator
from tests.faults.calls import Dialect
from tests.faults.exchange import Server
from tests.faults.history import Recorder
from tests.faults.proxy import Proxy
from tests.faults.rules import Fault, Rule
from tests.operator.conftest import Started
from tests.operator.playing import Json, Stage, eventually

MANY = 100


async def jobs(stage: Stage) -> set[str]:
    """Return the ids of the uploads that have a Job."""
    found = await stage.kubernetes.list("jobs")
    return {job["metadata"]["labels"]["safelight.dev/upload-id"] for job in found}


def asked(code: int) -> float:
    """Return how often the API server has answered the creation of a Job so."""
    labels = {"verb": "POST", "resource": "jobs", "code": str(code)}
    value: float = metrics.K8S_REQUESTS.labels(**labels)._value.get()  # noqa: SLF001 - no reader
    return value


async def test_a_hundred_uploads_of_one_client_do_not_hold_up_another(
    stage: Stage, started: Started
) -> None:
    async with started(max_concurrent_jobs=2) as operator:
        many = await asyncio.gather(*(stage.post(client="many") for _ in range(MANY)))
        await eventually(lambda: waiting(operator), lambda seen: seen == MANY - 2, 60)
        one = await stage.post(client="one")
        await eventually(lambda: waiting(operator), lambda seen: seen == MANY - 1)
        running = await jobs(stage)
        assert running < set(many)
        await stage.process(running.pop())
        await eventually(lambda: jobs(stage), lambda seen: one in seen)


async def waiting(operator: Operator) -> int:
    """Return how many uploads wait for a slot."""
    return operator.inbox.slots.waiting


@pytest.fixture
async def two_jobs(stage: Stage) -> str:
    """Have the namespace allow no more than two Jobs; return the quota's name."""
    quota: Json = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "jobs"},
        "spec": {"hard": {"count/jobs.batch": "2"}},
    }
    await stage.kubernetes.create("resourcequotas", quota)

    async def is_counted() -> Any:  # noqa: ANN401 - JSON
        found = await stage.kubernetes.get("resourcequotas", "jobs")
        return found and found.get("status", {}).get("used")

    await eventually(is_counted, bool)
    return "jobs"


async def test_a_quota_makes_uploads_wait_and_is_asked_by_one_at_a_time(
    stage: Stage,
    started: Started,
    two_jobs: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limit, "PROBE_SECONDS", 0.4)
    monkeypatch.setattr(limit, "RAISE_SECONDS", 0.0)
    before = asked(403)
    async with started(max_concurrent_jobs=16) as operator:
        uploads = [await stage.post() for _ in range(8)]
        slots = operator.inbox.slots
        await eventually(lambda: waiting(operator), lambda seen: seen == 6)
        for upload_id in set(uploads) - await jobs(stage):
            await stage.until(upload_id, "Queued")
        await asyncio.sleep(2)
        assert len(await jobs(stage)) == 2
        assert slots.limit <= 4
        operator.inbox.measure()
        assert metrics.JOBS_LIMIT._value.get() == slots.limit  # noqa: SLF001 - no reader
        assert 1 <= asked(403) - before <= 5 + 2 / 0.4, "a burst, then one in each period"
        await stage.kubernetes.delete("resourcequotas", two_jobs)
        await asyncio.gather(*(stage.process(upload_id) for upload_id in uploads))
        for upload_id in uploads:
            await stage.until(upload_id, "processed")
        assert slots.limit > 4


@pytest.fixture
async def proxy(
    kubernetes: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Proxy]:
    """Return a proxy through which operators that start later reach the API server."""
    pki = certificates.ensure(tmp_path / "pki", ("localhost", "127.0.0.1"))
    with Recorder(tmp_path / "history.jsonl") as recorder:
        async with Proxy(recorder) as proxy:
            server = Server(kubernetes.url, Dialect.KUBERNETES, kubernetes.ca_file)
            url = await proxy.listen("operator", server, pki)
            kubeconfig = tmp_path / "proxied"
            write_kubeconfig(kubeconfig, url, pki / "ca.crt", kubernetes.token)
            monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
            yield proxy


async def test_a_busy_api_server_is_given_the_time_that_it_asks_for(
    stage: Stage, started: Started, settings: object, proxy: Proxy
) -> None:
    assert settings, "it names the cluster itself, before the proxy is put in front"
    for number in (1, 2):
        proxy.rules.add(Rule("operator", "POST", "jobs", number, Fault.BUSY))
    before = asked(429)
    async with started(max_concurrent_jobs=8) as operator:
        loop = asyncio.get_running_loop()
        start = loop.time()
        upload_id = await stage.post()
        await stage.until(upload_id, "Queued")
        assert (operator.inbox.slots.limit, asked(429) - before) == (4, 1)
        await stage.job(upload_id)
        assert loop.time() - start > 2, "twice the second that the server asked for"
        assert (operator.inbox.slots.limit, asked(429) - before) == (2, 2)
