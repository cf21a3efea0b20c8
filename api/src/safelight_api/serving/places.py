"""Who goes when a new connection finds no place: a decision without I/O, with the clock passed in.

Every connection holds a place, charged to the client whose token its last request bore; all that
bore none are one client. At the bound the first that can go makes room, in this order:

1. the oldest connection that has not finished a head. One that is younger than `SPARED_SECONDS` is
   spared where somebody of 2 or 3 can go: it may be the good client's, just connected;
2. the one that has been read and dropped for longest, its answer being sent;
3. the one that has been idle for longest, of the clients that hold more than an equal share first;
4. of those clients, the request that has taken longest, and longer than `BUSY_SECONDS`.

No client holds more than three quarters: beyond that its own connections make room, so a flood by
one finds the last quarter for others.
"""

import math
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

Client = str | None
"""The name of a token; None: no token."""
C = TypeVar("C", bound=Hashable)

SPARED_SECONDS: Final = 1.0
BUSY_SECONDS: Final = 5.0
"""A request that takes no longer is never ended for a newcomer."""


class Places(Generic[C]):
    """All places, and what each connection does with its own.

    Every time is in seconds of one clock that only goes forward, and no call has an earlier one
    than the call before: the first of each dictionary is then the oldest.

    Args:
        most: how many there are.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.most_of_one = most - max(1, most // 4)
        self.unfinished: dict[C, float] = {}
        """Since when a head is awaited, from the connection's or from its own first byte on."""
        self.dropping: dict[C, float] = {}
        """Since when what arrives is dropped."""
        self.idle: dict[C, float] = {}
        """Since when the last answer is complete."""
        self.busy: dict[C, float] = {}
        """Since when a request is answered."""
        self._states: dict[C, dict[C, float]] = {}
        self._clients: dict[C, Client] = {}
        self._held: dict[Client, int] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def __contains__(self, connection: C) -> bool:
        return connection in self._clients

    def held(self, client: Client) -> int:
        """Return how many places a client holds."""
        return self._held.get(client, 0)

    def client_of(self, connection: C) -> Client:
        """Return to whom a connection's place is charged."""
        return self._clients.get(connection)

    def enter(self, connection: C, now: float) -> None:
        """Give a place to a new connection; it is of no client yet."""
        self._clients[connection] = None
        self._held[None] = self._held.get(None, 0) + 1
        self.unfinished[connection] = now
        self._states[connection] = self.unfinished

    def leave(self, connection: C) -> None:
        """Take the place back; again does nothing."""
        if connection not in self._clients:
            return
        self._discharge(self._clients.pop(connection))
        del self._states.pop(connection)[connection]

    def begin_head(self, connection: C, now: float) -> None:
        """Note that bytes of a further head are there."""
        if connection not in self.unfinished:
            self._move(connection, self.unfinished, now)

    def begin_answer(self, connection: C, now: float) -> None:
        """Note that a head is complete."""
        self._move(connection, self.busy, now)

    def rest(self, connection: C, now: float) -> None:
        """Note that an answer is complete, and that nothing of a next request is there."""
        self._move(connection, self.idle, now)

    def drop(self, connection: C, now: float) -> None:
        """Note that what arrives is read for the client's sake alone, from now on."""
        self._move(connection, self.dropping, now)

    def charge(self, connection: C, client: Client, now: float) -> C | None:
        """Charge a place to the client that a request has named.

        Returns:
            The connection of this client that has to go, if it holds too many: the given one itself
            if no other can go.
        """
        known = self._clients.get(connection, client)
        if known == client or connection not in self._clients:
            return None
        self._discharge(known)
        self._clients[connection] = client
        self._held[client] = self._held.get(client, 0) + 1
        if self._held[client] <= self.most_of_one:
            return None
        return self._first(now, {client}) or connection

    @property
    def are_taken(self) -> bool:
        """Whether a new connection has to wait until another has gone."""
        return len(self._clients) >= self.most or self.held(None) >= self.most_of_one

    def first_to_go(self, now: float) -> C | None:
        """Return who makes room for a new connection; None: nobody can."""
        if len(self._clients) >= self.most:
            return self._first(now, set(self._held))
        return self._first(now, {None})

    def _move(self, connection: C, state: dict[C, float], now: float) -> None:
        before = self._states.get(connection)
        if before is not None:
            del before[connection]
            state[connection] = now
            self._states[connection] = state

    def _first(self, now: float, clients: set[Client]) -> C | None:
        young = self._oldest(self.unfinished, clients)
        if young is not None and now - self.unfinished[young] >= SPARED_SECONDS:
            return young
        crowd = self._crowd(clients)
        for state, whose in ((self.dropping, clients), (self.idle, crowd), (self.idle, clients)):
            calm = self._oldest(state, whose)
            if calm is not None:
                return calm
        if young is not None:
            return young
        longest = self._oldest(self.busy, crowd if len(clients) > 1 else clients & {None})
        if longest is not None and now - self.busy[longest] >= BUSY_SECONDS:
            return longest
        return None

    def _crowd(self, clients: set[Client]) -> set[Client]:
        """Return those of the clients that hold more than an equal share, one for the newcomer."""
        share = math.ceil(self.most / (len(self._held) + 1))
        return {client for client in clients if self._held.get(client, 0) > share}

    def _oldest(self, state: dict[C, float], clients: set[Client]) -> C | None:
        if not clients:
            return None
        known = self._clients
        return next((one for one in state if known[one] in clients), None)

    def _discharge(self, client: Client) -> None:
        left = self._held[client] - 1
        if left:
            self._held[client] = left
        else:
            del self._held[client]
