"""The inner port: what probes are told while the event loop of the requests is busy, or hangs."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import httpx
import pytest

from safelight_api import health
from safelight_api.health import Health
from safelight_api.inner import inner_server
from safelight_api.settings import Settings
from tests.api.asking import Api

SECONDS = 30
Asked = Callable[[Health], AbstractContextManager[httpx.Client]]


@pytest.fixture
async def asked(api: Api, settings: Settings) -> Asked:
    """Return a block in which the inner port is served beside the application."""

    @contextmanager
    def opened(probed: Health) -> Iterator[httpx.Client]:
        free = replace(settings, metrics_port=0)
        server = inner_server(free, api.services.metrics, probed)
        url = f"http://{free.host}:{server.port}"
        with (
            server.in_thread(),
            httpx.Client(base_url=url, trust_env=False, timeout=SECONDS) as client,
        ):
            yield client

    return opened


async def test_both_ports_say_the_same(
    api: Api, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("ALIVE_SECONDS", "READY_SECONDS"):
        monkeypatch.setattr(health, limit, SECONDS)
    probed = Health()
    probed.began(api.services)
    with asked(probed) as client:
        for is_synced in (True, False):
            api.services.watchers[0].is_synced = is_synced
            for path in ("/healthz", "/readyz"):
                inner = await asyncio.to_thread(client.get, path)
                public = await api.client.get(path)
                assert inner.status_code == public.status_code
                assert inner.json() == public.json()
                assert inner.headers["content-type"] == public.headers["content-type"]


async def test_a_loop_that_hangs_is_neither_alive_nor_ready_but_is_measured(
    api: Api, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The requests of this test are what it hangs in."""
    for limit in ("ALIVE_SECONDS", "READY_SECONDS"):
        monkeypatch.setattr(health, limit, 0.2)
    probed = Health()
    probed.began(api.services)
    with asked(probed) as client:
        for path in ("/healthz", "/readyz"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()) == (
                503,
                {"status": "no answer within 0.2 s"},
            )
        text = client.get("/metrics").text
    assert 'safelight_inner_connections{port="metrics"}' in text
    assert 'safelight_cache_synced{kind="ImageUpload"} 1.0' in text


async def test_before_the_start_and_after_the_end_it_is_not_alive(api: Api, asked: Asked) -> None:
    probed = Health()
    with asked(probed) as client:
        assert (await asyncio.to_thread(client.get, "/healthz")).status_code == 503
        probed.began(api.services)
        probed.ended()
        answer = await asyncio.to_thread(client.get, "/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "starting or ending"})


async def test_a_fault_in_a_check_is_told_at_once(
    api: Api, asked: Asked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(health, "READY_SECONDS", SECONDS)
    probed = Health()
    probed.began(replace(api.services, tokens=None))  # type: ignore[arg-type]  # that is the fault
    with asked(probed) as client:
        answer = await asyncio.to_thread(client.get, "/readyz")
    assert answer.status_code == 500
    assert any(record.message == "A handler has failed" for record in caplog.records)
