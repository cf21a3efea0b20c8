import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from safelight_api.serving.turns import SLICE_SECONDS, Turns

MILLISECOND = 0.001


class Clock:
    """Time that passes only while a request works."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[tuple[str, float]] = []
        """Whose steps have run, and when each ended."""

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now

    async def work(self, client: str, steps: int, seconds: float) -> str:
        """Take so many steps of so many seconds each."""
        for _ in range(steps):
            self.now += seconds
            self.log.append((client, self.now))
            await asyncio.sleep(0)
        return client


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def turns(clock: Clock) -> Turns:
    return Turns(clock=clock)


def task(
    turns: Turns, inner: Coroutine[Any, Any, str], client: str | Callable[[], str]
) -> "asyncio.Task[str]":
    name = client if callable(client) else lambda: client
    return asyncio.get_running_loop().create_task(turns.metered(inner, name))


async def test_one_alone_never_waits(turns: Turns, clock: Clock) -> None:
    tasks = [task(turns, clock.work("a", 10, 5 * MILLISECOND), "a") for _ in range(3)]
    for _ in range(5):
        await asyncio.sleep(0)
        assert turns.waiting == 0
    assert await asyncio.gather(*tasks) == ["a"] * 3


async def test_a_light_client_goes_before_a_flood(turns: Turns, clock: Clock) -> None:
    """The flood was first, and all of it is ready; no more than its slice goes before the other."""
    flood = [task(turns, clock.work("flood", 1, MILLISECOND), "flood") for _ in range(200)]
    light = task(turns, clock.work("light", 1, MILLISECOND), "light")
    await asyncio.gather(*flood, light)
    at = next(seconds for client, seconds in clock.log if client == "light")
    assert at <= SLICE_SECONDS + 2 * MILLISECOND
    assert len(clock.log) == 201


async def test_two_floods_share_evenly_whatever_their_steps_are(turns: Turns, clock: Clock) -> None:
    many = [task(turns, clock.work("many", 1, MILLISECOND), "many") for _ in range(400)]
    few = [task(turns, clock.work("few", 1, 8 * MILLISECOND), "few") for _ in range(50)]
    await asyncio.gather(*many, *few)
    had = {"many": 0.0, "few": 0.0}
    before = 0.0
    for client, seconds in clock.log[:-50]:
        had[client] += seconds - before
        before = seconds
        assert abs(had["many"] - had["few"]) <= 0.030


async def test_many_small_requests_cannot_add_up(turns: Turns, clock: Clock) -> None:
    """Requests that follow each other are one client's, and what it has had is remembered."""
    requests, hops = 50, 6
    is_over = False

    async def insist() -> None:
        while not is_over:
            await task(turns, clock.work("greedy", 1, MILLISECOND), "greedy")

    flood = [asyncio.create_task(insist()) for _ in range(40)]
    for _ in range(requests):
        await task(turns, clock.work("modest", 1, MILLISECOND), "modest")
    took = clock.now
    is_over = True
    await asyncio.gather(*flood)
    assert took <= requests * hops * (SLICE_SECONDS + MILLISECOND)


async def test_a_client_that_is_found_out_on_the_way_is_charged(turns: Turns, clock: Clock) -> None:
    found = {"name": ""}

    async def request() -> str:
        found["name"] = "a"
        return await clock.work("a", 1, 20 * MILLISECOND)

    other = task(turns, clock.work("b", 30, MILLISECOND), "b")
    await task(turns, request(), lambda: found["name"])
    nobody = task(turns, clock.work("", 1, MILLISECOND), "")
    again = task(turns, clock.work("a", 1, MILLISECOND), "a")
    await asyncio.gather(other, nobody, again)
    order = [client for client, _ in clock.log]
    assert order.index("") < len(order) - 1 - order[::-1].index("a")


async def test_results_exceptions_and_cancellations_pass_through(
    turns: Turns, clock: Clock
) -> None:
    started = asyncio.Event()
    seen: list[str] = []

    async def fails() -> str:
        await asyncio.sleep(0)
        raise ValueError("as it is")

    async def waits() -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        return "never"

    with pytest.raises(ValueError, match="as it is"):
        await task(turns, fails(), "a")
    waiting = task(turns, waits(), "a")
    await started.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert seen == ["cancelled"]
    assert await task(turns, asyncio.wait_for(clock.work("a", 3, 0.0), 30), "a") == "a"


async def test_a_request_can_be_cancelled_before_it_begins_and_while_it_waits(
    turns: Turns, clock: Clock
) -> None:
    other = task(turns, clock.work("b", 40, MILLISECOND), "b")
    unborn = task(turns, clock.work("a", 1, MILLISECOND), "a")
    unborn.cancel()
    heavy = [task(turns, clock.work("a", 4, 10 * MILLISECOND), "a") for _ in range(4)]
    while not turns.waiting:  # noqa: ASYNC110 - steps of the loop are what is waited for
        await asyncio.sleep(0)
    for each in heavy:
        each.cancel()
    ended = await asyncio.gather(unborn, *heavy, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended)
    assert await other == "b"
    assert turns.waiting == 0
    gc.collect()  # a coroutine that was never run would warn now, and a warning is an error
    assert await task(turns, clock.work("a", 1, MILLISECOND), "a") == "a"


async def test_nothing_is_kept_of_clients_that_are_not_ahead(turns: Turns, clock: Clock) -> None:
    for number in range(100):
        await task(turns, clock.work("x", 2, MILLISECOND), f"client {number}")
    assert len(turns._shares) == 0  # noqa: SLF001 - memory has no other sign
