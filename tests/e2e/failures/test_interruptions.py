"""What interrupts an attempt and is not the image's fault: it ends available all the same."""

import re
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass

import pytest

from safelight_contract.resources import Progress
from tests.e2e.failures import causes
from tests.e2e.failures.conftest import ORDINARY, Case
from tests.e2e.releases import Release
from tests.support.client import keys_of_image
from tests.support.waiting import eventually


@dataclass(frozen=True)
class Interruption(Case):
    """What ends an attempt."""

    attempt: int
    """The one whose image is published."""
    detail: str
    """What the log says of the attempt before, as a regular expression."""


CASES = (
    Interruption(causes.evicted, ORDINARY, 1, ""),
    Interruption(causes.pod_deleted, ORDINARY, 2, "InternalError: .+"),
    Interruption(causes.killed_once, ORDINARY, 2, "InternalError: exit code 137"),
    Interruption(causes.job_deleted, ORDINARY, 2, "OutputMissing: the Job has vanished"),
    Interruption(causes.url_refused, ORDINARY, 2, "StorageUnavailable: .*code 21: .+ refused .+"),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_interrupted_upload_ends_available(
    begun: Mapping[Case, Future[str]], ordinary: Release, case: Interruption
) -> None:
    """An eviction costs no attempt; whatever else ends a pod costs one, and is logged."""
    upload_id = begun[case].result(timeout=120)

    last = ordinary.client.wait(upload_id, interval=0.2).last

    assert last["status"] == "processed"
    image = f"images/{upload_id}/{case.attempt}/image.jpg"
    assert last["available_image"]["path"] == image
    causes_told = [line["why"] for line in ordinary.log(upload_id) if line.get("why")]
    assert len(causes_told) == case.attempt - 1
    assert all(re.fullmatch(case.detail, told) for told in causes_told)
    assert set(ordinary.states(upload_id)) <= set(Progress)
    eventually(
        lambda: ordinary.bucket.keys_of(upload_id),
        lambda stored: stored == keys_of_image(last["available_image"]),
    )

    answer = ordinary.client.http.delete(f"/api/available-image/{upload_id}")
    assert answer.status_code == 204
    eventually(lambda: ordinary.bucket.keys_of(upload_id), lambda stored: stored == [])
