from dataclasses import dataclass, replace

import pytest

from safelight_contract.job import MAX_ATTEMPTS
from safelight_contract.stalls import Stall
from safelight_operator.actions import (
    Action,
    Confirm,
    DeleteJobs,
    Discard,
    Fail,
    Finish,
    Look,
    Publish,
    RemoveLeftovers,
    RemoveObjects,
    Retry,
    SetStatus,
    StartAttempt,
    Wait,
    Withdraw,
)
from safelight_operator.decide import decide, started
from safelight_operator.world import Output, World
from tests.operator.making import (
    COMPLETE_JOB,
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
    publishing,
    retried,
    retrying,
    running,
    stalled,
    upload,
    world,
)

SECOND_AFTER_RETRY = started(upload(retried()), 2, job(2).name, NOW)


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
    Case("the Job is complete", world(upload=upload(running()), jobs=(COMPLETE_JOB,)), Look),
    Case(
        "the Job is complete, the output is there",
        world(upload=upload(running()), jobs=(COMPLETE_JOB,), output=Output(PUBLISHED)),
        Publish,
    ),
    Case("the Job failed", world(upload=upload(running()), jobs=(FAILED_JOB,)), Look),
    Case(
        "the Job failed after it had committed its output",
        world(upload=upload(running()), jobs=(FAILED_JOB,), output=Output(PUBLISHED)),
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
