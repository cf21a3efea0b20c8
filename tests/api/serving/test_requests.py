"""What HTTP says of requests and their answers on one connection, on real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from safelight_api.serving.hub import Limits
from tests.api.asking import assert_problem, eventually
from tests.api.running import Connection
from tests.api.serving.running import Serving, running

HEAD = b"POST %s HTTP/1.1\r\nHost: x\r\n%s\r\n"
GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"


class Application:
    """Answers as the path says, and keeps in mind what it was asked."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.bodies: list[bytes] = []
        self.gone = 0
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self.scopes.append(scope)
        path = scope["path"]
        if path == "/fails":
            raise ValueError("on purpose")
        if path == "/early":
            await answer(send, b"no")
            return
        if path == "/waits":
            await self.go_on.wait()
        if path == "/until-gone":
            while (await receive())["type"] != "http.disconnect":
                pass
            self.gone += 1
            return
        body = await read(receive)
        if body is None:
            return
        self.bodies.append(body)
        await answer(send, b"%d" % len(body), is_sized=path != "/unsized", more=path == "/breaks")


async def read(receive: Receive) -> bytes | None:
    """Return a request's whole body; None: the client has gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message["body"]
        if not message["more_body"]:
            return bytes(body)


async def answer(send: Send, body: bytes, *, is_sized: bool = True, more: bool = False) -> None:
    """Send an answer; `more`: and say that some of it is missing."""
    headers = [(b"content-length", b"%d" % (len(body) + more))] if is_sized else []
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": more})


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
async def serving(application: Application) -> AsyncIterator[Serving]:
    async with running(application, Limits(linger_seconds=120)) as serving:
        yield serving


@pytest.fixture
async def connection(serving: Serving) -> Connection:
    return await serving.connect()


async def rest(connection: Connection) -> bytes:
    """Return what comes until the server closes."""
    async with asyncio.timeout(30):
        return await connection.reader.read()


async def test_an_offer_to_upgrade_is_ignored(
    connection: Connection, application: Application
) -> None:
    """One request, one answer, and its body is its body (RFC 9110, 7.8)."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
    inner = GET % b"/inner"
    for pieces in (1, 2):
        head = HEAD % (b"/", offer + b"Content-Length: %d\r\n" % len(inner))
        if pieces == 1:
            await connection.send(head + inner)
        else:
            await connection.send(head)
            await eventually(lambda: len(application.scopes) == 2, seconds=30)
            await connection.send(inner)
        assert (await connection.answer()).text == str(len(inner))
    assert application.bodies == [inner, inner]


@pytest.mark.parametrize("length", [1000, 5_000_000])
async def test_an_answer_before_the_body_closes_and_reaches_a_client_that_sends(
    length: int, connection: Connection
) -> None:
    await connection.send(HEAD % (b"/early", b"Content-Length: %d\r\n" % length))
    await connection.send(b"x" * (length - 1))
    answered = await connection.answer(30)
    assert (answered.text, answered.headers["connection"]) == ("no", "close")
    assert await rest(connection) == b""


async def test_a_body_that_is_not_taken_but_is_there_keeps_the_connection(
    connection: Connection,
) -> None:
    await connection.send(HEAD % (b"/early", b"Content-Length: 3\r\n") + b"abc")
    assert "connection" not in (await connection.answer()).headers
    await connection.send(GET % b"/")
    assert (await connection.answer()).text == "0"


async def test_what_is_dropped_is_bounded(application: Application) -> None:
    async with running(application, Limits(linger_bytes=200_000)) as serving:
        connection = await serving.connect()
        await connection.send(HEAD % (b"/early", b"Content-Length: 9000000\r\n"))
        assert (await connection.answer()).text == "no"
        with pytest.raises(OSError, match=r"reset|lost|[Bb]roken"):  # noqa: PT012 - it happens while sending
            for _ in range(100):
                await connection.send(b"x" * 90_000)
                await asyncio.sleep(0)
        await eventually(lambda: len(serving.hub.places) == 0, seconds=30)


async def test_the_100_comes_when_the_application_reads(
    connection: Connection, application: Application
) -> None:
    expecting = b"Expect: 100-continue\r\nContent-Length: 3\r\n"
    await connection.send(HEAD % (b"/waits", expecting))
    await eventually(lambda: bool(application.scopes), seconds=30)
    application.go_on.set()
    assert (await connection.answer()).status_code == 100
    await connection.send(b"abc")
    assert (await connection.answer()).text == "3"
    await connection.send(HEAD % (b"/", expecting) + b"abc")
    assert (await connection.answer()).status_code == 200, "the body was there"
    await connection.send(HEAD % (b"/early", expecting))
    assert (await connection.answer()).text == "no"


async def test_the_answer_to_head_has_no_body(connection: Connection) -> None:
    for path in (b"/", b"/unsized"):
        await connection.send((GET % path).replace(b"GET", b"HEAD"))
        head = await asyncio.wait_for(connection.reader.readuntil(b"\r\n\r\n"), 30)
        assert (b"content-length: 1" in head) == (path == b"/")
    await connection.send(GET % b"/")
    assert (await connection.answer()).text == "0"


async def test_an_answer_of_unknown_length_is_chunked(connection: Connection) -> None:
    await connection.send((GET % b"/unsized").replace(b"Host", b"Connection: close\r\nHost"))
    head, _, body = (await rest(connection)).partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert body == b"1\r\n0\r\n0\r\n\r\n"


@pytest.mark.parametrize("path", [b"/", b"/unsized"])
async def test_http_1_0_is_closed_and_never_chunked(path: bytes, connection: Connection) -> None:
    await connection.send((GET % path).replace(b"HTTP/1.1", b"HTTP/1.0"))
    head, _, body = (await rest(connection)).partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert b"chunked" not in head
    assert body == b"0"


async def test_an_application_that_fails_is_answered_in_the_shape_of_all_errors(
    connection: Connection,
) -> None:
    await connection.send(GET % b"/fails")
    answered = await connection.answer()
    assert_problem(answered, 500)
    assert answered.headers["connection"] == "close"
    assert answered.headers["cache-control"] == "no-store"
    assert await rest(connection) == b""


async def test_an_answer_that_breaks_off_closes(connection: Connection) -> None:
    await connection.send(GET % b"/breaks")
    assert (await rest(connection)).endswith(b"\r\n\r\n0")


async def test_a_refusal_comes_after_the_answers_before_it(
    connection: Connection, application: Application
) -> None:
    await connection.send(GET % b"/waits" + GET % b"/" + b"GET / HTTP/1.1\r\n\r\n" + GET % b"/")
    await eventually(lambda: bool(application.scopes), seconds=30)
    application.go_on.set()
    assert (await connection.answer()).text == "0"
    assert (await connection.answer()).text == "0"
    refused = await connection.answer()
    assert_problem(refused, 400)
    assert refused.headers["connection"] == "close"
    assert await rest(connection) == b""
    assert len(application.scopes) == 2


async def test_a_body_that_cannot_be_framed_is_refused(
    connection: Connection, application: Application
) -> None:
    await connection.send(HEAD % (b"/", b"Transfer-Encoding: chunked\r\n") + b"3\r\nabc\r\nzz\r\n")
    assert_problem(await connection.answer(), 400)
    assert await rest(connection) == b""
    assert application.bodies == []


async def test_trailers_without_end_are_refused(connection: Connection) -> None:
    await connection.send(HEAD % (b"/", b"Transfer-Encoding: chunked\r\n") + b"0\r\n")
    line = b"a: " + b"b" * 8000 + b"\r\n"
    with pytest.raises(OSError, match=r"reset|lost|[Bb]roken"):  # noqa: PT012 - it happens while sending
        for _ in range(4000):
            await connection.send(line)
            await asyncio.sleep(0)


@pytest.mark.parametrize("begun", [b"3;slow", b"0\r\na: b\r\n"])
async def test_trailers_and_lines_of_chunks_have_the_time_of_a_head(
    begun: bytes, serving: Serving, connection: Connection
) -> None:
    await connection.send(HEAD % (b"/", b"Transfer-Encoding: chunked\r\n") + begun)
    await eventually(lambda: len(serving.hub.framing) == 1, seconds=30)
    serving.later(serving.hub.limits.head_seconds - 1)
    assert serving.closed == []
    serving.later(serving.hub.limits.head_seconds + 30)
    assert serving.closed == ["head_time"]
    with contextlib.suppress(ConnectionResetError):
        assert await rest(connection) == b""


async def test_between_chunks_the_times_of_bodies_count(
    serving: Serving, connection: Connection, application: Application
) -> None:
    await connection.send(HEAD % (b"/", b"Transfer-Encoding: chunked\r\n") + b"3\r\nabc\r\n")
    await eventually(lambda: bool(application.scopes), seconds=30)
    serving.later(serving.hub.limits.head_seconds + 30)
    await connection.send(b"0\r\n\r\n")
    assert (await connection.answer(30)).text == "3"


async def test_a_client_that_goes_ends_its_request(
    serving: Serving, application: Application
) -> None:
    connection = await serving.connect()
    await connection.send(GET % b"/until-gone")
    await eventually(lambda: bool(application.scopes), seconds=30)
    connection.close()
    await eventually(lambda: application.gone == 1, seconds=30)
    await eventually(lambda: len(serving.hub.places) == 0, seconds=30)


async def test_the_scope_is_as_asgi_has_it(
    connection: Connection, application: Application
) -> None:
    await connection.send(GET % b"/a%20b/%C3%A9?x=%20y&z")
    await connection.answer()
    (scope,) = application.scopes
    assert scope["path"] == "/a b/é"
    assert scope["raw_path"] == b"/a%20b/%C3%A9"
    assert scope["query_string"] == b"x=%20y&z"
    assert (scope["method"], scope["http_version"], scope["scheme"]) == ("GET", "1.1", "http")
    assert scope["headers"] == [(b"host", b"x")]
    assert scope["client"][0] == scope["server"][0] == "127.0.0.1"


@pytest.mark.parametrize("header", [(b"x\r\ny", b"z"), (b"x", b"a\r\nset-cookie: b")])
async def test_a_header_cannot_be_split(header: tuple[bytes, bytes]) -> None:
    async def application(_scope: Scope, _receive: Receive, send: Send) -> None:
        start: Message = {"type": "http.response.start", "status": 200, "headers": [header]}
        await send(start)

    async with running(application) as serving:
        connection = await serving.connect()
        await connection.send(GET % b"/")
        assert_problem(await connection.answer(), 500)
