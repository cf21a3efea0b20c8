"""Room that is held for long and in large pieces, and that can be taken back.

What a rule for newcomers leaves free is not enough here: an upload of the largest size is a
quarter of a small room. So whoever asks for no more than an equal part gets it, if need be from
the client that holds the most: its youngest piece is revoked, with an answer to try again. That
makes the shares max-min fair. A client's only piece is left to it for a while, so that an upload
that makes progress ends before somebody else may have its place. Pure, with the clock passed in.
"""

from collections.abc import Callable
from typing import Final

from safelight_api.shares import ShareError, Shares

LEFT_ALONE_SECONDS: Final = 10.0
"""How long the only piece of a client is safe."""


class Hold:
    """A piece of room. Give it back with `close`, revoked or not.

    Args:
        room: which it is of.
        client: whose it is.
        since: when it was taken, in seconds.
        on_revoked: is called when it has to go.
    """

    def __init__(
        self, room: "Room", client: str, since: float, on_revoked: Callable[[], None]
    ) -> None:
        self._room = room
        self._on_revoked = on_revoked
        self.client = client
        self.since = since
        self.size = 0
        self.is_revoked = False

    def fit(self, size: int) -> None:
        """Hold as much as `size` at least.

        Raises:
            ShareError: there is no room for it, or it was revoked.
        """
        if self.is_revoked:
            raise ShareError(self._room.name, is_over=True)
        if size > self.size:
            self._room.grow(self, size - self.size)

    def settle(self, size: int) -> None:
        """Hold exactly `size`, which is no more than before, and be safe from now on.

        Raises:
            ShareError: it was revoked.
        """
        if self.is_revoked:
            raise ShareError(self._room.name, is_over=True)
        self._room.settle(self, size)

    def revoke(self) -> None:
        """Take it back."""
        self.is_revoked = True
        self.close()
        self._on_revoked()

    def close(self) -> None:
        """Give back what it holds; a second time does nothing."""
        self._room.close(self)


class Room:
    """What all pieces share.

    Args:
        shares: the bound, in bytes.
        clock: seconds that only go forward.
    """

    def __init__(self, shares: Shares, clock: Callable[[], float]) -> None:
        self._shares = shares
        self._clock = clock
        self._holds: dict[str, list[Hold]] = {}

    @property
    def held(self) -> int:
        """What all hold together, in bytes."""
        return self._shares.total

    @property
    def name(self) -> str:
        """Of the bound."""
        return self._shares.name

    def hold(self, client: str, size: int, on_revoked: Callable[[], None]) -> Hold:
        """Take a piece.

        Args:
            client: for whom.
            size: what is needed at least, in bytes.
            on_revoked: is called at most once, when it is taken back.

        Raises:
            ShareError: there is no room for it.
        """
        hold = Hold(self, client, self._clock(), on_revoked)
        self._holds.setdefault(client, []).append(hold)
        try:
            hold.fit(size)
        except ShareError:
            self.close(hold)
            raise
        return hold

    def grow(self, hold: Hold, amount: int) -> None:
        """Add to a piece; others are revoked where that is fair.

        Raises:
            ShareError: there is none.
        """
        while not self._take(hold.client, amount):
            victim = self._victim(hold, amount)
            if victim is None:
                raise self._shares.refusal(hold.client)
            self._shares.refusal(victim.client)
            victim.revoke()
        hold.size += amount

    def settle(self, hold: Hold, size: int) -> None:
        """Give back what a piece does not need, and never revoke it."""
        self._forget(hold)
        self._shrink(hold, size)

    def close(self, hold: Hold) -> None:
        """Give a piece back."""
        self._forget(hold)
        self._shrink(hold, 0)

    def _forget(self, hold: Hold) -> None:
        mine = self._holds.get(hold.client, [])
        if hold in mine:
            mine.remove(hold)
            if not mine:
                del self._holds[hold.client]

    def _shrink(self, hold: Hold, size: int) -> None:
        if hold.size > size:
            self._shares.give_back(hold.client, hold.size - size)
            hold.size = size

    def _take(self, client: str, amount: int) -> bool:
        return self._shares.take(client, amount) or (
            self._is_fair(client, amount) and self._shares.take_fairly(client, amount)
        )

    def _is_fair(self, client: str, amount: int) -> bool:
        """Say whether the client would hold an equal part at most."""
        return self._shares.held(client) + amount <= self._part(client)

    def _part(self, client: str) -> int:
        others = self._shares.clients - (self._shares.held(client) > 0)
        return self._shares.capacity // (1 + max(1, others))

    def _victim(self, hold: Hold, amount: int) -> Hold | None:
        """Return what has to go for a client that asks for its part; None: nothing has to."""
        if not self._is_fair(hold.client, amount):
            return None
        richest = max(
            (client for client in self._holds if client != hold.client),
            key=self._shares.held,
            default=None,
        )
        if richest is None or self._shares.held(richest) <= self._part(hold.client):
            return None
        youngest = next((each for each in reversed(self._holds[richest]) if each.size), None)
        if youngest is None:
            return None
        is_only = youngest.size == self._shares.held(richest)
        is_new = self._clock() - youngest.since < LEFT_ALONE_SECONDS
        return None if is_only and is_new else youngest
