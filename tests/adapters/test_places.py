import pytest

from safelight_adapters.bounds import Bounds
from safelight_adapters.places import GRACE_SECONDS, Place, Places, Stage

BOUNDS = Bounds(connections=8)
"""One source may hold six."""
LATER = 60.0
MIB = 1024 * 1024


def filled(places: Places, source: str, count: int, stage: Stage = Stage.HEAD) -> list[Place]:
    taken = []
    for _ in range(count):
        place, leaving = places.take(source, 0)
        assert place is not None
        assert leaving is None
        place.stage = stage
        taken.append(place)
    return taken


def test_one_source_never_holds_the_last_quarter() -> None:
    places = Places(BOUNDS)
    first, *_ = filled(places, "a", 6)
    _, leaving = places.take("a", LATER)
    assert leaving is first
    assert len(places) == 6
    filled(places, "b", 2)


@pytest.mark.parametrize(
    ("stages", "leaves"),
    [
        ([Stage.HEAD] * 6, 0),
        ([Stage.IDLE, Stage.HEAD, *[Stage.WORK] * 4], 1),
        ([Stage.ANSWER, Stage.BODY, Stage.IDLE, *[Stage.WORK] * 3], 2),
        ([Stage.ANSWER, *[Stage.WORK] * 4, Stage.BODY], 5),
        ([Stage.WORK, Stage.ANSWER, *[Stage.WORK] * 4], 1),
        ([Stage.WORK] * 6, None),
    ],
    ids=["the oldest", "unfinished", "idle", "body", "slow reader", "nobody"],
)
def test_who_leaves_first(stages: list[Stage], leaves: int | None) -> None:
    places = Places(BOUNDS)
    taken = filled(places, "a", 6)
    for held, stage in zip(taken, stages, strict=True):
        held.stage = stage
    place, leaving = places.take("a", LATER)
    assert leaving is (None if leaves is None else taken[leaves])
    assert (place is None) is (leaves is None)
    assert len(places) == 6


def test_at_the_bound_the_source_with_most_places_gives_way() -> None:
    places = Places(BOUNDS)
    filled(places, "b", 2)
    first, *_ = filled(places, "a", 6, Stage.IDLE)
    place, leaving = places.take("c", LATER)
    assert place is not None
    assert leaving is first
    assert len(places) == 8


def test_of_equals_the_newcomers_own_gives_way() -> None:
    places = Places(BOUNDS)
    filled(places, "a", 4)
    first, *_ = filled(places, "b", 4)
    _, leaving = places.take("b", LATER)
    assert leaving is first


def test_who_has_just_got_on_leaves_last() -> None:
    """A newcomer's head is on its way; those that sit on after one request have had theirs."""
    places = Places(BOUNDS)
    quick, *sitting = filled(places, "a", 5, Stage.IDLE)
    newcomer, _ = places.take("a", LATER - 0.75 * GRACE_SECONDS)
    quick.enter(Stage.ANSWER, LATER - 0.5 * GRACE_SECONDS)
    for place in [*sitting, newcomer, quick]:
        assert places.take("a", LATER)[1] is place


def test_a_place_that_is_given_back_is_free() -> None:
    places = Places(BOUNDS)
    first, *_ = filled(places, "a", 6)
    places.free(first)
    places.free(first)
    assert len(places) == 5
    filled(places, "a", 1)


@pytest.mark.parametrize(("connections", "share"), [(8, 6), (64, 48), (9, 7), (1024, 768)])
def test_the_share(connections: int, share: int) -> None:
    assert Bounds(connections=connections).share == share


def test_what_all_places_take_is_what_the_page_says() -> None:
    assert 22 * MIB < Bounds().bytes_at_most(64 * 1024) < 24 * MIB


def test_a_crowd_that_is_taken_at_a_time_pushes_out_nobody_of_its_own() -> None:
    """Each is looked at in two later turns of the loop before the oldest of them could leave."""
    for connections in (8, 64, 1024):
        bounds = Bounds(connections=connections)
        assert 4 * bounds.accepted <= bounds.share
