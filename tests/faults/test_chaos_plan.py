from itertools import pairwise

import pytest

from tests.faults.chaos.plan import LONG, Target, What, plan

SEEDS = range(50)


def test_same_seed_same_plan() -> None:
    assert plan(7, 600) == plan(7, 600)
    assert plan(7, 600) != plan(8, 600)


@pytest.mark.parametrize("seconds", [35, 90, 600])
def test_all_is_over_at_the_end_and_in_order(seconds: float) -> None:
    for seed in SEEDS:
        faults = plan(seed, seconds)
        assert list(faults) == sorted(faults)
        assert all(fault.at >= 0 and fault.at + fault.lasts <= seconds for fault in faults)


@pytest.mark.parametrize("seconds", [35, 600])
def test_one_upgrade_near_the_middle(seconds: float) -> None:
    for seed in SEEDS:
        (upgrade,) = [fault for fault in plan(seed, seconds) if fault.what is What.UPGRADE]
        assert upgrade.target is Target.RELEASE
        assert seconds * 0.45 <= upgrade.at <= seconds * 0.55


def test_faults_of_one_target_never_overlap() -> None:
    for seed in SEEDS:
        faults = plan(seed, 600)
        for target in Target:
            for one, other in pairwise(fault for fault in faults if fault.target is target):
                assert other.at >= one.at + one.lasts + LONG.gap[0]


def test_a_long_run_has_every_fault_of_every_target() -> None:
    """Pauses last a minute: longer than a Lease, a watch's patience and a probe's."""
    for seed in SEEDS:
        faults = plan(seed, 600)
        for target in set(Target) - {Target.RELEASE}:
            whats = {fault.what for fault in faults if fault.target is target}
            assert whats >= {What.KILL, What.STOP, What.RESTART}, (seed, target)
        whats = {fault.what for fault in faults if fault.target is Target.OPERATOR}
        assert whats == set(What) - {What.UPGRADE}
        assert {fault.lasts for fault in faults if fault.what is What.STOP} == {60}


def test_a_short_run_has_two_leaders_and_hits_every_target() -> None:
    for seed in SEEDS:
        faults = plan(seed, 35)
        assert {fault.target for fault in faults} == set(Target)
        assert {What.TAKEOVER, What.SECOND_OPERATOR} & {fault.what for fault in faults}
