"""The requests in some bytes: as the server's reader has them, and as h11 has them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import h11

from safelight_api.serving.framing import (
    NEED_DATA,
    Body,
    End,
    Event,
    Head,
    Refusal,
    RequestReader,
)

MAX_HEAD_BYTES: Final = 64 * 1024


@dataclass
class Request:
    """One request, as far as it has been read."""

    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytearray = field(default_factory=bytearray)
    is_complete: bool = False


@dataclass
class Reading:
    """All requests of some bytes, and why there are no more: None if more bytes are waited for."""

    requests: list[Request] = field(default_factory=list)
    refusal: str | None = None
    status: int | None = None


def read(pieces: Iterable[bytes], max_head_bytes: int = MAX_HEAD_BYTES) -> Reading:
    """Read with the server's reader; whatever follows a refusal is fed too."""
    reader = RequestReader(max_head_bytes)
    reading = Reading()
    for piece in pieces:
        reader.feed(piece)
        while (event := reader.next_event()) is not NEED_DATA:
            _take(reading, event)
            if isinstance(event, Refusal):
                break
    return reading


def _take(reading: Reading, event: Event) -> None:
    match event:
        case Head():
            reading.requests.append(Request(event.method, event.target, event.headers))
        case Body():
            assert event.data, "an empty piece of a body"
            reading.requests[-1].body += event.data
        case End():
            reading.requests[-1].is_complete = True
        case Refusal():
            told = (event.detail, int(event.status))
            assert reading.refusal is None or told == (reading.refusal, reading.status)
            reading.refusal, reading.status = told


def ask_h11(data: bytes) -> Reading:
    """Read with h11, which is answered at once after each request."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 30)
    reading = Reading()
    try:
        connection.receive_data(data)
        while _step(connection, reading):
            pass
    except h11.RemoteProtocolError as error:
        reading.refusal = str(error)
    return reading


def _step(connection: h11.Connection, reading: Reading) -> bool:
    event = connection.next_event()
    if isinstance(event, h11.Request):
        reading.requests.append(Request(event.method.decode(), event.target, list(event.headers)))
    elif isinstance(event, h11.Data):
        reading.requests[-1].body += event.data
    elif isinstance(event, h11.EndOfMessage):
        reading.requests[-1].is_complete = True
        connection.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
        connection.send(h11.EndOfMessage())
        if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
            return False
        connection.start_next_cycle()
    else:
        return False
    return True
