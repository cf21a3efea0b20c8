from typing import Any

import pytest

from safelight_operator import manifest, owners
from safelight_operator.owners import Owner
from tests.operator import making
from tests.operator.making import ID, UID

POD_OF = {"apiVersion": "batch/v1", "kind": "Job", "name": "x", "uid": "job", "controller": True}


def ours() -> dict[str, Any]:
    """Return a Job as the operator makes it."""
    return manifest.job(making.upload(), making.request(attempt=12), making.PROCESSOR)


def test_a_job_of_the_operator_is_known_by_its_owner() -> None:
    assert owners.upload_of(ours()) == Owner(ID, UID, 12)


def test_labels_say_nothing() -> None:
    job = ours()
    job["metadata"]["labels"] = {}
    assert owners.upload_of(job) == Owner(ID, UID, 12)
    job = ours()
    del job["metadata"]["ownerReferences"]
    assert owners.upload_of(job) is None


@pytest.mark.parametrize(
    "change",
    [
        {"apiVersion": "example.com/v1"},
        {"apiVersion": 1},
        {"kind": "AvailableImage"},
        {"name": "22222222-2222-4222-8222-222222222222"},
        {"controller": False},
        {"controller": "true"},
        {"uid": ""},
        {"uid": None},
        {"uid": ["x"]},
    ],
    ids=str,
)
def test_another_reference_makes_it_none_of_ours(change: dict[str, Any]) -> None:
    job = ours()
    job["metadata"]["ownerReferences"][0] |= change
    assert owners.upload_of(job) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "safelight",
        f"safelight-{ID}",
        f"safelight-{ID}-0",
        f"safelight-{ID}-x",
        f"safelight-{ID}-100",
        f"safelight-{ID}-\N{SUPERSCRIPT TWO}",
        f"x-{ID}-1",
        7,
        None,
    ],
)
def test_a_name_that_the_operator_does_not_give_makes_it_none_of_ours(name: object) -> None:
    job = ours()
    job["metadata"]["name"] = name
    assert owners.upload_of(job) is None


@pytest.mark.parametrize(
    "references", [None, "x", {}, [], [None], ["x"], [[]], [{"controller": True}], 5]
)
def test_whatever_stands_there_is_none_of_ours(references: object) -> None:
    job = ours()
    job["metadata"]["ownerReferences"] = references
    assert owners.upload_of(job) is None
    assert not owners.is_pod_of(job, "job")


def test_a_pod_belongs_to_the_job_of_its_owner() -> None:
    pod: dict[str, Any] = {"metadata": {"ownerReferences": [POD_OF]}}
    assert owners.is_pod_of(pod, "job")
    assert not owners.is_pod_of(pod, "another")
    assert not owners.is_pod_of({"metadata": {"labels": {"job-name": "x"}}}, "job")
    pod["metadata"]["ownerReferences"] = [POD_OF | {"controller": False}]
    assert not owners.is_pod_of(pod, "job")
