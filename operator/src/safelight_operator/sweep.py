"""What the bucket and the cluster hold, side by side: pure decisions that fear to be wrong.

Normally nothing is left over. An original without an upload is left behind when the API stopped
between storing it and creating the ImageUpload; other objects when something was deleted while no
operator ran. What is found here is only nominated: a fresh look at each id decides.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from safelight_operator.output import StoredObject
from safelight_operator.world import Image

MIN_AGE: Final = timedelta(hours=24)
"""Younger objects may belong to an upload that is just being created, or deleted."""
UNDER_WAY: Final = timedelta(minutes=10)
"""Objects younger than that say nothing: their upload is most likely just being created."""
MAX_PER_RUN: Final = 50
"""Ids that one run nominates at most."""
ALARMING_FROM: Final = 10
"""What share of the ids looks left over says nothing about fewer ids than that."""


class Orphan(StrEnum):
    """Why an object seems to be left over; the values of a metric's label."""

    ORIGINAL = "original"
    """Its ImageUpload does not exist."""
    RESULT = "result"
    """Neither its AvailableImage nor its ImageUpload exists."""
    ATTEMPT = "attempt"
    """Its AvailableImage does not name it: another attempt's, or one that nobody asked for."""
    FOREIGN = "foreign"
    """Its key is none of ours: it is never touched."""


class AlarmingError(Exception):
    """So much looks left over that removing it would rather be a mistake."""


@dataclass(frozen=True, slots=True)
class Sight:
    """All that was found of one id, read within minutes, not at one moment."""

    id: str
    originals: tuple[StoredObject, ...] = ()
    results: tuple[StoredObject, ...] = ()
    """What attempts have stored."""
    has_upload: bool = False
    image: Image | None = None
    unreadable: bool = False
    """It has an AvailableImage that cannot be read, and may need any of the objects."""

    @property
    def objects(self) -> tuple[StoredObject, ...]:
        """All its objects."""
        return self.originals + self.results


def left_over(sight: Sight) -> dict[Orphan, list[StoredObject]]:
    """Return the objects of an id that nothing seems to need; an upload may need any of them."""
    if sight.has_upload or sight.unreadable or (sight.image is not None and not sight.image.ready):
        return {}
    found = {Orphan.ORIGINAL: list(sight.originals)}
    if sight.image is None:
        found[Orphan.RESULT] = list(sight.results)
    else:
        own = sight.image.objects
        found[Orphan.ATTEMPT] = [o for o in sight.results if o.key not in own]
    return {kind: objects for kind, objects in found.items() if objects}


def is_damaged(sight: Sight) -> bool:
    """Say whether a file of an image seems to be missing, or to be another than was published."""
    if sight.image is None or not sight.image.ready:
        return False
    return not sight.image.etags.items() <= {(o.key, o.etag) for o in sight.results}


@dataclass(slots=True)
class Tally:
    """What a run has seen so far: numbers, and a bounded number of ids."""

    now: datetime
    max_share: float
    """If objects of more of the ids look left over, something else is wrong: nothing is removed."""
    old: Counter[Orphan] = field(default_factory=Counter)
    """Objects older than `MIN_AGE` that look left over, by kind."""
    damaged: int = 0
    """Images whose object seems to be missing or another."""
    nominated: list[str] = field(default_factory=list)
    suspects: list[str] = field(default_factory=list)
    _ids: int = 0
    """With objects."""
    _left_over: int = 0
    """Ids of which objects look left over, and did not come just now."""
    _records: int = 0

    def add(self, sight: Sight) -> None:
        """Take in what was found of one id."""
        found = left_over(sight)
        self._ids += bool(sight.objects)
        self._records += sight.has_upload or sight.unreadable or sight.image is not None
        self._left_over += any(
            self._age(o) > UNDER_WAY for objects in found.values() for o in objects
        )
        for kind, objects in found.items():
            self.old[kind] += sum(self._is_old(o) for o in objects)
        if found and all(self._is_old(o) for o in sight.objects):
            self._note(self.nominated, sight.id)
        if is_damaged(sight):
            self.damaged += 1
            self._note(self.suspects, sight.id)

    def add_foreign(self, count: int) -> None:
        """Take in a number of objects whose keys are none of ours."""
        self.old[Orphan.FOREIGN] += count

    def removable(self) -> list[str]:
        """Return the ids whose objects look left over and are old enough, a bounded number.

        Raises:
            AlarmingError: too many look so; a deleted definition, or another cluster, does.
        """
        if self._left_over and not self._records:
            raise AlarmingError(f"objects of {self._left_over} ids, and no record at all")
        if self._ids > ALARMING_FROM and self._left_over > self.max_share * self._ids:
            raise AlarmingError(f"{self._left_over} of {self._ids} ids have objects left over")
        return self.nominated

    def _is_old(self, stored: StoredObject) -> bool:
        return self._age(stored) > MIN_AGE

    def _age(self, stored: StoredObject) -> timedelta:
        return self.now - stored.modified

    @staticmethod
    def _note(ids: list[str], upload_id: str) -> None:
        if len(ids) < MAX_PER_RUN:
            ids.append(upload_id)
