import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from safelight_operator import hints
from tests.operator.making import ID

CONNECTIONS = 16


class Taken:
    """Notes the ids of hints."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def __call__(self, upload_id: str) -> bool:
        """Take a hint."""
        self.ids.append(upload_id)
        return True


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
async def port(taken: Taken) -> AsyncIterator[int]:
    server = hints.server(hints.hint_routes(taken), "hints", "127.0.0.1", 0, CONNECTIONS)
    async with server.running():
        yield server.port


@pytest.fixture
async def client(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client


async def test_a_hint_is_taken(client: httpx.AsyncClient, taken: Taken) -> None:
    assert (await client.post(f"/hints/{ID}")).status_code == 204
    assert taken.ids == [ID]


@pytest.mark.parametrize("upload_id", ["x", ID.upper().replace("1", "A"), ID + "1", "..", "%00"])
async def test_what_is_no_id_is_ignored_and_answered_the_same(
    client: httpx.AsyncClient,
    taken: Taken,
    upload_id: str,
) -> None:
    answer = await client.post(f"/hints/{upload_id}")
    assert answer.status_code in {204, 404}
    assert not answer.content or answer.status_code == 404
    assert taken.ids == []


async def test_a_long_body_is_refused_before_it_comes(port: int, taken: Taken) -> None:
    """A hint has none. The answer comes although the body never does, and the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /hints/{ID} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
    writer.write(head.encode())
    answer = await asyncio.wait_for(reader.read(), 30)
    assert answer.startswith(b"HTTP/1.1 413")
    assert taken.ids == []
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE"])
async def test_only_post_is_a_hint(client: httpx.AsyncClient, taken: Taken, verb: str) -> None:
    assert (await client.request(verb, f"/hints/{ID}")).status_code == 405
    assert taken.ids == []


async def test_a_huge_head_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"/hints/{ID}", headers={"X-Long": "x" * 30_000})
    assert answer.status_code == 431


@pytest.fixture
def health() -> hints.Health:
    return hints.Health()


@pytest.fixture
async def probe(health: hints.Health) -> AsyncIterator[httpx.AsyncClient]:
    server = hints.server(hints.health_routes(health), "health", "127.0.0.1", 0, CONNECTIONS)
    url = f"http://127.0.0.1:{server.port}"
    async with (
        server.running(),
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        yield client


async def test_a_standby_is_alive_and_ready_once_it_has_started(
    probe: httpx.AsyncClient,
    health: hints.Health,
) -> None:
    assert (await probe.get("/healthz")).status_code == 200
    assert (await probe.get("/readyz")).status_code == 503
    health.ready = True
    assert (await probe.get("/readyz")).status_code == 200


async def test_what_is_wrong_is_told(
    probe: httpx.AsyncClient, health: hints.Health, caplog: pytest.LogCaptureFixture
) -> None:
    """In the log too, since the kubelet's Event does not repeat the answer."""
    health.checks = [list, lambda: ["the watch is silent"]]
    answer = await probe.get("/healthz")
    assert (answer.status_code, answer.text) == (503, "the watch is silent")
    assert [record.__dict__["why"] for record in caplog.records] == ["the watch is silent"]


async def test_metrics_are_measured_when_they_are_read(
    probe: httpx.AsyncClient,
    health: hints.Health,
) -> None:
    measured: list[int] = []
    health.measure = lambda: measured.append(1)
    answer = await probe.get("/metrics")
    assert measured == [1]
    assert "safelight_queue_depth" in answer.text
