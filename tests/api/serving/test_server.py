"""The HTTP server's own limits, with an application that does nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from safelight_api.serving import server
from safelight_api.serving.hub import Limits
from tests.api.asking import assert_problem, eventually
from tests.api.running import Connection
from tests.api.serving.running import Serving, running

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def application(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer without looking at the body."""
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    """Return a running server."""
    async with running(application, Limits(linger_seconds=120)) as serving:
        yield serving


@pytest.fixture
async def connection(serving: Serving) -> Connection:
    """Return a connection to it."""
    return await serving.connect()


async def ends(connection: Connection) -> None:
    """Wait until the server closes the connection, without a further byte."""
    async with asyncio.timeout(30):
        with contextlib.suppress(ConnectionResetError):
            assert await connection.reader.read() == b""


async def test_requests_one_after_the_other_and_pipelined(
    serving: Serving, connection: Connection
) -> None:
    for _ in range(3):
        await connection.send(REQUEST + b"\r\n")
        assert (await connection.answer()).text == "ok"
    await connection.send((REQUEST + b"\r\n") * 3)
    for _ in range(3):
        assert (await connection.answer()).text == "ok"
    await eventually(lambda: len(serving.hub.places.idle) == 1, seconds=30)
    serving.later(serving.hub.limits.head_seconds + 30)
    await connection.send(REQUEST + b"\r\n")
    assert (await connection.answer()).text == "ok", "idle between requests is fine"


@pytest.mark.parametrize("before", [b"", REQUEST + b"\r\n"])
@pytest.mark.parametrize("sent", [b"", b"G", REQUEST, b"\r\n"])
async def test_a_head_that_does_not_come_ends_the_connection(
    before: bytes, sent: bytes, serving: Serving, connection: Connection
) -> None:
    """On a connection that is idle between two requests nothing is awaited."""
    if before:
        await connection.send(before)
        assert (await connection.answer()).text == "ok"
    await connection.send(sent)
    is_awaited = bool(sent or not before)
    await eventually(lambda: len(serving.hub.places.unfinished) == is_awaited, seconds=30)
    serving.later(serving.hub.limits.head_seconds - 1)
    assert serving.closed == []
    serving.later(serving.hub.limits.head_seconds + 30)
    assert serving.closed == ["head_time"] * is_awaited
    if is_awaited:
        await ends(connection)


async def test_a_head_that_is_too_large(connection: Connection) -> None:
    await connection.send(REQUEST + b"X: " + b"y" * 300_000)
    assert_problem(await connection.answer(), 431)


async def test_many_headers_that_are_too_large_together(connection: Connection) -> None:
    await connection.send(REQUEST + b"X: y\r\n" * 50_000)
    assert_problem(await connection.answer(), 431)


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00", b"no http\r\n\r\n"])
async def test_what_is_no_http(sent: bytes, connection: Connection) -> None:
    await connection.send(sent)
    assert_problem(await connection.answer(), 400)


async def test_an_idle_connection_hears_that_it_will_be_closed(
    serving: Serving, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is about to end: one more request on each connection finds an answer."""
    monkeypatch.setattr(server, "NOTICE_SECONDS", 60)
    fresh = await serving.connect()
    await connection.send(REQUEST + b"\r\n")
    assert "connection" not in (await connection.answer()).headers
    serving.server.should_exit = True
    await eventually(lambda: not serving.server.servers[0].is_serving())
    for other in (connection, fresh):
        await other.send(REQUEST + b"\r\n")
        answer = await other.answer()
        assert (answer.text, answer.headers["connection"]) == ("ok", "close")
        await ends(other)


async def test_the_end_does_not_wait_long_for_an_idle_connection(
    serving: Serving, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "NOTICE_SECONDS", 0.5)
    await connection.send(REQUEST + b"\r\n")
    await connection.answer()
    serving.server.should_exit = True
    await ends(connection)
