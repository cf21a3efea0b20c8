"""No object stops the rest: odd ones are put into a real API server, and all others go on."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from safelight_contract import pages
from safelight_contract.resources import AVAILABLE_IMAGE, IMAGE_UPLOAD, LABEL_MANAGED_BY, MANAGER
from safelight_local.cluster import Cluster as LocalCluster
from safelight_operator import manifest
from safelight_operator.app import Operator
from safelight_operator.canary import JOBS
from safelight_operator.cluster import Cluster
from safelight_operator.lease import MAX_TRANSITIONS, Lease
from safelight_operator.owners import job_name
from safelight_operator.settings import Settings
from tests.operator.conftest import Started
from tests.operator.faults import Driven
from tests.operator.playing import Json, Stage, eventually
from tests.support import answers
from tests.support.finalizers import released

KIB = 1024
SECONDS = 30
FREE = "33333333-3333-4333-8333-333333333333"
"""The id of an image that belongs to no upload."""
LEVELS = 1_200
"""Python's decoder gives up after 1,000 unless it is told otherwise."""
FAILED = {
    "type": "Succeeded",
    "status": "False",
    "reason": "CorruptImage",
    "message": "It is damaged.",
    "lastTransitionTime": "2026-11-24T12:00:00Z",
}
POISON = {"conditions": [FAILED | {"lastTransitionTime": "0000-01-01T00:00:00Z"}]}


@pytest.fixture(autouse=True)
def _released(kubernetes: LocalCluster, namespace: str) -> Iterator[None]:
    with released(kubernetes, namespace):
        yield


def foreign_job(name: str, **metadata: Any) -> Json:  # noqa: ANN401 - metadata of any shape
    """Return a Job of somebody else, with the operator's label; it never ends."""
    container = {"name": "x", "image": "localhost/none:1"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {LABEL_MANAGED_BY: MANAGER}, **metadata},
        "spec": {
            "suspend": True,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }


def nested(levels: int) -> Json:
    """Return a change of who manages which fields: a tree that is as deep as that."""
    tree: Json = {}
    for _ in range(levels):
        tree = {"f:x": tree}
    entry = {
        "manager": "x",
        "operation": "Update",
        "apiVersion": "safelight.dev/v1alpha1",
        "fieldsType": "FieldsV1",
        "fieldsV1": tree,
    }
    return {"metadata": {"managedFields": [entry]}}


async def test_foreign_jobs_take_no_places(stage: Stage, started: Started) -> None:
    """Neither in the list at the start nor in the watch; and they are left alone."""
    names = [f"foreign-{number}" for number in range(4)]
    for name in names[:2]:
        await stage.kubernetes.create("jobs", foreign_job(name))
    async with started(max_concurrent_jobs=2) as operator:
        for name in names[2:]:
            await stage.kubernetes.create("jobs", foreign_job(name))
        uploads = [await stage.post() for _ in range(2)]
        for upload_id in uploads:
            await stage.until(upload_id, "Running", SECONDS)
        assert operator.inbox.slots.live == 2
        await operator.resync.once()
        assert operator.inbox.slots.live == 2
        third = await stage.post()
        await stage.until(third, "Queued", SECONDS)
        await stage.process(uploads[0])
        await stage.until(uploads[0], "processed", SECONDS)
        await stage.until(third, "Running", SECONDS)
    assert {job["metadata"]["name"] for job in await stage.kubernetes.list("jobs")} >= set(names)


async def test_a_foreign_job_of_an_upload_that_is_gone_is_left_alone(
    stage: Stage, settings: Settings
) -> None:
    upload_id = await stage.post()
    labels = {LABEL_MANAGED_BY: MANAGER, "safelight.dev/upload-id": upload_id}
    await stage.kubernetes.create("jobs", foreign_job("foreign", labels=labels))
    async with Driven(settings) as driven:
        await driven.drive()
        await stage.kubernetes.delete(IMAGE_UPLOAD.plural, upload_id)
        await driven.removed(upload_id)
        await driven.drive()
        assert stage.bucket.stored() == []
    assert await stage.kubernetes.get("jobs", "foreign") is not None


async def test_a_foreign_job_of_the_attempts_name_is_told_and_waited_for(
    stage: Stage, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safelight_operator.decide.FOREIGN_JOB_DELAY", timedelta(seconds=0.2))
    upload_id, other = await stage.post(), await stage.post()
    name = job_name(upload_id, 1)
    await stage.kubernetes.create("jobs", foreign_job(name))
    async with started(max_concurrent_jobs=2):
        await stage.until(other, "Running", SECONDS)
        event = await stage.event("JobRefused")
        assert upload_id in event["metadata"]["name"]
        assert "not made" in event["message"]
        await stage.kubernetes.delete("jobs", name)
        await stage.process(other)
        await stage.until(other, "processed", SECONDS)
        await stage.until(upload_id, "Running", SECONDS)


async def test_an_upload_that_cannot_be_read_is_set_aside_until_it_changes(
    stage: Stage, started: Started
) -> None:
    odd = await stage.post()
    await stage.kubernetes.patch(IMAGE_UPLOAD.plural, odd, {"status": POISON}, "/status")
    later = await stage.post()
    async with started() as operator:
        await stage.until(later, "Running", SECONDS)
        event = await stage.event("Unreadable")
        assert (event["type"], event["involvedObject"]["name"]) == ("Warning", odd)
        assert "lastTransitionTime" in event["message"]
        assert operator.inbox.aside.holds(IMAGE_UPLOAD.kind, odd)
        await operator.resync.once()
        assert stage.bucket.stored(), "its original is kept"
        assert operator.inbox.removed == {}
        # Another one turns odd while it is watched.
        await stage.kubernetes.patch(IMAGE_UPLOAD.plural, later, {"status": POISON}, "/status")
        await eventually(
            lambda: held(operator, IMAGE_UPLOAD.kind, later), lambda seen: seen, SECONDS
        )
        await stage.kubernetes.patch(
            IMAGE_UPLOAD.plural, odd, {"status": {"conditions": None}}, "/status"
        )
        await stage.until(odd, "Running", SECONDS)
        assert not operator.inbox.aside.holds(IMAGE_UPLOAD.kind, odd)


async def held(operator: Operator, kind: str, name: str) -> bool:
    """Say whether an object is set aside."""
    return operator.inbox.aside.holds(kind, name)


async def test_heavy_and_nested_objects_stop_no_watch(stage: Stage, started: Started) -> None:
    """Of each kind, at the start and while it is watched."""

    async def burden(upload_id: str) -> None:
        heavy = {"metadata": {"annotations": {"example.com/heavy": "\x01" * 200 * KIB}}}
        await stage.kubernetes.patch(IMAGE_UPLOAD.plural, upload_id, heavy)
        await stage.kubernetes.patch(IMAGE_UPLOAD.plural, upload_id, nested(LEVELS))

    first = await stage.post()
    await burden(first)
    async with started() as operator:
        await stage.until(first, "Running", SECONDS)
        second = await stage.post()
        await burden(second)
        await stage.until(second, "Running", SECONDS)
        job = job_name(second, 1)
        await stage.kubernetes.patch("jobs", job, nested(LEVELS) | {"spec": {"suspend": False}})
        image = await stage.kubernetes.create(AVAILABLE_IMAGE.plural, manifest.probe(FREE))
        for number in range(2):
            heavy = {"example.com/heavy": f"{number}" + "a" * 240 * KIB}
            await stage.kubernetes.patch(
                AVAILABLE_IMAGE.plural, FREE, {"metadata": {"annotations": heavy}}
            )
        await stage.kubernetes.delete(AVAILABLE_IMAGE.plural, FREE)

        async def removed() -> bool:
            return FREE in operator.inbox.removed

        assert image["metadata"]["name"] == FREE
        await eventually(removed, lambda seen: seen, SECONDS)
        await stage.process(second)
        await stage.until(second, "processed", SECONDS)


@pytest.mark.parametrize("text", ["{", "[1]", "7"])
async def test_what_kopf_would_read_holds_up_no_event(
    stage: Stage, started: Started, text: str
) -> None:
    """The annotation in which Kopf keeps an object's last state; anybody may write it."""
    odd = {"metadata": {"annotations": {"safelight.dev/last-handled-configuration": text}}}
    async with started() as operator:
        upload_id = await stage.post()
        await stage.until(upload_id, "Running", SECONDS)
        await stage.kubernetes.patch(IMAGE_UPLOAD.plural, upload_id, odd)
        await stage.kubernetes.create("jobs", foreign_job("foreign", **odd["metadata"]))
        await operator.resync.once()

        async def overdue() -> dict[str, float]:
            kinds = (IMAGE_UPLOAD.plural, JOBS)
            return {kind: operator.canary.overdue(kind) for kind in kinds}

        await eventually(overdue, lambda seen: not any(seen.values()), SECONDS)


async def test_lists_are_bounded_by_bytes(
    stage: Stage, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundredth of the budget, and objects of a hundredth of the largest size."""
    uploads = [await stage.post(b"x") for _ in range(20)]
    heavy = {"metadata": {"annotations": {"example.com/heavy": "a" * 30 * KIB}}}
    for upload_id in uploads:
        await stage.kubernetes.patch(IMAGE_UPLOAD.plural, upload_id, heavy)
    monkeypatch.setattr(pages, "PAGE_BYTES", 60 * KIB)
    answers.bound(monkeypatch, 250 * KIB)
    for _ in range(2):
        listed = await cluster.list_all_uploads()
        assert sorted(each["metadata"]["name"] for each in listed) == sorted(uploads)
        assert len(json.dumps(listed)) < 20 * KIB
    (sizes,) = cluster._transport.page_sizes.values()  # noqa: SLF001 - nothing else tells of them
    assert 30 * KIB < sizes.largest <= 250 * KIB
    huge = {"metadata": {"annotations": {"example.com/heavy": "a" * 250 * KIB}}}
    await stage.kubernetes.patch(IMAGE_UPLOAD.plural, uploads[7], huge)
    listed = await cluster.list_all_uploads()
    assert sorted(each["metadata"]["name"] for each in listed) == sorted(uploads)
    assert {"metadata": {"name": uploads[7]}} in listed


@pytest.mark.parametrize(
    "spec",
    [
        {"leaseTransitions": MAX_TRANSITIONS, "leaseDurationSeconds": 1},
        {"leaseDurationSeconds": 2**31 - 1},
        {"renewTime": "0001-01-01T00:00:00.000000Z", "acquireTime": "9999-12-31T23:59:59.999999Z"},
        {},
    ],
    ids=["transitions", "duration", "times", "empty"],
)
async def test_whatever_stands_in_the_lease_somebody_leads(
    stage: Stage, cluster: Cluster, spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safelight_operator.lease.LONGEST_DURATION", 0.5)
    monkeypatch.setattr("safelight_operator.lease.DURATION", 1.0)
    body = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "leader", "finalizers": ["example.com/held"]},
        "spec": spec | {"holderIdentity": "gone"},
    }
    await stage.kubernetes.create("leases", body)
    lease = Lease(cluster, "leader", "operator-0")

    async def leads() -> bool:
        return await lease._try()  # noqa: SLF001 - one try; `acquire` waits for two seconds

    await eventually(leads, lambda seen: seen, SECONDS)
    found = await stage.kubernetes.get("leases", "leader")
    assert found is not None
    assert found["spec"]["holderIdentity"] == "operator-0"
    await lease.release()
