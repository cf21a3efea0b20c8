from datetime import datetime

from safelight_operator.slots import Refusal, Slots
from tests.operator.making import EARLIER, NOW, after


def slots(limit: int = 2, per_second: float = 1, burst: int = 10) -> Slots:
    return Slots(limit, per_second, burst)


def take(slots: Slots, name: str, created: datetime = NOW, now: float = 0) -> Refusal | None:
    return slots.acquire(name, created, f"job-{name}", now)


def test_slots_are_handed_out_up_to_the_limit() -> None:
    s = slots(limit=2)
    assert [take(s, name) for name in "abc"] == [None, None, Refusal(None)]
    assert (s.live, s.waiting) == (2, 1)


def test_the_end_of_a_job_frees_its_slot() -> None:
    s = slots(limit=1)
    take(s, "a")
    take(s, "b")
    assert s.ready() == []
    assert s.saw("job-a", live=False)
    assert s.ready() == ["b"]
    assert take(s, "b") is None


def test_the_end_of_a_job_counts_once() -> None:
    s = slots()
    take(s, "a")
    assert s.saw("job-a", live=False)
    assert not s.saw("job-a", live=False)
    assert s.live == 0


def test_older_uploads_go_first() -> None:
    """Whoever asks while older ones wait does not overtake them."""
    s = slots(limit=1)
    take(s, "running")
    take(s, "young", after(10))
    take(s, "old", EARLIER)
    s.saw("job-running", live=False)
    assert s.ready() == ["old"]
    assert take(s, "young", after(10)) == Refusal(None)
    assert take(s, "old", EARLIER) is None


def test_whoever_leaves_makes_room_in_the_line() -> None:
    s = slots(limit=1)
    take(s, "running")
    take(s, "old", EARLIER)
    take(s, "young")
    s.saw("job-running", live=False)
    assert s.leave("old")
    assert not s.leave("old")
    assert s.ready() == ["young"]


def test_the_rate_of_creation_is_bounded_after_a_burst() -> None:
    s = slots(limit=100, per_second=2, burst=3)
    assert [take(s, str(i), now=0) for i in range(3)] == [None, None, None]
    assert take(s, "next", now=0) == Refusal(0.5)
    assert take(s, "next", now=0.25) == Refusal(0.25)
    assert take(s, "next", now=0.5) is None


def test_a_quiet_time_fills_no_more_than_a_burst() -> None:
    s = slots(limit=100, per_second=2, burst=3)
    take(s, "first", now=0)
    granted = [take(s, str(i), now=3600) is None for i in range(5)]
    assert granted == [True, True, True, False, False]


def test_a_clock_that_stands_still_gives_nothing() -> None:
    s = slots(limit=100, per_second=2, burst=1)
    take(s, "a", now=10)
    assert take(s, "b", now=9) == Refusal(0.5)


def test_jobs_of_others_count() -> None:
    s = slots(limit=1)
    s.saw("job-elsewhere", live=True)
    assert take(s, "a") == Refusal(None)


def test_a_full_list_replaces_what_was_known() -> None:
    s = slots(limit=5)
    take(s, "a", now=1)
    s.saw("job-missed", live=True)
    s.replace(["job-x", "job-y"], asked=2)
    assert s.live == 2
    assert not s.saw("job-a", live=False)


def test_a_slot_taken_during_the_listing_is_kept() -> None:
    """Its Job may have been created just after the server made the list."""
    s = slots(limit=5)
    take(s, "a", now=3)
    s.replace(["job-x"], asked=2)
    assert s.live == 2


def test_a_refused_creation_gives_the_slot_back() -> None:
    s = slots(limit=1)
    take(s, "a")
    s.saw("job-a", live=False)
    assert take(s, "b") is None
