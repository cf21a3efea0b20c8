import asyncio
import logging
from contextlib import suppress

import pytest

from safelight_operator.queue import LONGEST_DELAY, KeyedQueue, RetryLaterError


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


class Work:
    """Notes what it is called with; fails as told; waits where told."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.errors: list[Exception] = []
        self.gate: asyncio.Event | None = None
        self.at_once = 0
        self.most_at_once = 0

    async def __call__(self, key: str) -> None:
        """Work on a key."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.gate is not None:
                await self.gate.wait()
            self.done.append(key)
            if self.errors:
                raise self.errors.pop(0)
        finally:
            self.at_once -= 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def queue(work: Work, clock: Clock) -> KeyedQueue:
    return KeyedQueue(work, workers=3, clock=clock, jitter=lambda: 1.0)


async def test_a_key_is_in_the_queue_once(queue: KeyedQueue, work: Work) -> None:
    for key in "aaba":
        queue.add(key)
    assert queue.depth == 2
    await queue.work_once()
    await queue.work_once()
    assert work.done == ["a", "b"]
    assert queue.depth == 0


async def test_a_key_that_is_added_while_it_is_worked_on_is_worked_on_again(
    queue: KeyedQueue,
    work: Work,
) -> None:
    work.gate = asyncio.Event()
    queue.add("a")
    first = asyncio.create_task(queue.work_once())
    await asyncio.sleep(0)
    queue.add("a")
    queue.add("a")
    assert queue.depth == 0
    work.gate.set()
    await first
    await queue.work_once()
    assert work.done == ["a", "a"]
    assert queue.depth == 0


async def test_no_key_is_worked_on_twice_at_the_same_time(queue: KeyedQueue, work: Work) -> None:
    work.gate = asyncio.Event()
    running = asyncio.create_task(queue.run())
    queue.add("a")
    await asyncio.sleep(0.01)
    queue.add("a")
    await asyncio.sleep(0.01)
    assert work.at_once == 1
    work.gate.set()
    await asyncio.sleep(0.01)
    assert work.done == ["a", "a"]
    await stop(running)


async def test_the_number_of_workers_is_bounded(queue: KeyedQueue, work: Work) -> None:
    work.gate = asyncio.Event()
    running = asyncio.create_task(queue.run())
    for key in "abcdefgh":
        queue.add(key)
    await asyncio.sleep(0.01)
    assert (work.at_once, queue.depth) == (3, 5)
    work.gate.set()
    await asyncio.sleep(0.01)
    assert sorted(work.done) == list("abcdefgh")
    assert work.most_at_once == 3
    await stop(running)


async def test_failures_come_back_later_and_later(queue: KeyedQueue) -> None:
    delays = [queue.delay_after(failures) for failures in range(1, 11)]
    assert delays == [0.25, 0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert queue.delay_after(10_000) == LONGEST_DELAY


async def test_jitter_shortens_a_delay_by_a_quarter_at_most(work: Work, clock: Clock) -> None:
    queue = KeyedQueue(work, workers=1, clock=clock, jitter=lambda: 0.0)
    assert queue.delay_after(1) == 0.25 * 0.75


async def test_a_failed_key_waits_and_a_good_one_forgets(
    queue: KeyedQueue,
    work: Work,
    clock: Clock,
) -> None:
    work.errors = [RetryLaterError("busy"), RetryLaterError("busy")]
    queue.add("a")
    await queue.work_once()
    assert (queue.depth, queue.retries) == (0, 1)
    assert queue.release_due() == 0.25
    clock.now += 0.25
    queue.release_due()
    await queue.work_once()
    assert queue.release_due() == 0.5
    clock.now += 0.5
    queue.release_due()
    await queue.work_once()
    assert queue.retries == 0
    assert queue.release_due() is None


async def test_the_other_side_may_ask_for_more_time(
    queue: KeyedQueue,
    work: Work,
) -> None:
    work.errors = [RetryLaterError("busy", retry_after=7)]
    queue.add("a")
    await queue.work_once()
    assert queue.release_due() == 7


async def test_but_not_for_more_than_a_minute(queue: KeyedQueue, work: Work) -> None:
    work.errors = [RetryLaterError("busy", retry_after=3600)]
    queue.add("a")
    await queue.work_once()
    assert queue.release_due() == LONGEST_DELAY


async def test_an_unexpected_error_is_logged_with_its_key_and_disturbs_no_other(
    queue: KeyedQueue,
    work: Work,
    caplog: pytest.LogCaptureFixture,
) -> None:
    work.errors = [KeyError("poison")]
    queue.add("a")
    queue.add("b")
    await queue.work_once()
    await queue.work_once()
    assert work.done == ["a", "b"]
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.__dict__["id"] == "a"
    assert queue.release_due() == 0.25


async def test_the_earliest_of_several_delays_counts(queue: KeyedQueue, clock: Clock) -> None:
    queue.add_later("a", 10)
    queue.add_later("a", 5)
    queue.add_later("a", 20)
    assert queue.release_due() == 5
    clock.now += 5
    assert queue.release_due() is None
    assert queue.depth == 1


async def test_an_immediate_add_makes_a_delayed_one_needless(
    queue: KeyedQueue,
    work: Work,
    clock: Clock,
) -> None:
    queue.add_later("a", 5)
    queue.add("a")
    await queue.work_once()
    clock.now += 5
    queue.release_due()
    assert queue.depth == 0
    assert work.done == ["a"]


async def test_delays_run_on_the_loops_own_clock(work: Work) -> None:
    queue = KeyedQueue(work, workers=1)
    running = asyncio.create_task(queue.run())
    queue.add_later("late", 0.03)
    queue.add_later("early", 0.01)
    await asyncio.sleep(0.06)
    assert work.done == ["early", "late"]
    await stop(running)


@pytest.mark.parametrize("ticks", range(5))
async def test_it_ends_when_cancelled_at_whatever_moment(work: Work, ticks: int) -> None:
    """Python 3.11's `wait_for` swallows a cancellation that meets its end: a hang at SIGTERM."""
    queue = KeyedQueue(work, workers=1)
    queue.add_later("b", 120)
    running = asyncio.create_task(queue.run())
    await asyncio.sleep(0.01)
    queue.add_later("a", 60)
    for _ in range(ticks):
        await asyncio.sleep(0)
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=0.5)
    assert done == {running}


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_is_under_way_ends_and_nothing_more_begins(
    queue: KeyedQueue, work: Work
) -> None:
    work.gate = asyncio.Event()
    running = asyncio.create_task(queue.run())
    for key in "abcd":
        queue.add(key)
    await asyncio.sleep(0.01)
    draining = asyncio.create_task(queue.drain(5))
    await asyncio.sleep(0.01)
    assert not draining.done()
    work.gate.set()
    await asyncio.wait_for(draining, 1)
    queue.add("e")
    await asyncio.sleep(0.01)
    assert sorted(work.done) == ["a", "b", "c"]
    await stop(running)


async def test_what_does_not_end_is_not_awaited_for_ever(queue: KeyedQueue, work: Work) -> None:
    work.gate = asyncio.Event()
    running = asyncio.create_task(queue.run())
    queue.add("a")
    await asyncio.sleep(0.01)
    await asyncio.wait_for(queue.drain(0.05), 1)
    assert work.done == []
    await stop(running)


async def test_it_stands_still_while_no_work_ends(
    queue: KeyedQueue, work: Work, clock: Clock
) -> None:
    clock.now += 100
    assert queue.standstill == 0
    queue.add("a")
    clock.now += 10
    queue.add("b")
    assert queue.standstill == 10
    await queue.work_once()
    assert queue.standstill == 0
    work.errors.append(RetryLaterError("not now"))
    clock.now += 5
    await queue.work_once()
    assert queue.standstill == 0
