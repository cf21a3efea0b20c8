from typing import Any

import pytest

from safelight_contract.line import Place
from safelight_contract.unreadable import UnreadableError
from safelight_operator import metrics
from safelight_operator.inbox import PASS_DELAY, PASSES, Inbox
from safelight_operator.queue import KeyedQueue
from safelight_operator.slots import Slots
from safelight_operator.world import Job
from tests.operator.making import ID, NOW

OTHER = ID.replace("1", "9")
CREATED = "2026-11-24T12:00:00Z"


def resource(name: str = ID, **status: Any) -> dict[str, Any]:  # noqa: ANN401 - a status of any shape
    return {"metadata": {"name": name, "creationTimestamp": CREATED}, "status": status}


def job(upload_id: str = ID, status: dict[str, Any] | None = None) -> dict[str, Any]:
    metadata = {
        "name": f"safelight-{upload_id}-1",
        "uid": "job",
        "creationTimestamp": CREATED,
        "ownerReferences": [
            {
                "apiVersion": "safelight.dev/v1alpha1",
                "kind": "ImageUpload",
                "name": upload_id,
                "uid": "uid",
                "controller": True,
            }
        ],
    }
    return {"metadata": metadata, "status": status or {}}


COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}]}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worked() -> list[str]:
    return []


@pytest.fixture
async def inbox(worked: list[str], clock: Clock) -> Inbox:
    async def work(key: str) -> None:
        worked.append(key)

    return Inbox(KeyedQueue(work, workers=1, clock=clock), Slots(1, 100))


async def seen(inbox: Inbox, worked: list[str]) -> list[str]:
    """Return the ids that were put into the queue since the last call."""
    worked.clear()
    while inbox.queue.depth:
        await inbox.queue.work_once()
    return list(worked)


async def test_every_event_of_an_upload_is_looked_at(inbox: Inbox, worked: list[str]) -> None:
    inbox.upload_event(resource())
    assert await seen(inbox, worked) == [ID]
    assert inbox.removed == {}


async def test_a_deleted_upload_is_evidence(inbox: Inbox, worked: list[str]) -> None:
    inbox.upload_event(resource())
    inbox.upload_event(resource(), deleted=True)
    assert await seen(inbox, worked) == [ID]
    assert inbox.removed[ID].passes == PASSES


async def test_what_the_operator_has_deleted_itself_is_settled(
    inbox: Inbox,
    worked: list[str],
) -> None:
    inbox.settled.add(ID)
    inbox.upload_event(resource(), deleted=True)
    assert await seen(inbox, worked) == []
    assert (inbox.removed, inbox.settled) == ({}, set())


async def test_objects_are_removed_in_two_passes_with_time_between(
    inbox: Inbox,
    clock: Clock,
) -> None:
    """However often it is looked at in between."""
    inbox.mark_removed(ID)
    assert inbox.is_removed(ID)
    inbox.removal_done(ID)
    assert not inbox.is_removed(ID)
    inbox.queue.add(ID)
    assert not inbox.is_removed(ID)
    assert inbox.queue.release_due() == PASS_DELAY
    clock.now += PASS_DELAY
    assert inbox.is_removed(ID)
    inbox.removal_done(ID)
    assert inbox.removed == {}


async def test_an_image_is_removed_in_one(inbox: Inbox, worked: list[str]) -> None:
    inbox.image_deleted(ID)
    assert await seen(inbox, worked) == [ID]
    assert inbox.is_removed(ID)
    inbox.removal_done(ID)
    assert inbox.removed == {}


async def test_a_hint_for_an_unknown_id_is_ignored(inbox: Inbox, worked: list[str]) -> None:
    """It must not lead to a look that finds nothing and cleans up."""
    assert not inbox.hint(ID)
    assert await seen(inbox, worked) == []
    inbox.upload_event(resource())
    assert inbox.hint(ID)
    assert inbox.hinted == {ID}


async def test_a_job_is_looked_at_when_it_tells_news(inbox: Inbox, worked: list[str]) -> None:
    inbox.upload_event(resource())
    await seen(inbox, worked)
    inbox.job_event(job())
    inbox.job_event(job(status={"active": 1}))
    assert await seen(inbox, worked) == []
    inbox.job_event(job(status={"active": 1, "ready": 1}))
    assert await seen(inbox, worked) == [ID]
    inbox.job_event(job(status={"active": 1, "ready": 1, "terminating": 0}))
    assert await seen(inbox, worked) == []
    inbox.job_event(job(status=COMPLETE))
    assert await seen(inbox, worked) == [ID]


async def test_a_job_that_vanishes_is_news(inbox: Inbox, worked: list[str]) -> None:
    inbox.upload_event(resource())
    inbox.job_event(job())
    await seen(inbox, worked)
    inbox.job_event(job(), deleted=True)
    assert await seen(inbox, worked) == [ID]


async def test_a_job_of_nobody_is_no_news(inbox: Inbox, worked: list[str]) -> None:
    inbox.job_event(job(), deleted=True)
    inbox.job_event(job("not-an-id"))
    assert await seen(inbox, worked) == []


async def test_the_end_of_a_job_wakes_who_waits(inbox: Inbox, worked: list[str]) -> None:
    inbox.job_event(job())
    assert inbox.slots.acquire(Place("", NOW, OTHER), "job-other", 0) is not None
    inbox.job_event(job(status=COMPLETE))
    assert await seen(inbox, worked) == [OTHER]


async def test_a_full_list_finds_what_vanished_without_an_event(
    inbox: Inbox,
    worked: list[str],
) -> None:
    inbox.upload_event(resource())
    inbox.upload_event(resource(OTHER))
    await seen(inbox, worked)
    inbox.listed([resource(OTHER)], [], asked=0)
    assert sorted(await seen(inbox, worked)) == sorted([ID, OTHER])
    assert inbox.removed[ID].passes == PASSES


async def test_after_a_gap_nothing_is_concluded_from_a_list(
    inbox: Inbox,
    worked: list[str],
) -> None:
    """As when the definitions were deleted and are there again, empty."""
    inbox.upload_event(resource())
    await seen(inbox, worked)
    inbox.forget()
    inbox.listed([], [], asked=0)
    assert await seen(inbox, worked) == []
    assert inbox.removed == {}


async def test_jobs_that_outlive_a_definition_are_no_evidence(inbox: Inbox) -> None:
    """From the moment in which a kind is missing, for all Jobs that the next list has alone."""
    outlived, later = Job.from_dict(job()), Job.from_dict(job(OTHER))
    inbox.listed([], [job()], inbox.queue.now())
    assert inbox.are_evidence([outlived]), "its upload was deleted while nobody looked"
    inbox.not_served()
    assert not inbox.are_evidence([outlived])
    assert not inbox.are_evidence([later])
    inbox.listed([resource(OTHER)], [job(), job(OTHER)], inbox.queue.now())
    assert not inbox.are_evidence([outlived])
    assert inbox.are_evidence([later])
    assert inbox.are_evidence([outlived, later])


async def test_a_full_list_counts_the_live_jobs_and_looks_at_all(
    inbox: Inbox,
    worked: list[str],
) -> None:
    inbox.listed([resource(OTHER)], [job(), job(OTHER, status=COMPLETE)], asked=0)
    assert inbox.slots.live == 1
    assert sorted(await seen(inbox, worked)) == sorted([ID, OTHER])


async def test_stalled_uploads_are_counted_by_their_reason(inbox: Inbox) -> None:
    stalled = {"type": "Stalled", "status": "True", "reason": "QuotaExceeded"}
    for name, conditions in ((ID, [stalled]), (OTHER, [stalled])):
        inbox.upload_event(resource(name, conditions=conditions))
    inbox.measure()
    assert stalls() == {"QuotaExceeded": 2}
    inbox.upload_event(resource(conditions=[stalled | {"reason": "Unschedulable"}]))
    inbox.upload_event(resource(OTHER))
    inbox.measure()
    assert stalls() == {"Unschedulable": 1}


def stalls() -> dict[str, float]:
    (family,) = metrics.UPLOADS_STALLED.collect()
    return {sample.labels["reason"]: sample.value for sample in family.samples}


async def test_what_is_told_during_a_look_outlives_it(inbox: Inbox) -> None:
    """The look found that the objects are needed; what it read may be older than the news."""
    inbox.image_deleted(ID)
    assert inbox.is_removed(ID)
    inbox.image_deleted(ID)
    inbox.nothing_to_remove(ID)
    assert inbox.is_removed(ID)
    inbox.nothing_to_remove(ID)
    assert not inbox.is_removed(ID)


NO_TIME: dict[str, Any] = {"conditions": [{"type": "Succeeded"}]}
"""A status of an upload that nobody can read."""
NO_NUMBER: dict[str, Any] = {"active": "one"}
"""The same of a Job."""


async def test_an_upload_that_cannot_be_read_is_there_and_waits(
    inbox: Inbox, worked: list[str]
) -> None:
    inbox.upload_event(resource(**NO_TIME))
    assert await seen(inbox, worked) == []
    assert inbox.aside.holds("ImageUpload", ID)
    inbox.listed([resource(**NO_TIME), resource(OTHER)], [], asked=0)
    assert await seen(inbox, worked) == [OTHER]
    assert inbox.removed == {}, "it has not vanished"
    inbox.measure()
    assert metrics.OLDEST_PENDING_SECONDS._value.get() > 0  # noqa: SLF001 - the other's age
    inbox.upload_event(resource())
    assert await seen(inbox, worked) == [ID], "a change is looked at"
    inbox.upload_event(resource(**NO_TIME))
    inbox.listed([resource(OTHER)], [], asked=0)
    assert not inbox.aside.holds("ImageUpload", ID)
    assert await seen(inbox, worked) == [ID, OTHER], "it has vanished"


async def test_the_deletion_of_what_cannot_be_read_is_seen(inbox: Inbox, worked: list[str]) -> None:
    inbox.upload_event(resource(**NO_TIME))
    inbox.upload_event(resource(**NO_TIME), deleted=True)
    assert await seen(inbox, worked) == [ID]
    assert ID in inbox.removed
    assert not inbox.aside.holds("ImageUpload", ID)


@pytest.mark.parametrize("by_list", [False, True], ids=["watch", "list"])
async def test_a_job_that_cannot_be_read_has_its_place(inbox: Inbox, *, by_list: bool) -> None:
    name = job()["metadata"]["name"]
    if by_list:
        inbox.listed([], [job(status=NO_NUMBER)], asked=0)
    else:
        inbox.job_event(job(status=NO_NUMBER))
    assert inbox.slots.live == 1
    assert inbox.aside.holds("Job", name)
    inbox.job_event(job(status=NO_NUMBER), deleted=True)
    assert inbox.slots.live == 0
    assert not inbox.aside.holds("Job", name)
    inbox.job_event(job(status=NO_NUMBER))
    inbox.job_event(job(status=COMPLETE))
    assert inbox.slots.live == 0
    assert not inbox.aside.holds("Job", name)


@pytest.mark.parametrize("by_list", [False, True], ids=["watch", "list"])
async def test_a_foreign_job_is_nothing_to_lists_and_watches(
    inbox: Inbox, worked: list[str], *, by_list: bool
) -> None:
    foreign = job()
    del foreign["metadata"]["ownerReferences"]
    foreign["metadata"]["labels"] = {
        "app.kubernetes.io/managed-by": "safelight-operator",
        "safelight.dev/upload-id": ID,
        "safelight.dev/attempt": "1",
    }
    inbox.upload_event(resource())
    await seen(inbox, worked)
    if by_list:
        inbox.listed([resource()], [foreign], asked=0)
        assert await seen(inbox, worked) == [ID], "for the upload's own sake"
    else:
        inbox.job_event(foreign)
        assert await seen(inbox, worked) == []
    assert inbox.slots.live == 0


async def test_an_image_that_was_set_aside_is_looked_at_when_it_changes(
    inbox: Inbox, worked: list[str]
) -> None:
    inbox.image_changed(ID)
    assert await seen(inbox, worked) == []
    inbox.aside.put("AvailableImage", resource(), UnreadableError("no spec"))
    inbox.image_changed(ID)
    assert await seen(inbox, worked) == [ID]
    inbox.image_deleted(ID)
    assert not inbox.aside.holds("AvailableImage", ID)


async def test_names_that_are_no_ids_are_nothing(inbox: Inbox, worked: list[str]) -> None:
    for odd in ({}, {"metadata": None}, {"metadata": {"name": 5}}, resource("no-id")):
        inbox.upload_event(odd)
        inbox.upload_event(odd, deleted=True)
        inbox.job_event(odd)
        inbox.listed([odd], [odd], asked=0)
    assert await seen(inbox, worked) == []
    assert (inbox.uploads, inbox.removed, inbox.slots.live) == ({}, {}, 0)
