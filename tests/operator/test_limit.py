import pytest

from safelight_operator.limit import LONGEST_SECONDS, PROBE_SECONDS, RAISE_SECONDS, Limit


def test_a_refusal_halves_and_leaves_one() -> None:
    limit = Limit(5)
    seen = []
    for second in range(4):
        limit.refused(second, second, None)
        seen.append(limit.now)
    assert seen == [2, 1, 1, 1]


def test_refusals_of_requests_that_were_under_way_together_count_once() -> None:
    limit = Limit(16)
    for asked in (1.0, 1.1, 1.2):
        limit.refused(asked, 2.0, None)
    assert limit.now == 8
    limit.refused(2.0, 2.5, None)
    assert limit.now == 4


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [(None, PROBE_SECONDS), (3, 3), (0, 1), (3600, LONGEST_SECONDS)],
)
def test_the_server_says_when_to_ask_again(retry_after: float | None, wait: float) -> None:
    limit = Limit(4)
    limit.refused(10, 11, retry_after)
    assert (limit.is_open, limit.opens) == (False, 11 + wait)


def test_a_shorter_wait_takes_no_longer_one_back() -> None:
    limit = Limit(4)
    limit.refused(10, 11, 30)
    limit.refused(10, 12, 1)
    assert limit.opens == 41


def test_a_success_opens_again_but_does_not_raise_at_once() -> None:
    limit = Limit(4)
    limit.refused(0, 0, None)
    assert limit.accepted(15, 16)
    assert (limit.is_open, limit.now) == (True, 2)
    assert not limit.accepted(17, 18)


def test_it_grows_by_one_in_each_period_of_success_up_to_the_most() -> None:
    limit = Limit(4)
    limit.refused(0, 0, None)
    seen = []
    for step in range(1, 6):
        now = step * RAISE_SECONDS
        seen.append((limit.accepted(now - 1, now), limit.now))
        assert not limit.accepted(now, now + 1)
    assert seen == [(True, 3), (True, 4), (False, 4), (False, 4), (False, 4)]


def test_a_quiet_night_is_no_success() -> None:
    limit = Limit(20)
    limit.refused(0, 0, None)
    limit.accepted(8 * 3600, 8 * 3600)
    assert limit.now == 11


def test_a_success_that_was_asked_for_before_the_refusal_is_no_sign() -> None:
    limit = Limit(4)
    limit.refused(1, 2, None)
    assert not limit.accepted(1.5, 60)
    assert (limit.is_open, limit.now) == (False, 2)
