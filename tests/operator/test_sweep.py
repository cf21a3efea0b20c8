from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from safelight_contract import keys, policy
from safelight_operator.output import StoredObject
from safelight_operator.sweep import (
    MAX_PER_RUN,
    AlarmingError,
    Orphan,
    Sight,
    Tally,
    is_damaged,
    left_over,
)
from tests.operator.making import ID, NOW, STORED, VARIANT, image

OLD = NOW - timedelta(hours=25)
YOUNG = NOW - timedelta(hours=23)


def stored(key: str, modified: datetime = OLD, etag: str = "etag") -> StoredObject:
    return StoredObject(key, 1, modified, etag)


ORIGINAL = stored(keys.original(ID, policy.JPEG))
IMAGE = stored(STORED.key)
SMALL = stored(VARIANT.key, etag=VARIANT.etag)
STRAY = stored(keys.image(ID, 1, policy.WEBP, "w99"))
MANIFEST = stored(keys.manifest(ID, 1), etag="other")
ABANDONED = stored(keys.manifest(ID, 11))
GOOD = Sight(ID, results=(IMAGE, MANIFEST, SMALL), image=image(ready=True))


@pytest.mark.parametrize(
    ("sight", "found"),
    [
        (GOOD, {}),
        (Sight(ID, (ORIGINAL,), (IMAGE, ABANDONED), has_upload=True), {}),
        (Sight(ID, (ORIGINAL,), (IMAGE,), image=image()), {}),
        (Sight(ID, (ORIGINAL,)), {Orphan.ORIGINAL: [ORIGINAL]}),
        (replace(GOOD, originals=(ORIGINAL,)), {Orphan.ORIGINAL: [ORIGINAL]}),
        (replace(GOOD, image=None), {Orphan.RESULT: [IMAGE, MANIFEST, SMALL]}),
        (replace(GOOD, results=(IMAGE, ABANDONED)), {Orphan.ATTEMPT: [ABANDONED]}),
        (replace(GOOD, results=(IMAGE, STRAY, SMALL)), {Orphan.ATTEMPT: [STRAY]}),
        (Sight(ID, image=image(ready=True)), {}),
    ],
    ids=[
        "an image",
        "an upload may need everything",
        "an image that is not confirmed is not judged",
        "an original of nothing",
        "an original of an image",
        "results of nothing",
        "results of another attempt",
        "a file that the image does not name",
        "an image without an object",
    ],
)
def test_what_is_left_over(sight: Sight, found: dict[Orphan, list[StoredObject]]) -> None:
    assert left_over(sight) == found


@pytest.mark.parametrize(
    ("sight", "damaged"),
    [
        (GOOD, False),
        (replace(GOOD, results=(MANIFEST, SMALL)), True),
        (replace(GOOD, results=(replace(IMAGE, etag="new"), MANIFEST, SMALL)), True),
        (replace(GOOD, results=(IMAGE, MANIFEST)), True),
        (replace(GOOD, results=(IMAGE, MANIFEST, replace(SMALL, etag="new"))), True),
        (Sight(ID, image=image()), False),
        (Sight(ID, has_upload=True), False),
    ],
)
def test_an_image_needs_the_very_object_that_was_published(sight: Sight, *, damaged: bool) -> None:
    assert is_damaged(sight) is damaged


def tally_of(*sights: Sight, max_share: float = 0.1) -> Tally:
    tally = Tally(NOW, max_share)
    for sight in sights:
        tally.add(sight)
    return tally


def orphans(count: int, modified: datetime = OLD) -> list[Sight]:
    return [Sight(f"id-{n:04}", (stored(f"original-{n}", modified),)) for n in range(count)]


def test_only_what_is_old_is_nominated() -> None:
    mixed = Sight(ID, (ORIGINAL,), (replace(MANIFEST, modified=YOUNG),))
    tally = tally_of(GOOD, *orphans(2), *orphans(3, YOUNG), mixed)
    assert tally.removable() == ["id-0000", "id-0001"]
    assert tally.old == {Orphan.ORIGINAL: 3, Orphan.RESULT: 0}


def test_a_run_nominates_no_more_than_it_may() -> None:
    tally = tally_of(*[GOOD] * 1000, *orphans(100))
    assert tally.removable() == [f"id-{n:04}" for n in range(MAX_PER_RUN)]
    assert tally.old[Orphan.ORIGINAL] == 100


def test_much_at_once_is_rather_a_mistake() -> None:
    """The definition was deleted, say, or it is the wrong cluster."""
    known = [GOOD] * 9
    assert len(tally_of(*known, *orphans(1)).removable()) == 1
    with pytest.raises(AlarmingError, match="2 of 11"):
        tally_of(*known, *orphans(2)).removable()
    assert len(tally_of(*known, *known, *orphans(2)).removable()) == 2
    with pytest.raises(AlarmingError):
        tally_of(*known, *orphans(1000, YOUNG)).removable()


def test_uploads_that_are_just_being_created_are_no_alarm() -> None:
    just_now = NOW - timedelta(minutes=10)
    assert tally_of(*[GOOD] * 9, *orphans(9, just_now)).removable() == []
    assert tally_of(*orphans(1, just_now)).removable() == []
    earlier = just_now - timedelta(seconds=1)
    with pytest.raises(AlarmingError, match="9 of 18"):
        tally_of(*[GOOD] * 9, *orphans(9, earlier)).removable()
    with pytest.raises(AlarmingError, match="no record at all"):
        tally_of(*orphans(1, earlier)).removable()


def test_how_much_is_a_mistake_can_be_said() -> None:
    known = [GOOD] * 8
    assert len(tally_of(*known, *orphans(8), max_share=0.5).removable()) == 8
    with pytest.raises(AlarmingError, match="9 of 17"):
        tally_of(*known, *orphans(9), max_share=0.5).removable()
    assert len(tally_of(*known, *orphans(40), max_share=1.0).removable()) == 40
    with pytest.raises(AlarmingError, match="1 of 11"):
        tally_of(*known, GOOD, GOOD, *orphans(1), max_share=0.0).removable()


def test_no_record_at_all_is_a_mistake_however_little_there_is() -> None:
    for max_share in (0.1, 1.0):
        with pytest.raises(AlarmingError, match="no record at all"):
            tally_of(*orphans(1), max_share=max_share).removable()
    assert tally_of(GOOD, *orphans(1)).removable() == ["id-0000"]
    assert tally_of().removable() == []


def test_ids_are_bounded_and_numbers_are_not() -> None:
    tally = tally_of(*[replace(GOOD, results=())] * (MAX_PER_RUN + 1))
    tally.add_foreign(7)
    assert tally.damaged == MAX_PER_RUN + 1
    assert len(tally.suspects) == MAX_PER_RUN
    assert tally.old[Orphan.FOREIGN] == 7
