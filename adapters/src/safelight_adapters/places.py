"""Who has a place at a server, and who has to leave when all are taken. No I/O; times are given."""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from safelight_adapters.bounds import Bounds

GRACE_SECONDS: Final = 1.0
"""A connection that has just come, or has just got on, leaves after all that have not.

Otherwise a crowd of newcomers would push out each other, and every good client with them, while
those sit on that have sent one request and then nothing.
"""


class Stage(IntEnum):
    """What a connection is at; those of a lower stage leave first."""

    HEAD = 0
    """No request has come in full, or the last answer was given and the rest is dropped."""
    IDLE = 1
    BODY = 2
    ANSWER = 3
    """The answer goes to a client that may not read it."""
    WORK = 4
    """A handler is at work: its connection never has to leave."""


@dataclass(slots=True, eq=False)
class Place:
    """One place: whose connection it is, and what it is at since when (seconds of any clock)."""

    source: Hashable
    since: float
    stage: Stage = Stage.HEAD

    def enter(self, stage: Stage, now: float) -> None:
        """Note that the connection got on."""
        self.stage, self.since = stage, now


class Places:
    """The places of one server."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._taken: dict[Place, None] = {}

    def __len__(self) -> int:
        return len(self._taken)

    def take(self, source: Hashable, now: float) -> tuple[Place | None, Place | None]:
        """Give a place to a newcomer.

        A source gets what the others leave: at the bound a place is taken from the source that has
        the most of them, the newcomer's own if that is at its share. Of its connections the oldest
        without a whole head goes first, then an idle one, then one with an unfinished body, then
        one that does not read its answer; after all of them those within `GRACE_SECONDS`, whatever
        they are at, the oldest first.

        Returns:
            The new place, None if there is none; and the place that was taken away for it.
        """
        held = Counter(place.source for place in self._taken)
        leaving = None
        if held[source] >= self._bounds.share:
            leaving = _first_to_leave(self._of(source), now)
        elif len(self._taken) >= self._bounds.connections:
            # Of two that have as many, the newcomer's own gives way.
            richest = max(held, key=lambda other: (held[other], other == source))
            leaving = _first_to_leave(self._of(richest), now)
        else:
            return self._add(source, now), None
        if leaving is None:
            return None, None
        self.free(leaving)
        return self._add(source, now), leaving

    def free(self, place: Place) -> None:
        """Give a place back; once is enough."""
        self._taken.pop(place, None)

    def _of(self, source: Hashable) -> Iterable[Place]:
        return [place for place in self._taken if place.source == source]

    def _add(self, source: Hashable, now: float) -> Place:
        place = Place(source, now)
        self._taken[place] = None
        return place


def _first_to_leave(places: Iterable[Place], now: float) -> Place | None:
    def rank(place: Place) -> tuple[bool, int, float]:
        is_fresh = now - place.since < GRACE_SECONDS
        return is_fresh, 0 if is_fresh else place.stage, place.since

    return min((place for place in places if place.stage is not Stage.WORK), key=rank, default=None)
