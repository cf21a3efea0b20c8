"""Who waits for a Job, and in which order: what the operator does and what the API tells.

Every place is (round, age). A client's oldest waiting upload is in the round that is the number of
its Jobs under way, its next one in the round after that, and so on; the older upload goes first
within a round. So the next Job goes to the client with the fewest Jobs, and there to its oldest
upload; and since a start takes one upload out of the line and adds one Job, it moves nobody else.
"""

import re
from bisect import bisect_left, insort
from collections.abc import Mapping
from datetime import datetime
from heapq import heapify, heappop, heapreplace
from typing import Any, Final, Generic, NamedTuple, TypeVar

from safelight_contract.resources import ANNOTATION_RETRIED_BY, ANNOTATION_UPLOADED_BY
from safelight_contract.unreadable import annotation

_CLIENT: Final = re.compile(r"[-._A-Za-z0-9]{1,253}")
"""What a Secret allows as a key, so every name that a token can have in a cluster."""

Age = TypeVar("Age", datetime, str)
"""Times of creation that sort as such; text does where it is all UTC and of one form."""


def client_of(metadata: Mapping[str, Any]) -> str:
    """Return for whom an upload counts: who last asked for it; empty if nobody says so.

    That is who asked for its retry, else who has sent it. Anybody may have written the annotations,
    so text that can be no token's name counts as absent.
    """
    asked = client_name(annotation(metadata, ANNOTATION_RETRIED_BY))
    return asked or client_name(annotation(metadata, ANNOTATION_UPLOADED_BY))


def client_name(text: str) -> str:
    """Return a client's name as the line knows it; empty for text that is none."""
    return text if _CLIENT.fullmatch(text) else ""


class Place(NamedTuple, Generic[Age]):
    """Where an upload stands in line: behind the older ones of its client."""

    client: str
    created: Age
    upload_id: str


class Line(Generic[Age]):
    """The uploads that wait, and how many of each client are under way."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[Age, str]]] = {}
        self._active: dict[str, int] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def join(self, place: Place[Age]) -> None:
        """Let an upload wait."""
        insort(self._waiting.setdefault(place.client, []), place[1:])
        self._size += 1

    def leave(self, place: Place[Age]) -> None:
        """Let an upload wait no more; it must have joined so."""
        ages = self._waiting[place.client]
        del ages[bisect_left(ages, place[1:])]
        if not ages:
            del self._waiting[place.client]
        self._size -= 1

    def started(self, client: str) -> None:
        """Count one more of a client under way."""
        self._active[client] = self._active.get(client, 0) + 1

    def ended(self, client: str) -> None:
        """Count one less of a client under way."""
        self._active[client] -= 1
        if not self._active[client]:
            del self._active[client]

    def pending(self, client: str) -> int:
        """Return how many uploads of a client wait or are under way."""
        return len(self._waiting.get(client, ())) + self._active.get(client, 0)

    def ahead(self, place: Place[Age]) -> int:
        """Return how many of the waiting uploads get their turn before this one.

        It costs a step for each client that waits, however many uploads wait.
        """
        active, age = self._active.get, place[1:]
        turn = active(place.client, 0) + bisect_left(self._waiting.get(place.client, ()), age)
        found = 0
        for client, ages in self._waiting.items():
            # How many of this client's are in earlier rounds; its next one shares the round.
            earlier = turn - active(client, 0)
            if earlier >= len(ages):
                found += len(ages)
            elif earlier >= 0:
                found += earlier + (ages[earlier] < age)
        return found

    def first(self, count: int) -> list[str]:
        """Return the ids of those whose turn comes first, in that order."""
        if count <= 0:
            return []
        active = self._active.get
        heads = [(active(client, 0), ages[0], client, 0) for client, ages in self._waiting.items()]
        heapify(heads)
        found: list[str] = []
        while heads and len(found) < count:
            turn, (_, upload_id), client, position = heads[0]
            found.append(upload_id)
            following = self._waiting[client][position + 1 : position + 2]
            if following:
                heapreplace(heads, (turn + 1, following[0], client, position + 1))
            else:
                heappop(heads)
        return found
