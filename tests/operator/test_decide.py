from dataclasses import dataclass, replace

import pytest

from safelight_contract.job import MAX_ATTEMPTS, PERMANENT_EXIT_CODES, ExitCode
from safelight_contract.resources import (
    FAILURE_MESSAGES,
    Condition,
    Failure,
    Progress,
)
from safelight_contract.stalls import Stall
from safelight_operator import conditions
from safelight_operator.actions import (
    Action,
    Confirm,
    DeleteJobs,
    Discard,
    Fail,
    Finish,
    Look,
    Part,
    Publish,
    RemoveLeftovers,
    RemoveObjects,
    Retry,
    SetStatus,
    StartAttempt,
    Wait,
    Withdraw,
)
from safelight_operator.decide import Rules, decide, started
from safelight_operator.endings import classify
from safelight_operator.world import Output, Pod, World
from tests.operator.making import (
    EARLIER,
    NOW,
    OTHER_UID,
    PUBLISHED,
    after,
    expired,
    failed,
    image,
    job,
    pod,
    publishing,
    retried,
    retrying,
    running,
    stalled,
    upload,
    world,
)

RULES = Rules.of(failed_retention=3600, stalled_after=60)
NOTHING_STORED = Output(None)
SECOND_AFTER_RETRY = started(upload(retried()), 2, job(2).name, NOW)
COMPLETE = job(complete=True, active=0, ready=0)
FAILED = job(failure="BackoffLimitExceeded", active=0, ready=0)


@dataclass(frozen=True)
class Case:
    """A world, and the kind of step that must follow."""

    name: str
    world: World
    step: type[Action]
    until: float | None = None
    """For Wait: seconds after NOW."""


CASES = (
    # Nobody uses the id, or nobody does any more.
    Case("a hint or a sweep names an id that was never seen", world(), Wait),
    Case(
        "the upload was deleted before anything was published", world(removed=True), RemoveObjects
    ),
    Case("the upload was deleted, a Job is still there", world(jobs=(job(),)), DeleteJobs),
    Case("the upload is being deleted", world(upload=upload(running(), deleting=True)), Wait),
    Case("the upload was deleted, its image is unconfirmed", world(image=image()), Withdraw),
    Case(
        "the upload is held by a foreign finalizer, its image is unconfirmed",
        world(upload=upload(publishing(), deleting=True), image=image()),
        Withdraw,
    ),
    Case(
        "a rebuilt image that is about to be confirmed",
        world(image=replace(image(), rebuilt=True)),
        Wait,
    ),
    Case("an image as it should be", world(image=image(ready=True)), Wait),
    Case(
        "an image with something left over",
        world(image=image(ready=True), removed=True),
        RemoveLeftovers,
    ),
    # Before an attempt.
    Case("a new upload", world(upload=upload()), StartAttempt),
    Case(
        "a new upload under an id that was used before",
        world(upload=upload(), removed=True),
        StartAttempt,
    ),
    Case("its Job exists already", world(upload=upload(), jobs=(job(),)), SetStatus),
    Case(
        "an earlier owner's Job has the name",
        world(upload=upload(), jobs=(job(owner_uid=OTHER_UID),)),
        Wait,
        until=5,
    ),
    Case("a retry is not yet due", world(upload=upload(retrying(after(7)))), Wait, until=7),
    Case("a retry is due", world(upload=upload(retrying(NOW))), StartAttempt),
    Case("a retry's Job exists", world(upload=upload(retrying(NOW)), jobs=(job(2),)), SetStatus),
    Case("no attempt is left", world(upload=upload(retrying(NOW, MAX_ATTEMPTS))), Fail),
    # During an attempt.
    Case("the Job runs", world(upload=upload(running()), jobs=(job(),)), Wait),
    Case(
        "the Job runs, a hint came",
        world(upload=upload(running()), jobs=(job(),), hinted=True),
        Look,
    ),
    Case(
        "the Job runs, a hint came, the output is there",
        world(upload=upload(running()), jobs=(job(),), hinted=True, output=Output(PUBLISHED)),
        Publish,
    ),
    Case(
        "the Job runs, a hint came too early or from nowhere",
        world(upload=upload(running()), jobs=(job(),), hinted=True, output=NOTHING_STORED),
        Wait,
    ),
    Case("the Job is complete", world(upload=upload(running()), jobs=(COMPLETE,)), Look),
    Case(
        "the Job is complete, the output is there",
        world(upload=upload(running()), jobs=(COMPLETE,), output=Output(PUBLISHED)),
        Publish,
    ),
    Case("the Job failed", world(upload=upload(running()), jobs=(FAILED,)), Look),
    Case(
        "the Job failed after it had committed its output",
        world(upload=upload(running()), jobs=(FAILED,), output=Output(PUBLISHED)),
        Publish,
    ),
    Case("the Job has vanished", world(upload=upload(running())), Look),
    Case(
        "the Job is another upload's",
        world(upload=upload(running()), jobs=(job(owner_uid="x"),)),
        Look,
    ),
    Case("only an older Job is there", world(upload=upload(running(2)), jobs=(job(1),)), Look),
    Case(
        "the Job has vanished, the output is there",
        world(upload=upload(running()), output=Output(PUBLISHED)),
        Publish,
    ),
    # A pod that does not start.
    Case(
        "a pod that starts",
        world(upload=upload(running()), jobs=(job(ready=0, started=after(-59)),)),
        Wait,
        until=1,
    ),
    Case("a pod that does not start", world(upload=upload(running()), jobs=(job(ready=0),)), Look),
    Case(
        "its image cannot be pulled",
        world(
            upload=upload(running()),
            jobs=(job(ready=0),),
            pods=(pod(waiting=Stall.IMAGE_PULL_FAILED),),
        ),
        SetStatus,
    ),
    Case(
        "no pod was created",
        world(upload=upload(running()), jobs=(job(ready=0, active=0),), pods=()),
        SetStatus,
    ),
    Case(
        "it is known to be stalled",
        world(
            upload=upload(stalled(Stall.IMAGE_PULL_FAILED)),
            jobs=(job(ready=0),),
            pods=(pod(waiting=Stall.IMAGE_PULL_FAILED),),
        ),
        Wait,
        until=60,
    ),
    Case(
        "it is stalled for another reason now",
        world(
            upload=upload(stalled(Stall.UNSCHEDULABLE)),
            jobs=(job(ready=0),),
            pods=(pod(waiting=Stall.IMAGE_PULL_FAILED),),
        ),
        SetStatus,
    ),
    Case(
        "it was stalled and runs",
        world(upload=upload(stalled(Stall.UNSCHEDULABLE)), jobs=(job(),)),
        SetStatus,
    ),
    Case(
        "it was stalled and runs, as only the pod shows",
        world(
            upload=upload(stalled(Stall.UNSCHEDULABLE)),
            jobs=(job(ready=0),),
            pods=(pod(running=True),),
        ),
        SetStatus,
    ),
    Case(
        "it is being created, slowly",
        world(upload=upload(running()), jobs=(job(ready=0),), pods=(pod(),)),
        Wait,
        until=60,
    ),
    # The replacement.
    Case(
        "the image is there, unconfirmed", world(upload=upload(running()), image=image()), SetStatus
    ),
    Case("the upload is Publishing", world(upload=upload(publishing()), image=image()), Confirm),
    Case(
        "the image is confirmed",
        world(upload=upload(publishing()), image=image(ready=True)),
        Finish,
    ),
    Case("the image was deleted by somebody", world(upload=upload(publishing())), Discard),
    Case(
        "the id has another upload's image",
        world(upload=upload(running()), image=image(upload_uid=OTHER_UID)),
        Fail,
    ),
    # After a failure.
    Case("a failure stays", world(upload=upload(failed(after(-3599)))), Wait, until=1),
    Case("the retention is over", world(upload=upload(failed(after(-3600)))), SetStatus),
    Case("it has expired", world(upload=upload(expired())), Discard),
    Case("a retry is asked for", world(upload=upload(failed(), retry="again")), Retry),
    Case(
        "a retry is asked for when the retention is over",
        world(upload=upload(failed(after(-3600)), retry="again")),
        Retry,
    ),
    Case(
        "a retry is asked for when it has expired",
        world(upload=upload(expired(), retry="again")),
        Discard,
    ),
    Case("a retry was asked for", world(upload=upload(retried(), retry="again")), StartAttempt),
    Case(
        "a retry is asked for beside another upload's image",
        world(upload=upload(failed(), retry="again"), image=image(upload_uid=OTHER_UID)),
        Retry,
    ),
    Case(
        "it is retried beside another upload's image",
        world(upload=upload(retried(), retry="again"), image=image(upload_uid=OTHER_UID)),
        Fail,
    ),
    Case(
        "no attempt is left for a retry",
        world(upload=upload(retried(MAX_ATTEMPTS), retry="again")),
        Fail,
    ),
    Case(
        "a sleeper has published an attempt that failed before the retry",
        world(upload=upload(SECOND_AFTER_RETRY), image=image()),
        Withdraw,
    ),
    Case(
        "a failure wins over an image that nobody has seen",
        world(upload=upload(failed()), image=image()),
        Withdraw,
    ),
    Case(
        "a failed upload beside another upload's image",
        world(upload=upload(failed(NOW)), image=image(upload_uid=OTHER_UID)),
        Wait,
        until=3600,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_next_step(case: Case) -> None:
    action = decide(case.world, RULES, NOW)
    assert isinstance(action, case.step), action
    if isinstance(action, Wait):
        assert action.until == (None if case.until is None else after(case.until))


def test_a_wait_is_never_in_the_past() -> None:
    """A Wait in the past would be an endless loop."""
    for case in CASES:
        action = decide(case.world, RULES, NOW)
        if isinstance(action, Wait) and action.until is not None:
            assert action.until > NOW, case.name


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
    seen = world(upload=upload(running()), jobs=(FAILED,))
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
        jobs=(FAILED,),
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


@pytest.mark.parametrize("jobs", [(COMPLETE,), ()], ids=["complete", "vanished"])
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


def test_publishing_never_fails_and_a_failure_never_publishes() -> None:
    """The two rules that keep a reader from seeing two different ends, over all worlds here."""
    for case in CASES:
        if case.world.upload is None:
            continue
        for status, forbidden in (
            (publishing(), (Fail, StartAttempt)),
            (failed(NOW), (Publish, Confirm, StartAttempt, SetStatus)),
        ):
            seen = replace(case.world, upload=replace(case.world.upload, status=status))
            if seen.image is not None and seen.image.upload_uid == OTHER_UID:
                continue
            assert not isinstance(decide(seen, RULES, NOW), forbidden), case.name
