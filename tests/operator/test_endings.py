"""How an attempt that has ended is judged, and what the decision makes of that."""

from dataclasses import dataclass, replace

import pytest

from safelight_contract.job import PERMANENT_EXIT_CODES, ExitCode
from safelight_contract.resources import FAILURE_MESSAGES, Condition, Failure, Progress
from safelight_contract.stalls import Stall
from safelight_operator import conditions
from safelight_operator.actions import Fail, Look, Part, SetStatus
from safelight_operator.decide import decide, started
from safelight_operator.endings import classify
from safelight_operator.world import Pod, World
from tests.operator.making import (
    COMPLETE_JOB,
    EARLIER,
    FAILED_JOB,
    NOTHING_STORED,
    NOW,
    RULES,
    job,
    pod,
    running,
    stalled,
    upload,
    world,
)


def test_deadline_exceeded_needs_no_pod() -> None:
    over = job(failure="DeadlineExceeded", active=0, ready=0)
    action = decide(
        world(upload=upload(running()), jobs=(over,), output=NOTHING_STORED),
        RULES,
        NOW,
    )
    assert isinstance(action, Fail)
    assert action.failure is Failure.DEADLINE_EXCEEDED


def test_a_failed_job_is_asked_for_its_pods_after_its_output() -> None:
    seen = world(upload=upload(running()), jobs=(FAILED_JOB,))
    assert decide(seen, RULES, NOW) == Look(Part.OUTPUT)
    assert decide(replace(seen, output=NOTHING_STORED), RULES, NOW) == Look(Part.PODS)


@dataclass(frozen=True)
class Ending:
    """How a pod ended, the reason that stands for it, and how often that may happen."""

    name: str
    pods: tuple[Pod, ...]
    failure: Failure
    attempts: int


ENDINGS = (
    *(
        Ending(
            ExitCode(code).name.lower(),
            (pod(exit_code=code),),
            {
                ExitCode.UNSUPPORTED_FORMAT: Failure.UNSUPPORTED_FORMAT,
                ExitCode.CORRUPT_IMAGE: Failure.CORRUPT_IMAGE,
                ExitCode.IMAGE_TOO_LARGE: Failure.IMAGE_TOO_LARGE,
                ExitCode.SOURCE_MISSING: Failure.SOURCE_MISSING,
                ExitCode.CHECKSUM_MISMATCH: Failure.CHECKSUM_MISMATCH,
            }[ExitCode(code)],
            1,
        )
        for code in PERMANENT_EXIT_CODES
    ),
    Ending("storage away", (pod(exit_code=20),), Failure.STORAGE_UNAVAILABLE, 4),
    Ending("URL expired", (pod(exit_code=21),), Failure.STORAGE_UNAVAILABLE, 4),
    Ending("it spun", (pod(exit_code=24),), Failure.DEADLINE_EXCEEDED, 1),
    Ending("it noticed", (pod(exit_code=30),), Failure.OUT_OF_MEMORY, 2),
    Ending("OOM-killed", (pod(exit_code=137, out_of_memory=True),), Failure.OUT_OF_MEMORY, 2),
    Ending(
        "a child was OOM-killed", (pod(exit_code=1, out_of_memory=True),), Failure.OUT_OF_MEMORY, 2
    ),
    Ending("killed", (pod(exit_code=137),), Failure.INTERNAL_ERROR, 2),
    Ending("segfault", (pod(exit_code=139),), Failure.INTERNAL_ERROR, 2),
    Ending("unknown code", (pod(exit_code=77),), Failure.INTERNAL_ERROR, 2),
    Ending("no pod left", (), Failure.INTERNAL_ERROR, 2),
    Ending(
        "evicted, then bad",
        (
            pod(exit_code=137, disrupted=True, created=NOW),
            pod(exit_code=11, created=EARLIER),
        ),
        Failure.CORRUPT_IMAGE,
        1,
    ),
)


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.name)
def test_how_a_failed_job_ends(ending: Ending) -> None:
    """Up to the last allowed attempt another one follows, after it the upload fails."""
    assert classify(ending.pods).failure is ending.failure
    for attempt in range(1, ending.attempts + 1):
        seen = world(
            upload=upload(running(attempt)),
            jobs=(job(attempt, failure="BackoffLimitExceeded", active=0, ready=0),),
            output=NOTHING_STORED,
            pods=ending.pods,
        )
        action = decide(seen, RULES, NOW)
        if attempt < ending.attempts:
            assert isinstance(action, SetStatus)
            assert action.status.progress is Progress.QUEUED
            assert action.status.retry_after is not None
            assert action.status.attempt == attempt
        else:
            assert isinstance(action, Fail)
            assert action.failure is ending.failure
            assert not action.keep_objects


@pytest.mark.parametrize(
    ("code", "stall"),
    [(20, Stall.STORAGE_UNAVAILABLE), (21, Stall.STORAGE_FORBIDDEN), (137, None)],
)
def test_what_the_storage_does_to_an_attempt_is_told_apart(code: int, stall: Stall | None) -> None:
    """While the next attempt is waited for in the condition, and at the end in the Event."""
    action = decide(failed_attempt(1, code), RULES, NOW)
    assert isinstance(action, SetStatus)
    told = action.status.stalled
    assert (None if told is None else told.reason) == stall
    next_one = started(upload(action.status), 2, job(2).name, NOW)
    assert next_one.stalled is None
    last = decide(failed_attempt(4, code), RULES, NOW)
    assert isinstance(last, Fail)
    assert last.status.stalled is None
    if stall is not None:
        assert last.failure is Failure.STORAGE_UNAVAILABLE
        assert last.detail == f"exit code {code} ({stall})"


def failed_attempt(attempt: int, code: int) -> World:
    """Return a world whose attempt has ended with an exit code."""
    return world(
        upload=upload(running(attempt)),
        jobs=(job(attempt, failure="BackoffLimitExceeded", active=0, ready=0),),
        output=NOTHING_STORED,
        pods=(pod(exit_code=code),),
    )


def test_faults_of_the_storage_are_retried_more_and_more_slowly() -> None:
    delays = []
    for attempt in (1, 2, 3):
        action = decide(failed_attempt(attempt, 20), RULES, NOW)
        assert isinstance(action, SetStatus)
        assert action.status.retry_after is not None
        delays.append((action.status.retry_after - NOW).total_seconds())
    assert delays == [10, 20, 40]


@pytest.mark.parametrize("jobs", [(COMPLETE_JOB,), ()], ids=["complete", "vanished"])
def test_an_attempt_without_output_is_repeated_once(jobs: tuple[()]) -> None:
    seen = world(upload=upload(running()), jobs=jobs, output=NOTHING_STORED)
    first = decide(seen, RULES, NOW)
    assert isinstance(first, SetStatus)
    assert first.status.retry_after == NOW
    second = decide(replace(seen, upload=upload(running(2)), jobs=()), RULES, NOW)
    assert isinstance(second, Fail)
    assert second.failure is Failure.OUTPUT_MISSING


def test_no_text_from_outside_enters_a_status() -> None:
    seen = world(
        upload=upload(running()),
        jobs=(job(failure="PodFailurePolicy", active=0, ready=0),),
        output=NOTHING_STORED,
        pods=(pod(exit_code=11, detail="<script>"),),
    )
    action = decide(seen, RULES, NOW)
    assert isinstance(action, Fail)
    entry = conditions.find(action.status.conditions, Condition.SUCCEEDED)
    assert entry is not None
    assert entry.message == FAILURE_MESSAGES[Failure.CORRUPT_IMAGE]
    assert "<script>" in action.detail


def test_the_end_of_an_attempt_ends_its_stall() -> None:
    over = job(failure="DeadlineExceeded", active=0, ready=0)
    seen = world(
        upload=upload(stalled(Stall.UNSCHEDULABLE)),
        jobs=(over,),
        output=NOTHING_STORED,
    )
    action = decide(seen, RULES, NOW)
    assert isinstance(action, Fail)
    assert action.status.stalled is None
