import time
from http import HTTPStatus

import pytest

from safelight_api.serving.framing import (
    END,
    NEED_DATA,
    Body,
    Event,
    Head,
    Refusal,
    RequestReader,
)
from tests.support import http_readings

MOST = 64 * 1024
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
OFFERS = {
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    "websocket": b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    "tls": b"Connection: upgrade\r\nUpgrade: TLS/1.0, HTTP/2.0\r\n",
    "nameless": b"Upgrade: x\r\n",
}


def sized(body: bytes, fields: bytes = b"") -> bytes:
    return b"POST /a HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s" % (
        fields,
        len(body),
        body,
    )


def events(*pieces: bytes, most: int = MOST) -> list[Event]:
    """Return all that is told, up to what ends it; that last word included."""
    reader = RequestReader(most)
    told: list[Event] = []
    for piece in pieces:
        reader.feed(piece)
        while True:
            event = reader.next_event()
            if event is NEED_DATA:
                break
            told.append(event)
            if isinstance(event, Refusal):
                return told
    return [*told, NEED_DATA]


def kinds(*pieces: bytes) -> list[str]:
    return [type(event).__name__ for event in events(*pieces)]


def statuses(*pieces: bytes, most: int = MOST) -> list[int]:
    """Return 200 for each complete request, and what the refusal says."""
    told = events(*pieces, most=most)
    found = [200 for event in told if event is END]
    return found + [int(event.status) for event in told if isinstance(event, Refusal)]


def test_requests_follow_each_other() -> None:
    body = b"x" * 10
    assert kinds(GET + sized(body) + CHUNKED + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n" + GET) == [
        *("Head", "End"),
        *("Head", "Body", "End"),
        *("Head", "Body", "End"),
        *("Head", "End"),
        "NeedData",
    ]


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
@pytest.mark.parametrize("cut", [0, 10])
def test_an_offer_to_upgrade_is_ignored(offer: bytes, cut: int) -> None:
    """The body is that of the request (RFC 9110, 7.8), even where it looks like a request."""
    data = sized(GET, offer)
    pieces = (data[: -len(GET) + cut], data[-len(GET) + cut :])
    told = events(*pieces)
    assert b"".join(event.data for event in told if isinstance(event, Body)) == GET
    assert sum(isinstance(event, Head) for event in told) == 1
    assert told[-2:] == [END, NEED_DATA]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505]),
        (GET + b"GARBAGE GARBAGE\r\n", [200, 400]),
        (GET + b"\x16\x03\x01\x02\x00", [200, 400]),
        (GET + b" ", [200, 400]),
        (GET + b"a" * 33, [200, 400]),
        (sized(b"abc") + b"de\r\n", [200, 400]),
        (b"\r\n\r\n\r\n\r\n" + GET, [200]),
        (GET + b"\r\n" + GET, [200, 200]),
        (b"\r\n" * 5 + GET, [400]),
        (b"\n" + GET, [400]),
        (b"GET / HTTP/1.1\n", [400]),
        (b"GET /\r\n", [400]),
        (b"GET / HTTP/1.1\r\n\n", [400]),
        (CHUNKED + b"1\r\na\r\n0\r\nHost: y\r\nTransfer-Encoding: x\r\n\r\n" + GET, [200, 200]),
        (CHUNKED + b"1\r\nab\r\n", [400]),
        (CHUNKED + b"0\r\n folded\r\n", [400]),
    ],
)
def test_what_cannot_be_framed_is_refused_after_what_came_before(
    data: bytes, expected: list[int]
) -> None:
    assert statuses(data) == expected
    assert statuses(*[data[n : n + 1] for n in range(len(data))]) == expected


@pytest.mark.parametrize("head", [GET, b"GET /a HTTP/1.0\r\n\r\n"])
def test_bounds_of_a_head_are_exact(head: bytes) -> None:
    assert statuses(head, most=len(head)) == [200]
    assert statuses(head, most=len(head) - 1) == [431]
    assert statuses(head[:-1], head[-1:], most=len(head) - 1) == [431]


def test_a_head_without_an_end_is_refused_at_its_bound() -> None:
    line = b"a: " + b"b" * 997 + b"\r\n"
    (refusal,) = events(GET[:-2], *[line] * 70)
    assert isinstance(refusal, Refusal)
    assert refusal.status is HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


def test_trailers_and_extensions_count_as_head_and_are_never_headers() -> None:
    trailer = b"authorization: " + b"b" * 985 + b"\r\n"
    told = events(CHUNKED + b"1\r\na\r\n0\r\n", *[trailer] * 10, b"\r\n")
    assert told[-2:] == [END, NEED_DATA]
    assert isinstance(told[0], Head)
    assert [name for name, _ in told[0].headers] == [b"host", b"transfer-encoding"]
    assert statuses(CHUNKED + b"0\r\n", *[trailer] * 66) == [431]
    extended = b"1;" + b"e" * 900 + b"\r\na\r\n"
    assert statuses(CHUNKED, *[extended] * 60, b"0\r\n\r\n") == [200]
    assert statuses(CHUNKED, *[extended] * 75, b"0\r\n\r\n") == [431]


@pytest.mark.parametrize(
    "last",
    [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nConnection: x , Close\r\n\r\n"],
)
def test_nothing_is_read_behind_a_last_request(last: bytes) -> None:
    """RFC 9112, 9.6."""
    reader = RequestReader(MOST)
    reader.feed(last + GET + b"\0")
    head = reader.next_event()
    assert isinstance(head, Head)
    assert not head.keep_alive
    assert reader.next_event() is END
    reader.feed(GET)
    assert reader.next_event() is NEED_DATA
    assert reader.held_bytes == 0
    assert reader.is_done_with_body


def test_a_refusal_stays_and_holds_nothing() -> None:
    reader = RequestReader(MOST)
    reader.feed(b"\0" + GET)
    refusal = reader.next_event()
    reader.feed(GET)
    assert isinstance(refusal, Refusal)
    assert reader.next_event() is refusal
    assert reader.held_bytes == 0
    assert not reader.is_between


def test_data_before_a_refusal_are_told() -> None:
    _, body, refusal = events(CHUNKED + b"3\r\nabc\r\n2\r\nde\r\nzz\r\n")
    assert body == Body(b"abcde")
    assert isinstance(refusal, Refusal)


def test_it_tells_where_it_is() -> None:
    reader = RequestReader(MOST)
    seen = []

    def look(piece: bytes) -> None:
        reader.feed(piece)
        while reader.next_event() is not NEED_DATA:
            pass
        seen.append((reader.is_in_head, reader.is_between, reader.is_done_with_body))

    for piece in (CHUNKED[:9], CHUNKED[9:], b"5", b"\r\nab", b"cde", b"\r", b"\n0\r\n", b"a:b\r\n"):
        look(piece)
    look(b"\r\n")
    look(b"\r\n\r\n")
    look(GET[:1])
    assert seen == [
        (True, False, True),
        (False, False, False),
        (True, False, False),
        (False, False, False),
        (False, False, False),
        (True, False, False),
        (True, False, False),
        (True, False, False),
        (False, True, True),
        (False, True, True),
        (True, False, True),
    ]


def test_it_counts_what_it_holds() -> None:
    reader = RequestReader(MOST)
    reader.feed(GET + GET[:-3])
    assert reader.held_bytes == 2 * len(GET) - 3
    assert isinstance(reader.next_event(), Head)
    assert reader.head_bytes == len(GET)
    assert [reader.next_event(), reader.next_event()] == [END, NEED_DATA]
    assert reader.held_bytes == len(GET) - 3
    reader.feed(memoryview(GET[-3:] + sized(b"abc")[:-1]))
    told = [reader.next_event() for _ in range(5)]
    assert told[1:2] + told[3:] == [END, Body(b"ab"), NEED_DATA]
    assert (reader.held_bytes, reader.is_done_with_body) == (0, False)
    reader.feed(b"c" + GET)
    assert reader.next_event() == Body(b"c")
    assert (reader.held_bytes, reader.is_done_with_body) == (1 + len(GET), True)
    assert not reader.is_between


def test_the_same_head_means_the_same_each_time() -> None:
    reader = RequestReader(MOST)
    told = []
    for _ in range(3):
        reader.feed(bytes(bytearray(GET)))
        told.append(reader.next_event())
        assert reader.next_event() is END
    assert told[0] == told[1] == told[2]
    assert told[1] is told[2]
    assert statuses(GET, most=len(GET) - 1) == [431]


@pytest.mark.parametrize(
    "data",
    [
        GET[:-2] + b"a: " + b"b" * 60_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        CHUNKED + b"%x\r\n%s\r\n0\r\na: %s\r\n\r\n" % (100_000, b"a" * 100_000, b"b" * 60_000),
        CHUNKED + b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n",
        sized(b"a" * 200_000),
    ],
    ids=["field", "target", "trailer", "small chunks", "body"],
)
def test_a_byte_at_a_time_costs_a_step_each(data: bytes) -> None:
    """Were it more, these would take minutes: half a billion of steps, and some of copies."""
    start = time.process_time()
    (request,) = http_readings.read(data[n : n + 1] for n in range(len(data))).requests
    assert request.is_complete
    assert time.process_time() - start < 20


def test_many_requests_in_one_piece_cost_a_step_each() -> None:
    start = time.process_time()
    assert statuses(GET * 20_000) == [200] * 20_000
    assert time.process_time() - start < 20
