"""Reading a body: small pieces are gathered, and slow clients are told so."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import pytest
from starlette.types import Message, Receive

from safelight_api import body as body_module
from safelight_api.body import BodyLimits, chunks, patience
from safelight_api.errors import ApiError

PATIENT = BodyLimits(max_bytes=1_000_000, idle_seconds=60, total_seconds=600, least_rate=1)


def sender(pieces: Iterable[bytes], every: float = 0) -> Receive:
    """Return what receives a body in such pieces, one every so many seconds."""
    left = list(pieces)

    async def receive() -> Message:
        if every:
            await asyncio.sleep(every)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return receive


async def received(receive: Receive, limits: BodyLimits = PATIENT) -> list[bytes]:
    """Return the pieces that are handed on."""
    return [chunk async for chunk in chunks(receive, limits)]


async def test_a_body_of_single_bytes_is_handed_on_in_few_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(body_module, "_GATHERING_SECONDS", 0)
    body = bytes(range(256)) * 4
    pieces = await received(sender([body[at : at + 1] for at in range(len(body))]))
    assert b"".join(pieces) == body
    assert len(pieces) < 12
    assert len(pieces[0]) == 1, "what begins a body can be refused at once"


async def test_large_pieces_are_handed_on_as_they_come() -> None:
    sent = [b"x" * 65536] * 20
    assert await received(sender(sent), replace(PATIENT, max_bytes=2**21)) == sent


async def test_the_end_is_handed_on_however_small() -> None:
    assert (
        b"".join(await received(sender([b"a" * 20_000, b"b", b"c", b""]))) == b"a" * 20_000 + b"bc"
    )
    assert await received(sender([b""])) == []


async def test_a_body_below_the_least_rate_is_refused_before_its_time_is_over() -> None:
    """Never silent for as long as it may be."""
    limits = BodyLimits(max_bytes=10_000, idle_seconds=0.5, total_seconds=3600, least_rate=1000)
    with pytest.raises(ApiError) as refused:
        await received(sender([b"x"] * 10_000, every=0.05), limits)
    assert refused.value.status == 408


@pytest.mark.parametrize(
    ("received", "waited", "seconds"),
    [
        (0, 0, 15),
        (0, 20, 10),
        (0, 30, 0),
        (1000, 30, 1),
        (100_000, 30, 15),
        (100_000, 129, 1),
        (100_000, 131, -1),
    ],
)
def test_how_long_a_piece_may_take(received: int, waited: float, seconds: float) -> None:
    limits = BodyLimits(max_bytes=10**6, idle_seconds=15, total_seconds=3600, least_rate=1000)
    assert patience(limits, received, waited) == seconds


async def test_time_that_the_reader_takes_is_not_the_clients() -> None:
    limits = BodyLimits(max_bytes=10**6, idle_seconds=0.3, total_seconds=3600, least_rate=10**6)
    count = 0
    async for chunk in chunks(sender([b"x" * 600] * 5), limits):
        count += len(chunk)
        await asyncio.sleep(0.3)
    assert count == 3000
