from datetime import datetime

from safelight_contract.line import Place
from safelight_operator.slots import Refusal, Slots
from tests.operator.making import EARLIER, NOW, after


def slots(limit: int = 2, per_second: float = 1, burst: int = 10) -> Slots:
    return Slots(limit, per_second, burst)


def take(
    slots: Slots, name: str, created: datetime = NOW, now: float = 0, client: str = ""
) -> Refusal | None:
    return slots.acquire(Place(client, created, name), f"job-{name}", now)


def test_slots_are_handed_out_up_to_the_limit() -> None:
    s = slots(limit=2)
    assert [take(s, name) for name in "abc"] == [None, None, Refusal(None)]
    assert (s.live, s.waiting) == (2, 1)


def test_the_end_of_a_job_frees_its_slot() -> None:
    s = slots(limit=1)
    take(s, "a")
    take(s, "b")
    assert s.ready() == []
    assert s.ended("job-a")
    assert s.ready() == ["b"]
    assert take(s, "b") is None


def test_the_end_of_a_job_counts_once() -> None:
    s = slots()
    take(s, "a")
    assert s.ended("job-a")
    assert not s.ended("job-a")
    assert s.live == 0


def test_older_uploads_go_first() -> None:
    """Whoever asks while older ones wait does not overtake them."""
    s = slots(limit=1)
    take(s, "running")
    take(s, "young", after(10))
    take(s, "old", EARLIER)
    s.ended("job-running")
    assert s.ready() == ["old"]
    assert take(s, "young", after(10)) == Refusal(None)
    assert take(s, "old", EARLIER) is None


def test_whoever_leaves_makes_room_in_the_line() -> None:
    s = slots(limit=1)
    take(s, "running")
    take(s, "old", EARLIER)
    take(s, "young")
    s.ended("job-running")
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
    s.started("job-elsewhere", "")
    assert take(s, "a") == Refusal(None)


def test_a_full_list_replaces_what_was_known() -> None:
    s = slots(limit=5)
    take(s, "a", now=1)
    s.started("job-missed", "")
    s.replace({"job-x": "", "job-y": ""}, asked=2)
    assert s.live == 2
    assert not s.ended("job-a")


def test_a_slot_taken_during_the_listing_is_kept() -> None:
    """Its Job may have been created just after the server made the list."""
    s = slots(limit=5)
    take(s, "a", now=3)
    s.replace({"job-x": ""}, asked=2)
    assert s.live == 2


def test_a_refused_creation_gives_the_slot_back() -> None:
    s = slots(limit=1)
    take(s, "a")
    s.ended("job-a")
    assert take(s, "b") is None


def test_a_client_with_many_uploads_does_not_hold_up_another() -> None:
    s = slots(limit=2)
    for number in range(5):
        take(s, f"many-{number}", EARLIER, client="many")
    take(s, "one", NOW, client="one")
    s.ended("job-many-0")
    assert s.ready() == ["one"]
    s.ended("job-many-1")
    assert s.ready() == ["many-2", "one"], "both have no Job, so the older upload is first"


def test_jobs_that_others_have_created_count_for_their_client() -> None:
    s = slots(limit=2)
    s.replace({"job-x": "many", "job-y": ""}, asked=0)
    take(s, "many", EARLIER, client="many")
    take(s, "one", NOW, client="one")
    s.ended("job-y")
    assert s.ready() == ["one"]


def test_the_rate_is_kept_in_the_order_of_the_line() -> None:
    """Whoever comes later in line is told a later time, and does not take another's turn."""
    s = slots(limit=10, per_second=2, burst=1)
    take(s, "running")
    assert [take(s, name) for name in "abc"] == [Refusal(0.5), Refusal(1.0), Refusal(1.5)]
    assert take(s, "b", now=0.5) == Refusal(0.5)
    assert take(s, "a", now=0.5) is None
    assert take(s, "b", now=1) is None


def test_after_a_refusal_one_job_at_a_time_is_tried() -> None:
    s = slots(limit=4)
    take(s, "a", now=0)
    s.refused("job-a", 1, None)
    assert (s.limit, s.live) == (2, 0)
    assert take(s, "b", now=2) == Refusal(14)
    assert take(s, "c", now=2) == Refusal(None), "only the first of the line is told when"
    assert take(s, "b", now=16) is None
    assert take(s, "c", now=16) == Refusal(None)
    assert s.ready() == []
    assert s.accepted("job-b", now=17)
    assert s.ready() == ["c"]
    assert take(s, "c", now=17) is None


def test_a_trial_without_an_answer_makes_room_for_the_next() -> None:
    """Its Job may turn up later all the same; that must not block the line."""
    s = slots(limit=4)
    take(s, "a", now=0)
    s.refused("job-a", 1, None)
    assert take(s, "b", now=16) is None
    s.ended("job-b")
    s.started("job-b", "")
    assert take(s, "c", now=16) is None


def test_requests_that_are_refused_together_halve_once() -> None:
    s = slots(limit=8)
    for name in "abc":
        take(s, name, now=0)
    for name in "abc":
        s.refused(f"job-{name}", 1, 5)
    assert (s.limit, s.live) == (4, 0)
    assert take(s, "d", now=1) == Refusal(5)
