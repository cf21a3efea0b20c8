"""Fair shares of the event loop's time among the clients whose requests run.

Start-time fair queueing (Goyal, Vin, Cheng, 1996), of CPU time: each step of a request, from one
suspension to the next, is measured and charged to its client. While several clients have requests
under way, one that is a slice ahead of the others waits until all callbacks that were ready have
run, and those who wait go in the order of what they have had. A client that asks for little never
waits; one that is alone never does either. A step itself is never interrupted.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, TypeVar

SLICE_SECONDS: Final = 0.002
"""Of CPU time: how far a client may be ahead, and about what one turn brings."""
_SHORTEST_STEP: Final = 1e-5
_WEIGHT: Final = 0.1
"""Of the newest step in the mean."""

Result = TypeVar("Result")


class _Share:
    """What one client has had."""

    __slots__ = ("finish", "live", "mean", "waiting")

    def __init__(self, finish: float) -> None:
        self.finish = finish
        """In virtual time, seconds: up to where it has been served."""
        self.live = 0
        """Requests under way."""
        self.mean = _SHORTEST_STEP
        """Of its steps, seconds."""
        self.waiting: deque[asyncio.Future[None]] = deque()


class Turns:
    """Whose turn it is; one for each event loop.

    Args:
        slice_seconds: how far a client may be ahead of the others.
        clock: seconds, as `time.perf_counter`.
    """

    __slots__ = ("_is_due", "_live", "_queued", "_shares", "_slice", "_virtual", "clock")

    def __init__(
        self,
        slice_seconds: float = SLICE_SECONDS,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._slice = slice_seconds
        self.clock = clock
        self._virtual = 0.0
        self._shares: dict[str, _Share] = {}
        self._queued: dict[_Share, None] = {}
        self._live = 0
        self._is_due = False

    @property
    def waiting(self) -> int:
        """Steps that wait for their client's turn."""
        return sum(len(share.waiting) for share in self._queued)

    def metered(
        self, inner: Coroutine[Any, Any, Result], client: Callable[[], str]
    ) -> "Metered[Result]":
        """Return what runs a request in its client's turns; make a task of it at once.

        Args:
            inner: handles the request.
            client: tells whose it is, by what is known so far. It is asked at once and after each
                step: one whose client is found out on the way is charged to that one.
        """
        return Metered(self, inner, client)

    def join(self, name: str) -> _Share:
        """Return a client's share, with one more request."""
        share = self._shares.get(name)
        if share is None:
            share = self._shares[name] = _Share(self._virtual)
        if not share.live:
            self._live += 1
        share.live += 1
        return share

    def leave(self, name: str, share: _Share) -> None:
        """Take a request off a share; what is ahead is remembered until the others are there."""
        share.live -= 1
        if not share.live:
            self._live -= 1
            if share.finish <= self._virtual:
                del self._shares[name]

    def is_ahead(self, share: _Share) -> bool:
        """Whether the next step of a client has to wait."""
        return self._live > 1 and (
            bool(share.waiting) or share.finish - self._virtual >= self._slice
        )

    def wait(self, share: _Share) -> asyncio.Future[None]:
        """Return what is done when it is this client's turn."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        share.waiting.append(turn)
        self._queued[share] = None
        self._call(loop)
        return turn

    def charge(self, share: _Share, seconds: float) -> None:
        """Count a step."""
        share.finish = max(share.finish, self._virtual) + seconds
        share.mean += (seconds - share.mean) * _WEIGHT
        if self._live <= 1:
            self._virtual = share.finish

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self._give, loop)

    def _give(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the client go on that has had the least; the steps run before the next call."""
        self._is_due = False
        share = min(self._queued, key=lambda queued: queued.finish)
        self._virtual = max(self._virtual, share.finish)
        steps = max(1, int(self._slice / max(share.mean, _SHORTEST_STEP)))
        while share.waiting and steps:
            turn = share.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                steps -= 1
        if not share.waiting:
            del self._queued[share]
        if self._queued:
            self._call(loop)


class Metered(Coroutine[Any, Any, Result]):
    """A coroutine whose steps are run in turns."""

    __slots__ = ("_client", "_inner", "_name", "_share", "_steps", "_turns")

    def __init__(
        self, turns: Turns, inner: Coroutine[Any, Any, Result], client: Callable[[], str]
    ) -> None:
        self._turns = turns
        self._inner = inner
        self._client = client
        self._name = client()
        self._share = turns.join(self._name)
        self._steps = self._run()
        next(self._steps)  # so that it leaves, even if it is cancelled before it has begun

    def __await__(self) -> Generator[Any, Any, Result]:
        return self._steps

    def send(self, value: Any) -> Any:  # noqa: ANN401 - as a coroutine has it
        """Run the next step."""
        return self._steps.send(value)

    def throw(self, *error: Any) -> Any:  # noqa: ANN401 - as a coroutine has it
        """Raise an exception where it is suspended."""
        return self._steps.throw(*error)

    def close(self) -> None:
        """End it."""
        self._steps.close()

    def _identify(self) -> None:
        name = self._client()
        if name != self._name:
            self._turns.leave(self._name, self._share)
            self._name = name
            self._share = self._turns.join(name)

    def _run(self) -> Generator[Any, Any, Result]:
        turns, inner, clock = self._turns, self._inner, self._turns.clock
        awaited: Any = None
        error: BaseException | None = None
        try:
            while True:
                try:
                    yield awaited
                    if turns.is_ahead(self._share):
                        yield from turns.wait(self._share)
                except BaseException as thrown:  # noqa: BLE001 - it is for the inner coroutine
                    error = thrown
                start = clock()
                try:
                    awaited = inner.send(None) if error is None else inner.throw(error)
                finally:
                    seconds = clock() - start
                    error = None  # whose traceback holds this frame
                    self._identify()
                    turns.charge(self._share, seconds)
        except StopIteration as ended:
            return ended.value  # type: ignore[no-any-return]  # the inner coroutine's result
        finally:
            turns.leave(self._name, self._share)
