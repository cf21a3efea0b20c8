"""Who gets how much of a bound that all share. Pure: no I/O, no clock, no web framework.

The rule is that of buffers in switches (Choudhury and Hahne, "Dynamic queue length thresholds for
shared-memory packet switches", 1998): a client may go on taking as long as it holds less than
`ALPHA` times what is free. Alone it gets three quarters; `n` clients that all take what they can
get an equal part each, and one part of `1 + ALPHA * n` stays free for whoever comes next. So nobody
has to know who will come, and what one client does never takes what another one needs.
"""

from collections.abc import Callable
from typing import Final

ALPHA: Final = 3


class ShareError(Exception):
    """Refused, because of what clients hold already.

    Args:
        is_over: the client holds its share; else the others hold all.
    """

    def __init__(self, name: str, *, is_over: bool) -> None:
        super().__init__(f"{name}: {'more than its share' if is_over else 'nothing is left'}")
        self.is_over = is_over


def may_take(held: int, free: int, amount: int = 1) -> bool:
    """Say whether a client may take more.

    Each unit is taken as if alone, so one place of two can be taken by a client that has the other.

    Args:
        held: what the client holds.
        free: what nobody holds.
        amount: what it asks for; of this the first of a newcomer may be all that is free.
    """
    if amount > free:
        return False
    return not held or held + amount - 1 < ALPHA * (free - amount + 1)


class Shares:
    """A bound, and what each client holds of it.

    Args:
        name: of the bound, for the metric.
        capacity: what all may hold together, in any unit.
        on_refused: is told the bound's name when somebody is refused.
    """

    def __init__(
        self, name: str, capacity: int, on_refused: Callable[[str], None] = lambda _name: None
    ) -> None:
        self.name = name
        self.capacity = capacity
        self.total = 0
        """What all hold together."""
        self._on_refused = on_refused
        self._held: dict[str, int] = {}

    @property
    def clients(self) -> int:
        """How many clients hold something."""
        return len(self._held)

    def held(self, client: str) -> int:
        """Return what a client holds."""
        return self._held.get(client, 0)

    def take(self, client: str, amount: int = 1) -> bool:
        """Take, if the client may; False: it may not."""
        held = self._held.get(client, 0)
        if not may_take(held, self.capacity - self.total, amount):
            return False
        self._held[client] = held + amount
        self.total += amount
        return True

    def take_fairly(self, client: str, amount: int) -> bool:
        """Take what is free, whatever the client holds; False: not as much is free.

        For whoever has made sure that it is the client's fair part.
        """
        if amount > self.capacity - self.total:
            return False
        self._held[client] = self.held(client) + amount
        self.total += amount
        return True

    def give_back(self, client: str, amount: int = 1) -> None:
        """Give back what was taken."""
        left = self._held[client] - amount
        if left:
            self._held[client] = left
        else:
            del self._held[client]
        self.total -= amount

    def refusal(self, client: str) -> ShareError:
        """Count a refusal; return what to raise.

        Whoever holds something while there is still something free, or holds as much as an equal
        part, is over its share.
        """
        self._on_refused(self.name)
        held = self.held(client)
        is_over = held > 0 and (
            self.total < self.capacity or held * max(2, self.clients) >= self.capacity
        )
        return ShareError(self.name, is_over=is_over)
