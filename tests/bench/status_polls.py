"""Status polls answered from memory, beside a bare Starlette route that returns the same JSON.

Each server is a process of its own with the same uvicorn settings; one client process keeps a few
connections busy, one after the other, in turns. Nothing else is needed: no cluster, no storage.
"""

import asyncio
import json
import multiprocessing
import os
import tempfile
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import httpx
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from safelight_api import representations
from safelight_api.app import create_app
from safelight_api.cache import Cache
from safelight_api.projections import Upload
from safelight_api.serving.server import LeavingServer
from safelight_api.settings import Settings
from safelight_api.tokens import hash_of, new_token
from safelight_contract.env import ObjectStoreSettings
from safelight_contract.resources import ANNOTATION_UPLOADED_BY

CONNECTIONS: Final = 16
ROUNDS: Final = 3
PENDING: Final = 10_000
CLIENTS: Final = 20
"""Whose uploads they are, in turns."""
_ID: Final = "00000000-0000-4000-8000-{:012x}"


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one server did."""

    requests_per_second: float
    cpu_microseconds: float
    """Of the server, for one request."""


def _cache() -> Cache:
    """Return a cache in which ten times as many uploads wait as the API lets in by default."""
    cache = Cache()
    cache.uploads.replace([_upload(number) for number in range(PENDING)], PENDING)
    return cache


def _upload(number: int) -> Upload:
    return Upload.of(
        {
            "metadata": {
                "name": _ID.format(number),
                "uid": str(number),
                "resourceVersion": str(number + 1),
                "creationTimestamp": "2025-01-01T12:00:00Z",
                "annotations": {ANNOTATION_UPLOADED_BY: f"client-{number % CLIENTS}"},
            },
            "spec": {
                "fileName": "example.jpg",
                "mediaType": "image/jpeg",
                "size": 1048576,
                "sha256": "ab" * 32,
            },
        }
    )


def _ours(tokens_directory: Path) -> Starlette:
    """Return the real application; its lifespan is not run, so the cache is given to it."""
    store = ObjectStoreSettings("http://127.0.0.1:1", "bucket", "region", "key", "secret")
    app = create_app(
        Settings(object_store=store, namespace="bench", tokens_directory=tokens_directory)
    )
    app.state.services = types.SimpleNamespace(cache=_cache())
    return app


def _bare() -> Starlette:
    """Return the least that Starlette can do."""
    body = representations.status(_upload(PENDING // 2), PENDING // 2)

    async def status(_request: Request) -> JSONResponse:
        return JSONResponse(body)

    return Starlette(routes=[Route("/api/image-upload/{id}/status", status)])


def _serve(name: str, host: str, tokens_directory: Path) -> None:
    config = uvicorn.Config(
        _ours(tokens_directory) if name == "ours" else _bare(),
        host=host,
        port=8080,
        loop="uvloop",
        http="httptools",  # the bare route's; ours has a reader of its own
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    (LeavingServer if name == "ours" else uvicorn.Server)(config).run()


@contextmanager
def _server(name: str, host: str, tokens_directory: Path) -> Iterator[int]:
    """Run a server; return its process id."""
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(name, host, tokens_directory)
    )
    process.start()
    try:
        for _ in range(200):
            with suppress(httpx.TransportError):
                httpx.get(f"http://{host}:8080/", trust_env=False)
                break
            time.sleep(0.05)
        yield process.pid or 0
    finally:
        process.kill()
        process.join()


class _Client(asyncio.Protocol):
    """Sends the same request again as soon as its answer is there."""

    def __init__(self, request: bytes, answer_length: int) -> None:
        self._request = request
        self._answer_length = answer_length
        self._missing = answer_length
        self.answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._missing -= len(data)
        if self._missing == 0:
            self._missing = self._answer_length
            self.answers += 1
            self._transport.write(self._request)


def _answer_length(host: str, request: bytes) -> int:
    """Return the length of an answer, after checking that it is the right one."""
    headers = dict(
        line.split(": ", 1) for line in request.decode().split("\r\n")[1:] if ": " in line
    )
    url = f"http://{host}:8080{request.split()[1].decode()}"
    answer = httpx.get(url, headers=headers, trust_env=False)
    status = answer.raise_for_status().json()
    if status["progress"]["queued_ahead"] != PENDING // 2:
        raise RuntimeError(f"not the answer that was expected: {json.dumps(status)}")
    head = sum(len(name) + len(value) + len(": \r\n") for name, value in answer.headers.raw)
    return len("HTTP/1.1 200 OK\r\n") + head + len("\r\n") + len(answer.content)


async def _load(host: str, request: bytes, seconds: float) -> float:
    """Return the requests per second."""
    length = _answer_length(host, request)
    loop = asyncio.get_running_loop()
    clients = [_Client(request, length) for _ in range(CONNECTIONS)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, host, 8080)  # type: ignore[misc]  # mypy cannot tell a lambda's default
    await asyncio.sleep(0.3)
    before, started_at = sum(client.answers for client in clients), time.perf_counter()
    await asyncio.sleep(seconds)
    answers = sum(client.answers for client in clients) - before
    return answers / (time.perf_counter() - started_at)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(seconds: float) -> dict[str, Measurement]:
    """Measure both servers in turns; return the best round of each, which was disturbed least."""
    token = new_token()
    request = (
        f"GET /api/image-upload/{_ID.format(PENDING // 2)}/status HTTP/1.1\r\nHost: bench\r\n"
        f"Authorization: Bearer {token}\r\nAccept: */*\r\n\r\n"
    ).encode()
    hosts = {"bare": "127.83.1.1", "ours": "127.83.1.2"}
    rounds: dict[str, list[Measurement]] = {name: [] for name in hosts}
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "bench").write_text(hash_of(token))
        for _ in range(ROUNDS):
            for name, host in hosts.items():
                with _server(name, host, Path(directory)) as pid:
                    before, started_at = _cpu_seconds(pid), time.perf_counter()
                    rate = uvloop.run(_load(host, request, seconds))
                    answered = rate * (time.perf_counter() - started_at)
                    cpu = 1e6 * (_cpu_seconds(pid) - before) / answered
                    rounds[name].append(Measurement(rate, cpu))
    return {
        name: Measurement(
            max(one.requests_per_second for one in measured),
            min(one.cpu_microseconds for one in measured),
        )
        for name, measured in rounds.items()
    }


def ratio(measured: dict[str, Measurement]) -> float:
    """Return our requests per second, as a part of the bare route's."""
    return measured["ours"].requests_per_second / measured["bare"].requests_per_second


def lines(measured: dict[str, Measurement]) -> Iterator[str]:
    """Yield what to print."""
    for name, label in (("ours", "status polls"), ("bare", "floor, a bare Starlette route")):
        one = measured[name]
        rate = f"{one.requests_per_second:,.0f}/s"
        yield f"{label:<32} {rate:>9}   {one.cpu_microseconds:.0f} µs of CPU each"
    by_cpu = measured["bare"].cpu_microseconds / measured["ours"].cpu_microseconds
    yield f"{'ratio of the rates':<32} {ratio(measured):9.2f}   by CPU {by_cpu:.2f}"
