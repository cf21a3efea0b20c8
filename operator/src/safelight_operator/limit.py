"""How many Jobs may be live: halved when the cluster refuses one, raised slowly as it takes them.

That is how TCP shares a line of unknown width (RFC 5681): back quickly, forth slowly. No clock and
no I/O: the time comes in as seconds of any steady clock.
"""

import math
from dataclasses import dataclass, field
from typing import Final

PROBE_SECONDS: Final = 15.0
"""From a refusal to the next try, unless the server has asked for another time."""
SHORTEST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 60.0
"""Bounds of that time, whatever the server asks for."""
RAISE_SECONDS: Final = 30.0
"""From a change of the number to the next step up."""


@dataclass(slots=True)
class Limit:
    """A number between 1 and `most`, and when the cluster may be asked again."""

    most: int
    now: int = field(init=False)
    """How many Jobs may be live."""
    is_open: bool = field(default=True, init=False)
    """Whether the cluster's last word was yes. If it was no, one Job at a time is tried."""
    opens: float = field(default=-math.inf, init=False)
    """Until then no Job is tried."""
    _refused: float = field(default=-math.inf, init=False)
    _changed: float = field(default=-math.inf, init=False)

    def __post_init__(self) -> None:
        self.now = self.most

    def refused(self, asked: float, now: float, retry_after: float | None) -> None:
        """Take a refusal; those of requests that were under way together count once.

        Args:
            asked: when the cluster was asked.
            now: seconds of the same clock.
            retry_after: seconds that the server asked for; None: it named none.
        """
        if asked >= self._refused:
            self.now = max(self.now // 2, 1)
            self._refused = self._changed = now
        self.is_open = False
        wait = PROBE_SECONDS if retry_after is None else max(retry_after, SHORTEST_SECONDS)
        self.opens = max(self.opens, now + min(wait, LONGEST_SECONDS))

    def accepted(self, asked: float, now: float) -> bool:
        """Take a success; return whether more is allowed than before.

        One that was asked for before the last refusal is older news than that, and no sign.
        """
        if asked < self._refused:
            return False
        was_open, self.is_open = self.is_open, True
        if self.now == self.most or now - self._changed < RAISE_SECONDS:
            return not was_open
        self.now += 1
        self._changed = now
        return True
