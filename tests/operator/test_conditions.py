import pytest

from safelight_contract.resources import Condition, Failure, Progress
from safelight_contract.stalls import Stall
from safelight_operator import conditions
from safelight_operator.conditions import Entry, Status
from tests.operator.making import (
    EARLIER,
    NOW,
    expired,
    failed,
    publishing,
    retried,
    retrying,
    running,
    stalled,
)


def entry(**changes: str) -> Entry:
    fields = {"status": "Unknown", "reason": "Queued", "message": "…"} | changes
    return Entry("Succeeded", fields["status"], fields["reason"], fields["message"], 1, NOW)


@pytest.mark.parametrize("changes", [{"reason": "Running"}, {"status": "False"}])
def test_the_time_changes_with_the_condition(changes: dict[str, str]) -> None:
    old = conditions.put((), Entry("Succeeded", "Unknown", "Queued", "…", 1, EARLIER))
    (new,) = conditions.put(old, entry(**changes))
    assert new.last_transition == NOW


def test_the_time_stays_with_the_condition() -> None:
    old = conditions.put((), Entry("Succeeded", "Unknown", "Queued", "…", 1, EARLIER))
    (new,) = conditions.put(old, entry(message="other words"))
    assert new.last_transition == EARLIER
    assert new.message == "other words"


def test_other_conditions_stay_in_their_place() -> None:
    before = stalled(Stall.UNSCHEDULABLE).conditions
    changed = conditions.put(before, entry(reason="Publishing"))
    assert [e.type for e in changed] == [e.type for e in before] == ["Succeeded", "Stalled"]


@pytest.mark.parametrize(
    "status",
    [
        Status(),
        running(),
        publishing(2),
        retrying(NOW),
        failed(),
        retried(3),
        expired(),
        stalled(Stall.CONFIG_ERROR),
    ],
    ids=["new", "running", "publishing", "retrying", "failed", "retried", "expired", "stalled"],
)
def test_a_status_is_read_as_it_was_written(status: Status) -> None:
    written = {k: v for k, v in status.to_patch(3).items() if v is not None}
    assert Status.from_dict(written) == status


def test_a_patch_removes_what_is_absent() -> None:
    """Times are written in whole seconds, in UTC."""
    assert Status(conditions=(entry(),)).to_patch(3) == {
        "observedGeneration": 3,
        "attempt": 0,
        "jobName": None,
        "retryAfter": None,
        "observedRetry": None,
        "retriedAttempts": None,
        "conditions": [
            {
                "type": "Succeeded",
                "status": "Unknown",
                "reason": "Queued",
                "message": "…",
                "observedGeneration": 1,
                "lastTransitionTime": "2026-11-24T12:00:00Z",
            },
        ],
    }


def test_progress_and_failure_are_told_apart() -> None:
    assert running().progress is Progress.RUNNING
    assert running().failed_at is None
    assert failed(NOW).progress is None
    assert failed(NOW).failed_at == NOW
    assert Status().progress is None


def test_a_reason_of_somebody_else_is_no_progress() -> None:
    assert Status(conditions=(entry(reason="Elsewhere"),)).progress is None


def test_a_failure_has_its_reason_and_ends_a_stall() -> None:
    status = conditions.failed(stalled(Stall.CONFIG_ERROR), Failure.OUT_OF_MEMORY, None, 1, NOW)
    succeeded = conditions.find(status.conditions, Condition.SUCCEEDED)
    assert succeeded is not None
    assert (succeeded.status, succeeded.reason) == ("False", "OutOfMemory")
    assert status.stalled is None


def test_ready_is_true_once_written() -> None:
    assert conditions.is_ready(conditions.read(conditions.ready(1, NOW)))
    assert not conditions.is_ready(())
