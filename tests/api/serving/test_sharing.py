"""What one connection or client does costs no other one: of heads, bodies, answers and tasks."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from safelight_api import caller
from safelight_api.body import ClientGoneError
from safelight_api.serving.hub import READ_HEAD_BYTES, Hub, Limits
from safelight_api.serving.server import LeavingServer
from tests.api.asking import assert_problem, eventually
from tests.api.running import Connection
from tests.api.serving.running import Serving, running

GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
PIECE = 64 * 1024
PIECES = 400


class Application:
    """Large answers to /large; /waits looks at the body only when it is told to."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.pieces = 0
        self.gone = 0
        self.callers: list[str] = []
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self.paths.append(scope["path"])
        self.callers.append(caller.current())
        scope[caller.SCOPE_KEY] = "alice"
        caller.enter(scope)
        size, count = (PIECE, PIECES) if scope["path"] == "/large" else (2, 1)
        if scope["path"] == "/at-once":
            size, count = PIECE * PIECES, 1
        if scope["path"] == "/waits":
            await self.go_on.wait()
            await receive()
        headers = [(b"content-length", b"%d" % (size * count))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            for left in reversed(range(count)):
                body = {"type": "http.response.body", "body": b"x" * size, "more_body": left > 0}
                await send(body)
                self.pieces += 1
        except ClientGoneError:
            self.gone += 1
            raise


def bearer(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return whose a request claims to be."""
    return dict(headers).get(b"authorization", b"").decode()


@asynccontextmanager
async def serve(limits: Limits) -> AsyncIterator[tuple[Serving, Application]]:
    """Run a server; at the end what waits goes on."""
    application = Application()
    async with running(application, limits) as serving:
        try:
            yield serving, application
        finally:
            application.go_on.set()


async def test_of_a_body_that_nobody_takes_one_read_is_looked_at() -> None:
    """In chunks of one byte it is six times as long, and as dear to take apart."""
    async with serve(Limits()) as (serving, application):
        connection = await serving.connect()
        head = b"POST /waits HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        await connection.send(head + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n")
        await eventually(lambda: application.paths == ["/waits"], seconds=30)
        await eventually(lambda: serving.hub.body_bytes > 0, seconds=30)
        assert serving.hub.body_bytes <= READ_HEAD_BYTES // 6 + 1
        application.go_on.set()
        assert (await connection.answer(30)).text == "xx"


@pytest.mark.parametrize("path", [b"/large", b"/at-once"])
async def test_who_pipelines_and_reads_nothing_goes_before_those_who_send_a_head(
    path: bytes,
) -> None:
    async with serve(replace(Limits(), head_bytes=64 * 1024)) as (serving, _):
        for _ in range(4):
            greedy = await serving.connect()
            # The answer fits into no buffer, and what is behind it is held meanwhile.
            await greedy.send(GET % path + b"POST / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 15_000)
        await eventually(lambda: serving.hub.head_bytes > 45_000, seconds=30)
        for _ in range(3):
            good = await serving.connect()
            await good.send(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 9_000)
            await asyncio.sleep(0.05)
            await good.send(b"\r\n\r\n")
            assert (await good.answer(30)).text == "xx"
            good.close()


async def test_no_request_is_begun_on_a_connection_that_closes() -> None:
    async with serve(Limits()) as (serving, application):
        connection = await serving.connect()
        await connection.send(GET % b"/at-once" + GET % b"/unseen")
        await eventually(lambda: application.pieces > 0, seconds=30)
        await eventually(lambda: application.paths == ["/at-once"], seconds=30)
        for member in list(serving.server.server_state.connections):
            member.shutdown()
        answered = await connection.answer(60)
        assert len(answered.content) == PIECE * PIECES
        assert await asyncio.wait_for(connection.reader.read(), 30) == b""
        assert application.paths == ["/at-once"]


async def test_large_heads_of_one_client_leave_room_for_those_of_others() -> None:
    application = Application()
    config = uvicorn.Config(application, port=0, lifespan="off", log_config=None, ws="none")
    server = LeavingServer(config, Hub(replace(Limits(), head_bytes=160_000)), bearer)
    task = asyncio.create_task(server._serve())  # noqa: SLF001 - as in `running`
    await eventually(lambda: server.started, seconds=30)
    (listener,) = server.servers[0].sockets
    opened: list[Connection] = []

    async def ask(client: bytes) -> Connection:
        connection = Connection(*await asyncio.open_connection(*listener.getsockname()))
        opened.append(connection)
        head = b"POST /waits HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 1\r\nX: %s"
        await connection.send(head % (client, b"y" * 15_000) + b"\r\n\r\n")
        return connection

    try:
        answers = [await ask(b"greedy") for _ in range(6)]
        for refused in answers[4:]:
            assert_problem(await refused.answer(30), 503)
        count = len(application.paths)
        await ask(b"other")
        await eventually(lambda: len(application.paths) == count + 1, seconds=30)
        for connection in opened:
            connection.close()
        application.go_on.set()
        await eventually(lambda: server.hub.large_heads.total == 0, seconds=30)
        assert server.hub.head_bytes == 0
    finally:
        application.go_on.set()
        for connection in opened:
            connection.close()
        server.should_exit = True
        await task


async def test_nothing_more_is_made_for_a_client_that_has_gone() -> None:
    async with serve(Limits()) as (serving, application):
        connection = await serving.connect()
        await connection.send(GET % b"/large")
        await eventually(lambda: application.pieces > 0, seconds=30)
        connection.close()
        await eventually(lambda: application.gone == 1, seconds=30)
        assert application.pieces < PIECES


async def test_a_pipelined_request_knows_nothing_of_the_one_before() -> None:
    async with serve(Limits()) as (serving, application):
        connection = await serving.connect()
        await connection.send(GET % b"/a" + GET % b"/b" + GET % b"/c")
        for _ in range(3):
            assert (await connection.answer(30)).text == "xx"
        assert application.callers == [caller.NOBODY] * 3
