"""What all connections hold together stays within its bounds: floods on real sockets.

On both event loops: when a loop tells of bytes that wait differs between them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import uvloop
from starlette.types import Receive, Scope, Send

from safelight_api.serving import hub
from safelight_api.serving.hub import READ_BYTES, READ_HEAD_BYTES, READ_SHORT_BYTES, Limits
from safelight_api.serving.places import Client
from tests.api.asking import assert_problem, eventually
from tests.api.running import Connection
from tests.api.serving.running import Serving, running

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
GET = b"GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n"
POST = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
PIECE = 256 * 1024
LIMITS = Limits(
    connections=32,
    head_bytes=2**20,
    body_bytes=2**20,
    answer_bytes=2**21,
    head_seconds=120,
    stall_seconds=120,
)


class Application:
    """Large answers, bodies that nobody reads, and the client's name where a token would say it."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        name = dict(scope["headers"]).get(b"authorization", b"").decode()
        if name:
            scope["client_name"] = name
        self.running += 1
        try:
            size, count = 2, 1
            if scope["path"] == "/waits":
                await receive()
                await self.go_on.wait()
            elif scope["path"] == "/large":
                size, count = PIECE, 40
            headers = [(b"content-length", b"%d" % (size * count))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for left in reversed(range(count)):
                body = {"type": "http.response.body", "body": b"x" * size, "more_body": left > 0}
                await send(body)
        finally:
            self.running -= 1


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], Awaitable[None]]], None]:
    """Return what runs a test on one of the loops."""

    def run(test: Callable[[], Awaitable[None]]) -> None:
        async def within() -> None:
            async with asyncio.timeout(120):
                await test()

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(within())

    return run


Run = Callable[[Callable[[], Awaitable[None]]], None]


@asynccontextmanager
async def serve(limits: Limits) -> AsyncIterator[tuple[Serving, Application]]:
    """Run a server; at the end what waits goes on."""
    application = Application()
    async with running(application, limits) as serving:
        try:
            yield serving, application
        finally:
            application.go_on.set()


async def sent(connection: Connection, data: bytes) -> None:
    """Send as much as the server takes."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(0.5):
            await connection.send(data)


async def assert_serves(serving: Serving, client: bytes = b"good") -> None:
    """Check that a client is served as if nobody else were there."""
    connection = await serving.connect()
    for _ in range(3):
        await connection.send(GET % (b"/", client))
        answered = await connection.answer(30)
        assert (answered.status_code, answered.text) == (200, "xx")
    connection.close()


def held(serving: Serving, client: Client) -> int:
    return serving.hub.places.held(client)


def test_connections_without_a_head_make_room(run: Run) -> None:
    async def test() -> None:
        async with serve(LIMITS) as (serving, _):
            first = await serving.connect()
            for _ in range(100):
                await sent(await serving.connect(), b"GET / HTTP/1.1\r\n")
            await eventually(lambda: serving.closed.count("place") == 101 - 24, seconds=30)
            assert held(serving, None) <= 24, "the last quarter is for others"
            with contextlib.suppress(ConnectionResetError):
                assert await first.reader.read() == b"", "the oldest one goes first"
            await assert_serves(serving)

    run(test)


def test_idle_connections_make_room_and_one_client_leaves_a_quarter(run: Run) -> None:
    async def test() -> None:
        async with serve(LIMITS) as (serving, _):
            connections = []
            for _ in range(40):
                connections.append(await serving.connect())
                await connections[-1].send(GET % (b"/", b"anna"))
                assert (await connections[-1].answer(30)).text == "xx"
            assert held(serving, "anna") == 24
            await eventually(lambda: serving.closed == ["share"] * 16, seconds=30)
            await connections[-1].send(GET % (b"/", b"anna"))
            assert (await connections[-1].answer(30)).text == "xx", "the newest are there"
            await assert_serves(serving)

    run(test)


def test_where_nobody_can_go_connections_wait_in_the_kernel(run: Run) -> None:
    async def test() -> None:
        async with serve(LIMITS) as (serving, application):
            for number in range(32):
                connection = await serving.connect()
                await connection.send(GET % (b"/waits", b"client %d" % number))
                count = number + 1
                await eventually(lambda count=count: application.running == count, seconds=30)  # type: ignore[misc]  # mypy cannot tell a lambda's default
            late = await serving.connect()
            await late.send(GET % (b"/", b"good"))
            await asyncio.sleep(0.6)
            assert len(serving.hub.places) == 32
            assert application.running == 32
            application.go_on.set()
            assert (await late.answer(30)).text == "xx"

    run(test)


def test_too_many_requests_of_one_client_are_refused_not_ended(run: Run) -> None:
    async def test() -> None:
        async with serve(LIMITS) as (serving, application):
            for number in range(24):
                connection = await serving.connect()
                await connection.send(GET % (b"/waits", b"anna"))
                count = number + 1
                await eventually(lambda count=count: application.running == count, seconds=30)  # type: ignore[misc]  # as above
            late = await serving.connect()
            await late.send(GET % (b"/", b"anna"))
            answered = await late.answer(30)
            assert (answered.text, answered.headers["connection"]) == ("xx", "close")
            late = await serving.connect()
            await late.send(GET % (b"/waits", b"anna"))
            assert_problem(await late.answer(30), 429)
            assert serving.closed == ["share", "share"]
            assert application.running == 24
            await assert_serves(serving)

    run(test)


def test_unfinished_heads_are_bounded_together(run: Run) -> None:
    async def test() -> None:
        limits = replace(LIMITS, connections=1000)
        async with serve(limits) as (serving, _):
            head = (GET % (b"/", b"x"))[:-2] + b"X: " + b"y" * 60_000
            for _ in range(60):
                await sent(await serving.connect(), head)
                assert serving.hub.head_bytes <= limits.head_bytes
            await eventually(lambda: "head_bytes" in serving.closed, seconds=30)
            assert set(serving.closed) == {"head_bytes"}
            assert serving.hub.head_bytes > limits.head_bytes // 2
            await assert_serves(serving)
        assert serving.hub.head_bytes == 0

    run(test)


def test_pipelined_requests_wait_in_their_clients_memory(run: Run) -> None:
    async def test() -> None:
        async with serve(replace(LIMITS, connections=1000)) as (serving, application):
            flood = (GET % (b"/waits", b"x")) * 20_000
            for _ in range(20):
                await sent(await serving.connect(), flood)
            await eventually(lambda: application.running == 20, seconds=30)
            assert 0 < serving.hub.head_bytes <= 20 * READ_HEAD_BYTES
            await assert_serves(serving)
        assert serving.hub.head_bytes == 0

    run(test)


def test_pipelined_requests_are_bounded_together(run: Run) -> None:
    async def test() -> None:
        limits = replace(LIMITS, connections=1000, head_bytes=4 * READ_HEAD_BYTES)
        async with serve(limits) as (serving, application):
            connections = [await serving.connect() for _ in range(20)]
            for connection in connections:
                await sent(connection, (GET % (b"/waits", b"x")) * 20_000)
                assert serving.hub.head_bytes <= limits.head_bytes
            await eventually(lambda: serving.closed.count("head_bytes") >= 16, seconds=30)
            assert serving.hub.head_bytes <= limits.head_bytes
            application.go_on.set()
            for connection in connections:
                assert (await connection.answer(30)).text == "xx", "what was asked is answered"
            await assert_serves(serving)

    run(test)


def test_bodies_that_nobody_reads_are_bounded_together(run: Run) -> None:
    async def test() -> None:
        limits = replace(LIMITS, connections=1000)
        async with serve(limits) as (serving, _):
            for _ in range(40):
                connection = await serving.connect()
                await sent(connection, POST % (b"/waits", 10**7) + b"x" * 400_000)
            await eventually(lambda: serving.hub.is_body_short, seconds=30)
            most = limits.body_bytes + 40 * READ_SHORT_BYTES + READ_BYTES
            assert serving.hub.body_bytes <= most
            await assert_serves(serving)
        assert serving.hub.body_bytes == 0

    run(test)


def test_answers_that_nobody_takes_are_bounded_together(run: Run) -> None:
    async def test() -> None:
        limits = replace(LIMITS, connections=1000)
        async with serve(limits) as (serving, _):
            polite = await serving.connect()
            for _ in range(60):
                connection = await serving.connect()
                await connection.send(GET % (b"/large", b"slow"))
                assert serving.hub.outflow.waiting_bytes <= limits.answer_bytes
            await eventually(lambda: serving.hub.outflow.is_short, seconds=30)
            assert serving.hub.outflow.waiting_bytes <= limits.answer_bytes
            await polite.send(GET % (b"/large", b"good"))
            answered = await polite.answer(60)
            assert len(answered.content) == 40 * PIECE
            await assert_serves(serving)
        assert serving.hub.outflow.waiting_bytes == 0

    run(test)


def test_while_memory_is_short_a_further_large_answer_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "ROOM_SECONDS", 0.3)

    async def test() -> None:
        async with serve(replace(LIMITS, connections=1000)) as (serving, _):
            for _ in range(100):
                await (await serving.connect()).send(GET % (b"/large", b"slow"))
                await asyncio.sleep(0.01)
                if serving.hub.outflow.is_short:
                    break
            late = await serving.connect()
            await late.send(GET % (b"/large", b"slow"))
            assert_problem(await late.answer(30), 503)
            await assert_serves(serving, b"slow")

    run(test)


def test_a_reader_that_takes_nothing_is_closed(run: Run) -> None:
    async def test() -> None:
        async with serve(replace(LIMITS, stall_seconds=0.5)) as (serving, application):
            connection = await serving.connect()
            await connection.send(GET % (b"/large", b"slow"))
            await eventually(lambda: serving.closed == ["slow_reader"], seconds=30)
            await eventually(lambda: application.running == 0, seconds=30)
            assert len(serving.hub.places) == 0

    run(test)


def test_an_idle_connection_is_closed_after_its_time(run: Run) -> None:
    async def test() -> None:
        async with serve(replace(LIMITS, keep_alive_seconds=0.3)) as (serving, _):
            connection = await serving.connect()
            await connection.send(GET % (b"/", b"good"))
            assert (await connection.answer()).text == "xx"
            assert await asyncio.wait_for(connection.reader.read(), 30) == b""
            assert serving.closed == []

    run(test)


def test_a_large_head_counts_while_its_request_is_answered(run: Run) -> None:
    async def test() -> None:
        async with serve(replace(LIMITS, head_bytes=160_000)) as (serving, application):
            head = (GET % (b"/waits", b"x"))[:-2] + (b"X: " + b"y" * 55 + b"\r\n") * 90 + b"\r\n"
            answers = []
            for number in range(4):
                connection = await serving.connect()
                answers.append(connection)
                await connection.send(head)
                count = min(number + 1, 3)
                await eventually(lambda count=count: application.running == count, seconds=30)  # type: ignore[misc]  # as above
            assert_problem(await answers[3].answer(30), 503)
            application.go_on.set()
            for connection in answers[:3]:
                assert (await connection.answer(30)).text == "xx"
            assert serving.hub.head_bytes == 0

    run(test)
