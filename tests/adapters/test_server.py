"""The server of the inner ports, on real sockets: what HTTP asks of it, and who may take what."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from safelight_adapters.bounds import Bounds
from safelight_adapters.exchange import Answer, Request
from safelight_adapters.server import REASONS, Server
from tests.adapters.talking import GET, LARGE, SECONDS, Served, served, until

PATIENT = Bounds(
    connections=16,
    head_seconds=10 * SECONDS,
    body_seconds=10 * SECONDS,
    exchange_seconds=10 * SECONDS,
    idle_seconds=10 * SECONDS,
    pause_seconds=0.001,
)
"""Nothing ends by time while a test looks at something else."""
OTHER = "127.0.0.2"
CHUNKED = GET[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
async def patient() -> AsyncIterator[Served]:
    async with served(PATIENT) as running:
        yield running


async def test_an_answer_is_whole(patient: Served) -> None:
    (answer,) = await patient.crowd.asks(GET)
    assert (answer.status, answer.body) == (200, b"good")
    assert {**answer.headers, "date": ""} == {
        "date": "",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "content-type": "text/plain; charset=utf-8",
        "content-length": "4",
    }
    assert patient.dropped == []


async def test_a_name_in_the_path_is_handed_on(patient: Served) -> None:
    post = b"POST /things/%41?x=/y HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    (answer,) = await patient.crowd.asks(post)
    assert (answer.status, answer.body) == (204, b"")
    assert "content-length" not in answer.headers
    assert patient.asked == [Request("POST", "/things/%41", "%41")]


async def test_a_target_may_be_a_whole_url(patient: Served) -> None:
    (answer,) = await patient.crowd.asks(GET.replace(b"/good", b"http://x/good?a"))
    assert answer.status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("POST", "/good", 405, "GET, HEAD"),
        ("GET", "/things/1", 405, "POST"),
        ("OPTIONS", "/good", 405, "GET, HEAD"),
        ("CONNECT", "/good", 405, "GET, HEAD"),
        ("GET", "/things/", 404, None),
        ("GET", "/good/", 404, None),
        ("GET", "/", 404, None),
        ("OPTIONS", "*", 404, None),
        ("GET", "http://[", 400, None),
    ],
)
async def test_what_is_not_there_is_refused(
    patient: Served, method: str, path: str, status: int, allowed: str | None
) -> None:
    (answer,) = await patient.crowd.asks(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (answer.status, answer.headers.get("allow")) == (status, allowed)
    assert answer.body.endswith(b".\n")
    assert patient.asked == []


async def test_head_is_get_without_the_body(patient: Served) -> None:
    answers = await patient.crowd.asks(GET.replace(b"GET", b"HEAD") + GET, "HEAD", "GET")
    assert [(a.status, a.headers["content-length"], a.body) for a in answers] == [
        (200, "4", b""),
        (200, "4", b"good"),
    ]


async def test_pipelined_requests_are_answered_one_by_one(patient: Served) -> None:
    count = 500
    answers = await patient.crowd.asks(GET * count)
    assert [answer.body for answer in answers] == [b"good"] * count


async def test_who_never_stops_asking_leaves_time_for_others() -> None:
    """Ten requests in a second, of a connection that has always one more."""
    async with served(Bounds()) as running:
        client = await running.crowd.client()
        client.send(GET * 10_000)
        answers = [await running.crowd.asks(GET) for _ in range(10)]
        assert [answer.body for (answer,) in answers] == [b"good"] * 10
        assert len(running.asked) < 5_000


async def test_no_request_is_read_while_one_is_answered(patient: Served) -> None:
    """A client that sends megabytes of them fills the kernel's buffers, and none of ours."""
    size = 32 * 1024 * 1024
    client = await patient.crowd.client()
    client.send(GET.replace(b"/good", b"/slow") + GET * (size // len(GET)))
    await until(lambda: len(patient.asked) == 1)
    for _ in range(50):
        (answer,) = await patient.crowd.asks(GET)
        assert answer.body == b"good"
    assert client.writer.transport.get_write_buffer_size() > size // 2


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "malformed"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "malformed"),
        (b"GET /good\r\n\r\n", 400, "malformed"),
        (b"GET /good HTTP/1.1\r\n\r\n", 400, "malformed"),
        (b"GET /good HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "malformed"),
        (b"GET /good HTTP/1.1\r\nHost : x\r\n\r\n", 400, "malformed"),
        (b"GET /good HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "malformed"),
        (b"GET /good HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "malformed"),
        (CHUNKED[:-2] + b"Content-Length: 5\r\n\r\n0\r\n\r\n", 400, "malformed"),
        (CHUNKED + b"x", 400, "malformed"),
        (b"GET /good HTTP/1.1\r\nHost: x\r\n", 400, "malformed"),
        (b"GET /good HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 30_000 + b"\r\n\r\n", 431, "size"),
        (b"GET /" + b"a" * 30_000, 431, "size"),
        (b"GET /good HTTP/1.1\r\n" + b"X: a\r\n" * 200 + b"\r\n", 431, "size"),
        (b"GET /good HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n", 413, "size"),
        (CHUNKED + b"1\r\na\r\n" * 50, 413, "size"),
        (CHUNKED + b"0\r\n" + b"X: a\r\n" * 10_000, 431, "size"),
    ],
    ids=[
        "TLS",
        "HTTP/2",
        "HTTP/0.9",
        "no Host",
        "two Hosts",
        "space before the colon",
        "length below zero",
        "unknown coding",
        "two framings",
        "bad chunk",
        "half a head",
        "long field",
        "long target",
        "many fields",
        "announced body",
        "long body in chunks",
        "trailers",
    ],
)
async def test_what_is_refused_has_its_code_and_ends(
    patient: Served, data: bytes, status: int, reason: str
) -> None:
    """After the answer of the request before it, and nothing behind it is a request."""
    *before, answer = await patient.crowd.asks(GET + data)
    assert [a.status for a in before] == [200]
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert len(patient.asked) == 1
    assert patient.dropped == [reason]
    assert reason in REASONS


async def test_a_refusal_reaches_a_client_that_goes_on_sending(patient: Served) -> None:
    client = await patient.crowd.client()
    client.send(b"GET /good HTTP/1.1\r\nX: " + b"a" * 900_000)
    (answer,) = await client.heard()
    assert answer.status == 431


async def test_a_small_body_is_dropped_and_the_next_request_follows(patient: Served) -> None:
    answers = await patient.crowd.asks(CHUNKED + b"5\r\nabcde\r\n0\r\n\r\n" + GET)
    assert [answer.status for answer in answers] == [200, 200]


async def test_an_expectation_is_answered_at_once(patient: Served) -> None:
    """The client need not send the body: nobody wants it."""
    client = await patient.crowd.client()
    client.send(GET[:-2] + b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n")
    (answer,) = await client.heard()
    assert (answer.status, answer.headers["connection"]) == (200, "close")


async def test_an_upgrade_is_not_taken(patient: Served) -> None:
    upgrade = GET[:-2] + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"
    answers = await patient.crowd.asks(upgrade + GET)
    assert [answer.status for answer in answers] == [200, 200]


async def test_a_fault_of_a_handler_is_500_and_ends_nothing(
    patient: Served, caplog: pytest.LogCaptureFixture
) -> None:
    answers = await patient.crowd.asks(GET.replace(b"/good", b"/broken") + GET)
    assert [answer.status for answer in answers] == [500, 200]
    assert b"secret" not in answers[0].body
    assert patient.dropped == ["failed"]
    assert "a secret" in (caplog.records[0].exc_text or "")


async def test_an_old_client_gets_its_answer_and_the_end(patient: Served) -> None:
    client = await patient.crowd.client()
    client.send(b"GET /good HTTP/1.0\r\n\r\n")
    (answer,) = await client.heard()
    assert (answer.status, answer.body) == (200, b"good")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET /good HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 50,
        GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\n"),
        GET,
        b"GET /good HTTP/1.1\r\nX: " + b"a" * 100_000,
    ],
    ids=["silent", "unfinished heads", "unfinished bodies", "idle", "long heads"],
)
async def test_a_crowd_of_one_source_leaves_room_for_a_probe(patient: Served, data: bytes) -> None:
    """From the crowd's own address too: what has come whole goes before what has not."""
    bounds = PATIENT
    crowd = []
    for _ in range(6 * bounds.connections):
        client = await patient.crowd.client()
        client.send(data)
        crowd.append(client)
        assert len(patient.server) <= bounds.share
    for source in ("127.0.0.1", OTHER):
        answers = await patient.crowd.asks(GET, source=source)
        assert [answer.body for answer in answers] == [b"good"]
    await crowd[0].is_ended()


async def test_slow_readers_leave_room_for_a_probe(patient: Served) -> None:
    """They are at their answers, and all the same they go before a newcomer is refused."""
    for _ in range(3 * PATIENT.connections):
        client = await patient.crowd.client()
        client.stop_reading()
        client.send(GET.replace(b"/good", b"/large"))
    for source in ("127.0.0.1", OTHER):
        answers = await patient.crowd.asks(GET, source=source)
        assert [answer.body for answer in answers] == [b"good"]


async def test_a_handler_at_work_is_never_ended_for_a_newcomer(patient: Served) -> None:
    """All that one source may hold are at work: its next one is refused, another's is not."""
    working = [await patient.crowd.client() for _ in range(PATIENT.share)]
    for client in working:
        client.send(GET.replace(b"/good", b"/slow"))
    await until(lambda: len(patient.asked) == PATIENT.share)
    assert await (await patient.crowd.client()).heard() == []
    assert patient.dropped == ["places"]
    (answer,) = await patient.crowd.asks(GET, source=OTHER)
    assert answer.body == b"good"
    patient.release.set()
    for client in working:
        client.writer.write_eof()
        (answer,) = await client.heard()
        assert answer.body == b"at last"


async def test_many_sources_share_the_places(patient: Served) -> None:
    for number in range(5 * PATIENT.connections):
        await patient.crowd.client(f"127.1.{number}.1")
        assert len(patient.server) <= PATIENT.connections
    (answer,) = await patient.crowd.asks(GET, source=OTHER)
    assert answer.body == b"good"


async def test_what_takes_too_long_ends() -> None:
    """Each bound alone, all of them at the same time."""
    slow, body = GET.replace(b"/good", b"/slow"), GET[:-2] + b"Content-Length: 9\r\n\r\n"
    brief = replace(PATIENT, linger_seconds=0.5)
    cases: dict[str, tuple[Bounds, bytes, list[int]]] = {
        "silent": (replace(brief, head_seconds=1.5), b"", []),
        "head": (replace(brief, head_seconds=1.5), GET[:-2], [408]),
        "second head": (replace(brief, head_seconds=1.5), GET + GET[:-2], [200, 408]),
        "body": (replace(brief, body_seconds=1.5), body, [408]),
        "idle": (replace(brief, idle_seconds=1.5), GET, [200]),
        "handler": (replace(brief, exchange_seconds=1.5, idle_seconds=1.5), slow, [500]),
    }

    async def statuses(bounds: Bounds, data: bytes) -> list[int]:
        async with served(bounds) as running:
            client = await running.crowd.client()
            client.send(data)
            found = [answer.status for answer in await client.heard()]
            await until(lambda: not len(running.server))
        return found

    found = await asyncio.gather(*(statuses(bounds, data) for bounds, data, _ in cases.values()))
    assert dict(zip(cases, found, strict=True)) == {
        name: right for name, (*_, right) in cases.items()
    }


async def test_a_head_byte_by_byte_gains_no_time() -> None:
    async with served(replace(PATIENT, head_seconds=1.5, linger_seconds=0.5)) as running:
        client = await running.crowd.client()

        async def trickle() -> None:
            client.send(b"GET /good HTTP/1.1\r\nX: ")
            while True:
                client.send(b"a")
                await asyncio.sleep(0.02)

        sending = asyncio.create_task(trickle())
        (answer,) = await client.heard()
        sending.cancel()
        await asyncio.wait({sending})
        assert answer.status == 408


async def test_who_does_not_read_an_answer_is_given_up() -> None:
    async with served(replace(PATIENT, exchange_seconds=0.3)) as running:
        client = await running.crowd.client()
        client.stop_reading()
        client.send(GET.replace(b"/good", b"/large"))
        await until(lambda: running.dropped == ["time"])
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]  # a transport of a socket has it
        await client.is_ended()


async def test_the_end_lets_an_answer_out_and_nobody_stays() -> None:
    async with served(PATIENT) as running:
        working, idle, silent = [await running.crowd.client() for _ in range(3)]
        working.send(GET.replace(b"/good", b"/slow"))
        idle.send(GET)
        await until(lambda: len(running.asked) == 2)
        running.release.set()
        await running.stop()
        heard = [[a.body for a in await c.heard()] for c in (working, idle, silent)]
        assert heard == [[b"at last"], [b"good"], []]
        with pytest.raises(ConnectionError):
            await running.crowd.client()
    assert len(running.server) == 0


def test_a_thread_of_its_own_answers_while_nothing_else_runs() -> None:
    """The loop of the test does not run at all."""

    async def good(_request: Request) -> Answer:
        return Answer(body=LARGE[:100_000])

    server = Server({("GET", "/good"): good}, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.port}/good"
    with httpx.Client(trust_env=False, timeout=SECONDS) as client, server.in_thread():
        assert [len(client.get(url).content) for _ in range(3)] == [100_000] * 3
    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.ConnectError):
        client.get(url)


def test_a_port_that_is_taken_is_told_at_once() -> None:
    server = Server({}, "127.0.0.1", 0)
    with contextlib.closing(server), pytest.raises(OSError, match="in use"):
        Server({}, "127.0.0.1", server.port)
