from datetime import datetime, timedelta

import pytest

from safelight_operator.sweep import MAX_PER_RUN, AlarmingError, forgotten
from tests.operator.making import NOW

OLD = NOW - timedelta(hours=25)
YOUNG = NOW - timedelta(hours=23)


def originals(count: int, written: datetime, start: int = 0) -> list[tuple[str, datetime]]:
    return [(f"id-{i}", written) for i in range(start, start + count)]


def test_an_old_original_without_an_upload_is_forgotten() -> None:
    assert forgotten(originals(3, OLD), {"id-0", "id-2"}, NOW) == ["id-1"]


def test_a_young_one_may_belong_to_an_upload_that_is_being_created() -> None:
    assert forgotten(originals(3, YOUNG), set(), NOW) == []


def test_the_oldest_come_first_and_not_too_many_at_once() -> None:
    found = [(f"id-{i}", OLD - timedelta(minutes=i)) for i in range(100)]
    known = originals(2000, OLD, start=1000)
    ids = {upload_id for upload_id, _ in known}
    swept = forgotten(found + known, ids, NOW)
    assert len(swept) == MAX_PER_RUN
    assert swept[0] == "id-99"


def test_many_at_once_are_rather_a_mistake() -> None:
    """An empty list of uploads, say: the definition was deleted, or it is the wrong cluster."""
    known = {f"id-{i}" for i in range(18)}
    assert forgotten(originals(20, OLD), known, NOW) == ["id-18", "id-19"]
    with pytest.raises(AlarmingError, match="3 of 21"):
        forgotten(originals(21, OLD), known, NOW)
    with pytest.raises(AlarmingError):
        forgotten(originals(1000, YOUNG), set(), NOW)


def test_few_are_swept_whatever_their_share() -> None:
    assert len(forgotten(originals(20, OLD), set(), NOW)) == 20
