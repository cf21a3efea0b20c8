import pytest

from tests.bench.attacked import Attacked, Good, Measured, bound, parsed
from tests.support.attacks import Did

MIB = 1024 * 1024
QUIET = Attacked("quiet", Good({"status polls": [0.02]}), 100 * MIB)


def met(attacked: Attacked) -> list[bool]:
    return [met for _, met in Measured(500 * MIB, QUIET, [attacked]).bars()]


@pytest.mark.parametrize(
    ("most", "seconds", "wrong", "bars"),
    [
        (400 * MIB, 0.06, [], [True, True, True]),
        (401 * MIB, 0.06, [], [False, True, True]),
        (None, 0.06, ["the program ended with -9"], [False, False, True]),
        (400 * MIB, 0.061, [], [True, True, False]),
        (400 * MIB, 0.06, ["uploads: 503"], [True, False, True]),
    ],
)
def test_what_must_hold(
    most: int | None, seconds: float, wrong: list[str], bars: list[bool]
) -> None:
    assert met(Attacked("a", Good({"status polls": [seconds]}, wrong), most)) == bars


def test_a_client_that_got_no_answer_at_all_was_not_served() -> None:
    assert met(Attacked("a", Good(), 100 * MIB)) == [True, False, False]


def test_a_short_quiet_time_leaves_50_milliseconds() -> None:
    assert bound(0.001) == 0.05
    assert bound(0.1) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("quantity", "size"), [("512Mi", 512 * MIB), ("1.5Gi", 1536 * MIB), ("1G", 10**9), ("77", 77)]
)
def test_quantities_of_memory(quantity: str, size: int) -> None:
    assert parsed(quantity) == size


def test_what_is_printed() -> None:
    attacked = Attacked("a", Good({"uploads": [0.01, 0.03]}, ["uploads: 503"]), None, [Did(3, 1)])
    _, only, one, uploads, wrong = Measured(500 * MIB, QUIET, [attacked]).lines()
    assert only.split(maxsplit=2) == ["status", "polls", "20 ms, the only one"]
    assert one.split(maxsplit=1) == ["a", "ended   3 connections, 1 refused, 0 MiB sent"]
    assert "p50  20.00 ms" in uploads
    assert wrong == "  WRONG, one of 1: uploads: 503"
