"""Each reason of the closed list, brought about by its real cause, and told alike everywhere."""

import re
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass

import pytest

from safelight_contract.resources import FAILURE_MESSAGES, Failure
from tests.e2e.failures import causes
from tests.e2e.failures.conftest import NO_IMAGE, NO_NODE, ORDINARY, TIGHT, Case
from tests.e2e.releases import Release
from tests.support.waiting import eventually


@dataclass(frozen=True)
class Failing(Case):
    """A cause of a failure and what everybody is told."""

    failure: Failure
    attempts: int
    detail: str = ""
    """Of the Event and the log, as a regular expression."""
    stalled: str | None = None
    """What condition Stalled said on the way."""


CASES = (
    Failing(causes.torn, ORDINARY, Failure.CORRUPT_IMAGE, 1, "exit code 11: .+"),
    Failing(causes.pixel_bomb, ORDINARY, Failure.IMAGE_TOO_LARGE, 1, "exit code 12: .+"),
    Failing(causes.lying_type, ORDINARY, Failure.UNSUPPORTED_FORMAT, 1, "exit code 10: .+"),
    Failing(causes.source_removed, ORDINARY, Failure.SOURCE_MISSING, 1, "exit code 13: .+"),
    Failing(causes.source_changed, ORDINARY, Failure.CHECKSUM_MISMATCH, 1, "exit code 14: .+"),
    Failing(causes.id_taken, ORDINARY, Failure.ID_CONFLICT, 1),
    Failing(causes.too_large_for_its_memory, TIGHT, Failure.OUT_OF_MEMORY, 2),
    Failing(causes.endless, TIGHT, Failure.DEADLINE_EXCEEDED, 1),
    Failing(causes.upload, NO_IMAGE, Failure.DEADLINE_EXCEEDED, 1, "", "ImagePullFailed"),
    Failing(causes.upload, NO_NODE, Failure.DEADLINE_EXCEEDED, 1, "", "Unschedulable"),
    Failing(causes.jobs_deleted, ORDINARY, Failure.OUTPUT_MISSING, 2, "the Job has vanished"),
    Failing(causes.killed_twice, ORDINARY, Failure.INTERNAL_ERROR, 2, "exit code 137"),
    Failing(
        *(causes.storage_cut, ORDINARY, Failure.STORAGE_UNAVAILABLE, 4),
        *("exit code 20: .+", "StorageUnavailable"),
    ),
)


def test_every_reason_has_a_case() -> None:
    assert {case.failure for case in CASES} == set(Failure)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_failure_is_told_truthfully(
    begun: Mapping[Case, Future[str]], releases: Mapping[str, Release], case: Failing
) -> None:
    """Status, condition, Event and log agree on the reason, after the right number of attempts."""
    release, upload_id = releases[case.release], begun[case].result(timeout=240)
    message = FAILURE_MESSAGES[case.failure]

    last = release.client.wait(upload_id, seconds=240, interval=0.2).last

    error = {"code": case.failure, "message": message}
    assert last == {"status": "failed", "available_image": None, "error": error}
    upload = release.cluster.get("imageupload", upload_id)
    assert upload is not None
    assert upload["status"]["attempt"] == case.attempts
    (condition,) = upload["status"]["conditions"]
    told = [condition[name] for name in ("type", "status", "reason", "message")]
    assert told == ["Succeeded", "False", case.failure, message]
    if case.stalled:
        assert case.stalled in release.stalls(upload_id)
    (line,) = [line for line in release.log(upload_id) if line["message"] == "Failed"]
    assert (line["reason"], line["attempt"]) == (case.failure, case.attempts)
    assert re.search(case.detail, line["why"])
    note = f"Attempt {case.attempts}: {line['why'] or case.failure}"
    event = ("Warning", case.failure, note)
    eventually(lambda: release.events(upload_id), lambda seen: event in seen)

    assert release.client.http.delete(f"/api/image-upload/{upload_id}").status_code == 204
    eventually(lambda: release.bucket.keys_of(upload_id), lambda stored: stored == [])
    assert release.cluster.get("availableimage", upload_id) is None
