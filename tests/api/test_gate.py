import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from safelight_api import caller
from safelight_api.gate import Gate
from safelight_api.shares import ShareError, Shares
from tests.api.asking import eventually


class Calls:
    """Calls of clients that go through a gate, and stay until they are let go."""

    def __init__(self, places: int, *, seconds: float = 60, most_waiting: int = 100) -> None:
        self.shares = Shares("test", places)
        self.gate = Gate(self.shares, seconds=seconds, most_waiting=most_waiting)
        self.running: list[tuple[str, asyncio.Event]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def call(self, client: str) -> asyncio.Task[None]:
        """Make a call."""

        async def run() -> None:
            caller.enter({caller.SCOPE_KEY: client})
            async with self.gate.place():
                end = asyncio.Event()
                self.running.append((client, end))
                await end.wait()

        task = asyncio.create_task(run())
        self._tasks.append(task)
        return task

    async def started(self, count: int) -> list[str]:
        """Wait until so many have passed; return whose they are, in their order."""
        await eventually(lambda: len(self.running) == count, seconds=30)
        await asyncio.sleep(0)
        return [client for client, _ in self.running]

    def end(self, position: int) -> None:
        """Let a call end."""
        self.running[position][1].set()

    async def close(self) -> None:
        """End all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def calls(
    places: int, *, seconds: float = 60, most_waiting: int = 100
) -> AsyncIterator[Calls]:
    """Return calls; all of them end with the block, and leave every place free."""
    made = Calls(places, seconds=seconds, most_waiting=most_waiting)
    try:
        yield made
    finally:
        await made.close()
    assert made.shares.total == 0


async def test_a_client_that_comes_late_passes_at_once() -> None:
    async with calls(4) as made:
        for _ in range(50):
            made.call("greedy")
        assert await made.started(3) == ["greedy"] * 3
        made.call("late")
        assert (await made.started(4))[-1] == "late"


async def test_those_that_wait_pass_in_turn_and_each_in_its_own_order() -> None:
    async with calls(1) as made:
        made.call("a")
        await made.started(1)
        for client in "aaaabbc":
            made.call(client)
        await asyncio.sleep(0)
        for position in range(7):
            made.end(position)
            await made.started(position + 2)
        assert "".join(client for client, _ in made.running) == "aabcabaa"


async def test_a_line_is_bounded_for_the_client_that_fills_it_alone() -> None:
    async with calls(1, most_waiting=2) as made:
        made.call("a")
        await made.started(1)
        waiting = [made.call("a") for _ in range(2)]
        with pytest.raises(ShareError) as refused:
            await made.call("a")
        assert refused.value.is_over
        made.call("b")
        made.end(0)
        assert (await made.started(2))[-1] == "a"
        made.end(1)
        assert (await made.started(3))[-1] == "b"
        assert not any(task.done() and task.exception() for task in waiting)


async def test_a_wait_is_bounded_and_leaves_nothing() -> None:
    async with calls(1, seconds=0.05) as made:
        made.call("a")
        await made.started(1)
        with pytest.raises(ShareError) as refused:
            await made.call("b")
        assert not refused.value.is_over, "it holds nothing: others do"
        made.end(0)
        made.call("c")
        assert await made.started(2) == ["a", "c"]


async def test_a_call_that_is_cancelled_while_it_waits_holds_nothing() -> None:
    """Also in the very moment in which its turn has come."""
    async with calls(1) as made:
        made.call("a")
        await made.started(1)
        early, late = made.call("b"), made.call("c")
        await asyncio.sleep(0)
        early.cancel()
        made.end(0)
        await asyncio.sleep(0)
        late.cancel()
        await asyncio.gather(early, late, return_exceptions=True)
        made.call("d")
        assert (await made.started(2))[-1] == "d"
