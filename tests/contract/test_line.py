import random
from collections import Counter
from typing import Any

import pytest

from safelight_contract.line import Line, Place, client_of


def place(client: str, age: int) -> Place[str]:
    return Place(client, f"{age:03}", f"{client}{age}")


def line(*ids: str, active: str = "") -> Line[str]:
    """Return a line of places written as client and age, and one letter for each that is active."""
    made: Line[str] = Line()
    for one in ids:
        made.join(place(one[0], int(one[1:])))
    for client in active:
        made.started(client)
    return made


def test_clients_take_turns_and_older_uploads_of_each_go_first() -> None:
    assert line("a3", "a1", "a2", "b9", "b8").first(9) == ["a1", "b8", "a2", "b9", "a3"]


def test_whoever_has_the_fewest_jobs_goes_first() -> None:
    assert line("a1", "a2", "b8", "b9", active="aa").first(9) == ["b8", "b9", "a1", "a2"]
    assert line("a1", "a2", "b8", "b9", active="aab").first(9) == ["b8", "a1", "b9", "a2"]


def test_jobs_of_those_who_do_not_wait_count_for_nobody() -> None:
    assert line("a1", "b2", active="ccc").first(1) == ["a1"]


def test_the_end_of_a_job_brings_its_client_forward() -> None:
    waiting = line("a1", "b2", active="aa")
    waiting.ended("a")
    waiting.ended("a")
    assert waiting.first(1) == ["a1"]


def test_uploads_of_one_second_are_ordered_by_id() -> None:
    waiting: Line[str] = Line()
    for upload_id in "cab":
        waiting.join(Place("x", "same", upload_id))
    assert waiting.first(9) == ["a", "b", "c"]


def test_how_many_of_a_client_are_pending() -> None:
    waiting = line("a1", "a2", "b1", active="ac")
    assert [waiting.pending(client) for client in "abcd"] == [3, 1, 1, 0]
    assert len(waiting) == 3


def test_the_order_is_that_of_one_start_after_the_other() -> None:
    """However the line came about: `first` and `ahead` tell what then happens."""
    seed = random.randrange(2**32)  # noqa: S311 - a test's choice
    dice = random.Random(seed)  # noqa: S311 - a test's choice
    for _ in range(300):
        active = Counter(dice.choices("abcde", k=dice.randrange(12)))
        places = [place(dice.choice("abcd"), age) for age in dice.sample(range(99), 12)]
        waiting = line(active="".join(active.elements()))
        for one in places:
            waiting.join(one)
        for one in dice.sample(places, 3):
            waiting.leave(one)
            places.remove(one)
        started = []
        while places:
            following = min(places, key=lambda p: (active[p.client], p.created))
            active[following.client] += 1
            places.remove(following)
            started.append(following)
        assert waiting.first(99) == [one.upload_id for one in started], seed
        assert [waiting.ahead(one) for one in started] == list(range(9)), seed


def test_a_start_moves_nobody_else() -> None:
    waiting = line("a1", "a2", "a3", "b8", "b9", active="b")
    before = waiting.first(9)
    waiting.leave(place("a", 1))
    waiting.started("a")
    assert waiting.first(9) == before[1:]


@pytest.mark.parametrize(
    ("metadata", "client"),
    [
        ({}, ""),
        ({"annotations": None}, ""),
        ({"annotations": {"safelight.dev/uploaded-by": "web-shop_2.eu"}}, "web-shop_2.eu"),
        ({"annotations": {"safelight.dev/uploaded-by": "x" * 253}}, "x" * 253),
        ({"annotations": {"safelight.dev/uploaded-by": "x" * 254}}, ""),
        ({"annotations": {"safelight.dev/uploaded-by": "a b"}}, ""),
        ({"annotations": {"safelight.dev/uploaded-by": "a\n"}}, ""),
        ({"annotations": {"safelight.dev/uploaded-by": "ä"}}, ""),
        ({"annotations": {"safelight.dev/uploaded-by": "a", "safelight.dev/retried-by": "b"}}, "b"),
        ({"annotations": {"safelight.dev/uploaded-by": "a", "safelight.dev/retried-by": ""}}, "a"),
        ({"annotations": {"safelight.dev/uploaded-by": "a", "safelight.dev/retried-by": "ä"}}, "a"),
        ({"annotations": {"safelight.dev/retried-by": "b"}}, "b"),
    ],
)
def test_for_whom_an_upload_counts(metadata: dict[str, Any], client: str) -> None:
    assert client_of(metadata) == client
