"""A bound of what runs at a time, where waiting is right: threads, and calls to other services.

Places are given by the rule of `shares`. Whoever gets none waits behind its own client's calls; of
the clients that wait and may have a place, each gets one in turn. Lines are bounded, in length and
in time, so a client that asks for more than it can get is refused, and no other is for it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from safelight_api import caller
from safelight_api.shares import Shares

MAX_WAITING: Final = 512
"""Calls of one client that wait for one gate."""


class Gate:
    """Lets so many pass at a time.

    Args:
        shares: of the places.
        seconds: how long a call may wait.
        most_waiting: calls of one client that wait.
    """

    def __init__(self, shares: Shares, *, seconds: float, most_waiting: int = MAX_WAITING) -> None:
        self._shares = shares
        self._seconds = seconds
        self._most_waiting = most_waiting
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}
        """Of the clients that wait, in the order of their turns."""

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place for as long as the block lasts, for the client that asks.

        Raises:
            ShareError: too many wait, or for too long.
        """
        client = caller.current()
        if client in self._lines or not self._shares.take(client):
            await self._wait(client)
        try:
            yield
        finally:
            self._give_back(client)

    async def _wait(self, client: str) -> None:
        line = self._lines.get(client, ())
        if len(line) >= self._most_waiting:
            raise self._shares.refusal(client)
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(client, deque()).append(turn)
        try:
            async with asyncio.timeout(self._seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # The place came in the very moment in which the wait ended.
                self._give_back(client)
            else:
                # No turn any more: a task that is cancelled cancels what it awaits, but runs later.
                turn.cancel()
                self._forget(client, turn)
            if isinstance(error, TimeoutError):
                raise self._shares.refusal(client) from None
            raise

    def _forget(self, client: str, turn: asyncio.Future[None]) -> None:
        line = self._lines.get(client, deque())
        if turn in line:
            line.remove(turn)
            if not line:
                del self._lines[client]

    def _give_back(self, client: str) -> None:
        self._shares.give_back(client)
        while self._next():
            pass

    def _next(self) -> bool:
        """Give a place to the first client in turn that may have one; False: to none."""
        for client, line in self._lines.items():
            while line and line[0].done():
                line.popleft()
            if not line:
                del self._lines[client]
                return True
            if self._shares.take(client):
                del self._lines[client]
                line.popleft().set_result(None)
                if line:
                    self._lines[client] = line
                return True
        return False
