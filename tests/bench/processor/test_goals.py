import pytest

from tests.bench.processor import goals
from tests.bench.processor.goals import Goal, Totals

GOAL = Goal("a", goals.FAST, goals.SHARP, "cpu", 0.75)


def round_of(share: float) -> dict[str, Totals]:
    """A round in which ours took this share of sharp's CPU."""
    return {
        goals.FAST: Totals(share * 2, 2.0, 100.0, 900.0),
        goals.SHARP: Totals(2.0, 2.0, 120.0, 1000.0),
    }


@pytest.mark.parametrize(
    ("shares", "met", "failed"),
    [
        pytest.param((0.6, 0.75, 0.7), True, False, id="within the bar"),
        pytest.param((0.6, 0.8, 0.9), False, False, id="past the bar, within the slack"),
        pytest.param((0.6, 0.9, 0.9), False, True, id="past the slack"),
        pytest.param((0.7, 9.0, 0.7), True, False, id="one disturbed round changes nothing"),
    ],
)
def test_the_median_of_the_rounds_counts(
    shares: tuple[float, ...],
    met: bool,  # noqa: FBT001 - a column of the table
    failed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    (verdict,) = goals.judge({"a": [round_of(share) for share in shares]}, [GOAL])
    assert (verdict.met, verdict.failed) == (met, failed)


def test_a_goal_without_its_peer_is_not_judged() -> None:
    alone = [{goals.FAST: round_of(0.5)[goals.FAST]}]
    assert list(goals.judge({"a": alone}, [GOAL])) == []


def test_a_task_that_was_not_measured_is_not_judged() -> None:
    assert list(goals.judge({"b": [round_of(0.5)]}, [GOAL])) == []


def test_every_goal_names_a_task_and_two_engines_once() -> None:
    each = [(goal.task, goal.engine, goal.base, goal.quantity) for goal in goals.GOALS]
    assert len(set(each)) == len(each)
    assert {goal.task for goal in goals.GOALS} == set("abcd")
