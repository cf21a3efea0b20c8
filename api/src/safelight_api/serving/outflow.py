"""Slow readers: what waits to be sent is bounded over all connections; decided without I/O.

An answer waits where its client takes it more slowly than it comes. While more than half of the
memory is taken, a client that holds more than an equal share does not begin another large answer,
and a reader below `LEAST_RATE` goes. Over the bound the client with most bytes loses the reader
that has gone longest without taking any.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from safelight_api.serving.places import Client

M = TypeVar("M", bound=Hashable)

LEAST_RATE: Final = 16 * 1024
"""Bytes in a second, on average, that a reader takes while memory is short."""
GRACE_SECONDS: Final = 5.0
"""Before a rate is told."""


@dataclass(slots=True)
class Stall:
    """An answer that waits for its client."""

    since: float
    moved_at: float
    waiting: int
    taken: int = 0


class Outflow(Generic[M]):
    """All answers that wait.

    Args:
        most: bytes that may wait.
        stall_seconds: for which a reader may take nothing.
    """

    def __init__(self, most: int, stall_seconds: float) -> None:
        self._most = most
        self._stall_seconds = stall_seconds
        self._stalls: dict[M, Stall] = {}
        self.waiting_bytes = 0

    @property
    def is_short(self) -> bool:
        """Whether half of the memory is taken."""
        return self.waiting_bytes > self._most // 2

    @property
    def is_over(self) -> bool:
        """Whether more waits than may."""
        return self.waiting_bytes > self._most

    def wait(self, reader: M, waiting: int, now: float) -> None:
        """Note how many bytes wait for a reader."""
        stall = self._stalls.get(reader)
        if stall is None:
            self._stalls[reader] = Stall(now, now, waiting)
            self.waiting_bytes += waiting
            return
        if waiting < stall.waiting:
            stall.moved_at = now
            stall.taken += stall.waiting - waiting
        self.waiting_bytes += waiting - stall.waiting
        stall.waiting = waiting

    def forget(self, reader: M) -> None:
        """Note that nothing waits for a reader any more."""
        stall = self._stalls.pop(reader, None)
        if stall is not None:
            self.waiting_bytes -= stall.waiting

    def may_begin(self, client: Client, client_of: Callable[[M], Client]) -> bool:
        """Say whether a client may begin a large answer: it holds no more than an equal share."""
        if not self.is_short:
            return True
        held = self._held(client_of)
        return held.get(client, 0) <= self._most // (2 * len(held.keys() | {client}))

    def first_to_go(self, client_of: Callable[[M], Client]) -> M | None:
        """Return the reader to close: of the client for which most waits, the most stalled one."""
        held = self._held(client_of)
        if not held:
            return None
        most = max(held, key=held.__getitem__)
        return min(
            (reader for reader in self._stalls if client_of(reader) == most),
            key=lambda reader: self._stalls[reader].moved_at,
        )

    def readers(self) -> list[M]:
        """Return the readers that something waits for."""
        return list(self._stalls)

    def overdue(self, now: float) -> list[M]:
        """Return who has taken nothing for too long, or too little while memory is short."""
        return [reader for reader, stall in self._stalls.items() if self._is_overdue(stall, now)]

    def _is_overdue(self, stall: Stall, now: float) -> bool:
        if now - stall.moved_at > self._stall_seconds:
            return True
        seconds = now - stall.since
        return self.is_short and seconds > GRACE_SECONDS and stall.taken < LEAST_RATE * seconds

    def _held(self, client_of: Callable[[M], Client]) -> dict[Client, int]:
        held: dict[Client, int] = {}
        for reader, stall in self._stalls.items():
            client = client_of(reader)
            held[client] = held.get(client, 0) + stall.waiting
        return held
