from tests.faults.checker import check, judge
from tests.faults.telling import good


def test_a_good_history_passes() -> None:
    assert check(good().lines) == []
    nothing = {v.invariant for v in judge(good().lines) if not v.judged}
    assert nothing == {"I15", "I18", "I19"}
