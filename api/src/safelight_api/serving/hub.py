"""What all connections hold together, its bounds, and who goes when one is reached.

Counts are kept where something changes, so that a bound holds at any moment; what is due at a time
is found by `sweep`, every `SWEEP_SECONDS`, so that no request starts a timer of its own.
"""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Protocol

from safelight_api.serving.outflow import Outflow
from safelight_api.serving.places import Client, Places
from safelight_api.shares import Shares

MIB: Final = 1024 * 1024
SWEEP_SECONDS: Final = 0.25
ROOM_SECONDS: Final = 10.0
"""How long a large answer waits for memory before its client is told to try again."""
READ_BYTES: Final = 64 * 1024
"""At once, of a body."""
READ_HEAD_BYTES: Final = 16 * 1024
"""At once, where a head is awaited: as much may be pipelined behind it."""
READ_SHORT_BYTES: Final = 4 * 1024
"""At once, of a body while memory for bodies is short."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds over all connections together, then those of one; bytes and seconds."""

    connections: int = 1024
    head_bytes: int = 16 * MIB
    """Unfinished heads, pipelined requests, and large heads of requests being answered."""
    body_bytes: int = 32 * MIB
    """Bodies that have arrived and that nobody has read yet."""
    answer_bytes: int = 64 * MIB
    """Answers that clients do not take as fast as they come."""
    head_seconds: float = 10.0
    """For a head from its first byte on, for a chunk's line, for trailers."""
    keep_alive_seconds: float = 75.0
    """Longer than most proxies in front keep a connection (60 s), so that they close first."""
    linger_seconds: float = 5.0
    linger_bytes: int = 32 * MIB
    """Of a body that is dropped; more than the largest upload."""
    garbage_bytes: int = 4 * MIB
    """Of what is dropped after something that is no request."""
    stall_seconds: float = 30.0
    """Without a byte of an answer taken."""


class Member(Hashable, Protocol):
    """A connection, as the hub sees it."""

    held_bytes: int

    @property
    def is_deaf(self) -> bool:
        """Whether it is we who do not read."""

    @property
    def waiting_bytes(self) -> int:
        """Bytes of answers that its client has not taken."""

    def evict(self, reason: str) -> None:
        """Close it at once."""

    def close_idle(self) -> None:
        """Close it; nothing is on its way."""

    def drop_queue(self) -> None:
        """Drop what is pipelined behind the request that is being answered."""


class Hub:
    """All connections of one process.

    Args:
        limits: what they may hold.
        on_closed: is told the reason of each connection that is closed against its client's will.
    """

    def __init__(self, limits: Limits, on_closed: Callable[[str], None] = lambda _: None) -> None:
        self.limits = limits
        self.on_closed = on_closed
        self.on_room: Callable[[], None] = lambda: None
        """Is called when a place may have become free."""
        self.answer_room = asyncio.Event()
        """Is set when an answer that waited has moved on."""
        self.places: Places[Member] = Places(limits.connections)
        self.outflow: Outflow[Member] = Outflow(limits.answer_bytes, limits.stall_seconds)
        self.framing: dict[Member, float] = {}
        """Since when a chunk's line or trailers are awaited."""
        self.large_heads = Shares("heads", limits.head_bytes // 2)
        """Large heads of requests being answered: half is left for those that have not ended."""
        self.head_bytes = 0
        self.body_bytes = 0
        self.is_leaving = False
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._head_buffer = self._buffer[:READ_HEAD_BYTES]
        self._short_buffer = self._buffer[:READ_SHORT_BYTES]

    def buffer(self, *, is_body: bool) -> memoryview:
        """Return where the next bytes of any connection go; they are taken out at once."""
        if not is_body:
            return self._head_buffer
        if self.is_body_short:
            return self._short_buffer
        return self._buffer

    def arrived(self, size: int) -> memoryview:
        """Return the bytes that have just been read; what is to be kept of them is copied."""
        return self._buffer[:size]

    @property
    def is_body_short(self) -> bool:
        """Whether only those may read on whose application has taken all that was there."""
        return self.body_bytes > self.limits.body_bytes

    def count_head(self, member: Member, held: int) -> None:
        """Note how much a connection holds; less than before, so that there is room."""
        self.head_bytes += held - member.held_bytes
        member.held_bytes = held

    def hold_head(self, member: Member, held: int) -> None:
        """Note how much a connection holds that is no request yet; make room if it is too much."""
        self.count_head(member, held)
        if self.head_bytes > self.limits.head_bytes:
            self._make_head_room()

    def leave(self, member: Member) -> None:
        """Forget a connection."""
        self.head_bytes -= member.held_bytes
        member.held_bytes = 0
        self.framing.pop(member, None)
        self.flow_on(member)
        if member in self.places:
            self.places.leave(member)
            self.on_room()

    def make_room(self, now: float) -> bool:
        """Have connections go until a new one finds a place; False: none can go."""
        while self.places.are_taken:
            member = self.places.first_to_go(now)
            if member is None:
                return False
            member.evict("place")
        return True

    def stall(self, member: Member, now: float) -> None:
        """Note that answers wait for a client; have the slowest go if too much waits."""
        self.outflow.wait(member, member.waiting_bytes, now)
        while self.outflow.is_over:
            slowest = self.outflow.first_to_go(self.places.client_of)
            if slowest is None:
                return
            slowest.evict("slow_reader")

    def flow_on(self, member: Member) -> None:
        """Note that nothing waits for a client any more."""
        self.outflow.forget(member)
        self.answer_room.set()

    async def wait_for_answer_room(self, client: Client) -> bool:
        """Wait until a client may begin a large answer; False: not for `ROOM_SECONDS`."""
        if self.outflow.may_begin(client, self.places.client_of):
            return True
        try:
            async with asyncio.timeout(ROOM_SECONDS):
                while not self.outflow.may_begin(client, self.places.client_of):
                    self.answer_room.clear()
                    await self.answer_room.wait()
        except TimeoutError:
            return False
        return True

    def sweep(self, now: float) -> None:
        """Close what is overdue."""
        limits, places = self.limits, self.places
        for member in _due(places.unfinished, now - limits.head_seconds):
            member.evict("head_time")
        for member in _due(self.framing, now - limits.head_seconds):
            if member.is_deaf:
                del self.framing[member]
                self.framing[member] = now
            else:
                member.evict("head_time")
        for member in _due(places.dropping, now - limits.linger_seconds):
            member.close_idle()
        for member in _due(places.idle, now - limits.keep_alive_seconds):
            member.close_idle()
        for member in self.outflow.readers():
            self.outflow.wait(member, member.waiting_bytes, now)
        for member in self.outflow.overdue(now):
            member.evict("slow_reader")
        self.answer_room.set()
        self.on_room()

    def _make_head_room(self) -> None:
        """Have go what is pipelined, the most first; then unfinished heads, the oldest first."""
        places = self.places
        # Whoever is idle and holds something has pipelined, and does not read the answers.
        for member in [*places.idle]:
            if self.head_bytes <= self.limits.head_bytes:
                return
            if member.held_bytes:
                member.evict("head_bytes")
        for member in sorted(places.busy, key=lambda one: one.held_bytes, reverse=True):
            if self.head_bytes <= self.limits.head_bytes or not member.held_bytes:
                break
            member.drop_queue()
        for member in [*places.unfinished, *self.framing]:
            if self.head_bytes <= self.limits.head_bytes:
                return
            if member.held_bytes:
                member.evict("head_bytes")


def _due(since: dict[Member, float], limit: float) -> list[Member]:
    """Return those that began before a time; the dictionary is in the order of their times."""
    due = []
    for member, began in since.items():
        if began > limit:
            break
        due.append(member)
    return due
