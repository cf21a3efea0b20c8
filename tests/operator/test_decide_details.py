"""What the steps carry whose kinds `test_decide.py` tells."""

from dataclasses import replace

from safelight_contract.resources import Failure, Progress
from safelight_operator.actions import Discard, Fail, Publish, Retry, SetStatus, StartAttempt, Wait
from safelight_operator.decide import decide, started
from safelight_operator.world import Output
from tests.operator.making import (
    FAILED_JOB,
    NOTHING_STORED,
    NOW,
    OTHER_UID,
    PUBLISHED,
    RULES,
    after,
    expired,
    failed,
    image,
    job,
    pod,
    retrying,
    running,
    upload,
    world,
)


def test_the_image_is_published_as_it_was_checked() -> None:
    action = decide(world(upload=upload(running()), output=Output(PUBLISHED)), RULES, NOW)
    assert action == Publish(PUBLISHED)


def test_publishing_is_written_once_the_image_exists() -> None:
    action = decide(world(upload=upload(running()), image=image()), RULES, NOW)
    assert isinstance(action, SetStatus)
    assert action.status.progress is Progress.PUBLISHING


def test_a_started_attempt_is_recorded_with_its_job() -> None:
    action = decide(world(upload=upload(retrying(NOW)), jobs=(job(2),)), RULES, NOW)
    assert isinstance(action, SetStatus)
    assert action.status.attempt == 2
    assert action.status.job_name == job(2).name
    assert action.status.retry_after is None
    assert action.status.progress is Progress.RUNNING


def test_an_id_conflict_keeps_the_other_images_objects() -> None:
    other = image(upload_uid=OTHER_UID)
    action = decide(world(upload=upload(), image=other), RULES, NOW)
    assert isinstance(action, Fail)
    assert action.failure is Failure.ID_CONFLICT
    assert action.keep_objects
    assert decide(world(upload=upload(expired()), image=other), RULES, NOW) == Discard(
        keep_images=True
    )


def test_a_retry_goes_on_with_the_next_attempt_and_a_full_budget() -> None:
    """As many attempts as an upload has that never failed, with the same waits."""
    action = decide(world(upload=upload(failed(attempt=4), retry="again")), RULES, NOW)
    assert isinstance(action, Retry)
    status = action.status
    assert (status.progress, status.attempt) == (Progress.QUEUED, 4)
    assert (status.observed_retry, status.retried_attempts) == ("again", 4)
    delays = []
    for attempt in (5, 6, 7, 8):
        queued = upload(status, retry="again")
        assert decide(world(upload=queued), RULES, NOW) == StartAttempt(attempt)
        seen = world(
            upload=upload(started(queued, attempt, job(attempt).name, NOW), retry="again"),
            jobs=(job(attempt, failure="BackoffLimitExceeded", active=0, ready=0),),
            output=NOTHING_STORED,
            pods=(pod(exit_code=20),),
        )
        action = decide(seen, RULES, NOW)
        assert isinstance(action, SetStatus | Fail)
        if isinstance(action, SetStatus):
            assert action.status.retry_after is not None
            delays.append((action.status.retry_after - NOW).total_seconds())
            status = replace(action.status, retry_after=NOW)
    assert isinstance(action, Fail)
    assert delays == [10, 20, 40]


def test_a_retry_that_was_asked_for_before_the_failure_does_not_count() -> None:
    """Nobody had seen the failure then; it would be tried again before anybody did."""
    seen = world(
        upload=upload(running(), retry="early"),
        jobs=(FAILED_JOB,),
        output=NOTHING_STORED,
        pods=(pod(exit_code=11),),
    )
    action = decide(seen, RULES, NOW)
    assert isinstance(action, Fail)
    now_failed = upload(action.status, retry="early")
    assert isinstance(decide(world(upload=now_failed), RULES, NOW), Wait)
    assert isinstance(decide(world(upload=replace(now_failed, retry="late")), RULES, NOW), Retry)


def test_a_failure_is_marked_as_expired_before_anything_of_it_goes() -> None:
    """So that a retry is either seen before, or refused after."""
    action = decide(world(upload=upload(failed(after(-3600)))), RULES, NOW)
    assert isinstance(action, SetStatus)
    assert action.status.expired
    assert action.status.failed_at == after(-3600)
