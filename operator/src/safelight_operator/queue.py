"""One keyed queue: an id is in it once, and no id is worked on twice at the same time.

A key that is added while it is worked on is worked on again afterwards. A key whose work fails
comes back after a delay that grows from failure to failure and has some jitter.
"""

import asyncio
import heapq
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

LONGEST_DELAY: Final = 60.0
"""Seconds: no failing key waits longer."""
FIRST_DELAY: Final = 0.25
"""Seconds before the first repetition of a failed key."""
WORK_SECONDS: Final = 120.0
"""Work on one key that takes longer is given up and tried again later: it must not hold a worker.

Every request of it has a time limit of its own, so this is for what nobody has thought of.
"""

_log = logging.getLogger(__name__)


class RetryLaterError(Exception):
    """The work could not be done now; the reason is known and needs no traceback.

    Args:
        reason: for the log.
        retry_after: seconds that the other side asked for.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class KeyedQueue:
    """Calls `work(key)` for every key that was added, a bounded number at a time.

    Everything runs on one event loop; `clock` counts seconds as that loop does.
    """

    def __init__(
        self,
        work: Callable[[str], Awaitable[None]],
        *,
        workers: int,
        clock: Callable[[], float] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._work = work
        self._workers = workers
        self._clock = clock or asyncio.get_running_loop().time
        self._jitter = jitter
        self._ready: asyncio.Queue[str] = asyncio.Queue()
        self._queued: set[str] = set()
        self._busy: set[str] = set()
        self._ended = asyncio.Event()
        self._draining = False
        self._moved = 0.0
        self._again: set[str] = set()
        self._failures: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self._timers: list[tuple[float, str]] = []
        self._wake_timer = asyncio.Event()

    def now(self) -> float:
        """Return the seconds of the queue's clock."""
        return self._clock()

    @property
    def depth(self) -> int:
        """How many keys wait to be worked on now."""
        return self._ready.qsize()

    @property
    def retries(self) -> int:
        """How many keys have failed at their last try."""
        return len(self._failures)

    @property
    def standstill(self) -> float:
        """Seconds since any work last came to an end by itself; 0 while there is no work."""
        return self._clock() - self._moved if self._queued or self._busy else 0.0

    def add(self, key: str) -> None:
        """Put a key into the queue, at once."""
        if not self._queued and not self._busy:
            self._moved = self._clock()
        self._due.pop(key, None)
        if key in self._busy:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.put_nowait(key)

    def add_later(self, key: str, delay: float) -> None:
        """Put a key into the queue after a delay in seconds; the earliest of several counts."""
        due = self._clock() + delay
        if due >= self._due.get(key, float("inf")):
            return
        self._due[key] = due
        heapq.heappush(self._timers, (due, key))
        self._wake_timer.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run_timer())
            for _ in range(self._workers):
                group.create_task(self._run_worker())

    async def drain(self, seconds: float) -> None:
        """Begin no more work, and wait that long at most for what is under way."""
        self._draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._busy:
                    self._ended.clear()
                    await self._ended.wait()

    def release_due(self) -> float | None:
        """Move the keys whose delay is over; return the seconds until the next one."""
        now = self._clock()
        while self._timers:
            due, key = self._timers[0]
            if self._due.get(key) != due:
                heapq.heappop(self._timers)
            elif due <= now:
                heapq.heappop(self._timers)
                self.add(key)
            else:
                return due - now
        return None

    def delay_after(self, failures: int) -> float:
        """Return the seconds to wait after that many failures in a row."""
        longest = min(FIRST_DELAY * 2.0 ** min(failures - 1, 16), LONGEST_DELAY)
        return longest * (0.75 + self._jitter() / 4)

    async def work_once(self) -> None:
        """Work on the next key, once there is one."""
        key = await self._ready.get()
        if self._draining:
            return
        self._queued.discard(key)
        self._busy.add(key)
        has_ended = True
        try:
            async with asyncio.timeout(WORK_SECONDS):
                await self._work(key)
        except TimeoutError:
            has_ended = False
            delay = self._failed(key, None)
            _log.error("Given up; trying again later", extra={"id": key, "in": delay})
        except RetryLaterError as error:
            delay = self._failed(key, error.retry_after)
            _log.warning("Trying again later", extra={"id": key, "why": str(error), "in": delay})
        except Exception:  # noqa: BLE001 - one key's fault must not end the work on the others
            delay = self._failed(key, None)
            _log.exception("Unexpected; trying again later", extra={"id": key, "in": delay})
        else:
            self._failures.pop(key, None)
        finally:
            if has_ended:
                self._moved = self._clock()
            self._busy.discard(key)
            self._ended.set()
            if key in self._again:
                self._again.discard(key)
                self.add(key)

    def _failed(self, key: str, retry_after: float | None) -> float:
        self._failures[key] = self._failures.get(key, 0) + 1
        delay = max(self.delay_after(self._failures[key]), min(retry_after or 0, LONGEST_DELAY))
        self.add_later(key, delay)
        return round(delay, 3)

    async def _run_worker(self) -> None:
        while not self._draining:
            await self.work_once()

    async def _run_timer(self) -> None:
        while True:
            self._wake_timer.clear()
            wait = self.release_due()
            # Not `wait_for`: on Python 3.11 it can swallow a cancellation, and this never ended.
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake_timer.wait()
