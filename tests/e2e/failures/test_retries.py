"""A failed upload is tried again without being sent again, once its cause is mended."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

import pytest

from safelight_contract import resources
from tests.e2e.failures import causes
from tests.e2e.failures.conftest import ORDINARY, Case
from tests.e2e.releases import Release
from tests.support.client import keys_of_image
from tests.support.waiting import eventually


def through_rest(release: Release, upload_id: str) -> None:
    """Ask as a client does."""
    path = f"/api/image-upload/{upload_id}"
    answer = release.client.http.post(f"{path}/retry")
    assert answer.status_code == 202, answer.text
    assert answer.json()["data"]["id"] == upload_id
    assert answer.headers["location"] == f"{path}/status"
    assert release.client.http.post(f"{path}/retry").status_code == 409


def through_kubectl(release: Release, upload_id: str) -> None:
    """Ask as an administrator does; the API learns of it a moment later."""
    annotation = f"{resources.ANNOTATION_RETRY}=once"
    release.cluster.kubectl("annotate", "imageupload", upload_id, annotation)
    path = f"/api/image-upload/{upload_id}/status"
    eventually(lambda: release.client.http.get(path).json()["status"], lambda s: s != "failed")


@dataclass(frozen=True)
class Retry(Case):
    """A failure, mended and tried again."""

    ask: Callable[[Release, str], None]
    failure: resources.Failure
    attempt: int
    """The one whose image is published: attempts are counted on."""


CASES = (
    Retry(
        *(causes.killed_twice, ORDINARY, through_kubectl),
        *(resources.Failure.INTERNAL_ERROR, 3),
    ),
    Retry(
        *(causes.storage_cut, ORDINARY, through_rest),
        *(resources.Failure.STORAGE_UNAVAILABLE, 5),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_retry(begun: Mapping[Case, Future[str]], ordinary: Release, case: Retry) -> None:
    """From the request on clients see `processing`, then the image."""
    upload_id = begun[case].result(timeout=120)
    last = ordinary.client.wait(upload_id, seconds=240, interval=0.2).last
    assert last["error"]["code"] == case.failure

    ordinary.gate.open(upload_id)
    case.ask(ordinary, upload_id)
    history = ordinary.client.wait(upload_id, interval=0.1)

    assert history.last["status"] == "processed", history.last
    image = f"images/{upload_id}/{case.attempt}/image.jpg"
    assert history.last["available_image"]["path"] == image
    eventually(
        lambda: ordinary.bucket.keys_of(upload_id),
        lambda stored: stored == keys_of_image(history.last["available_image"]),
    )
    ordinary.forget(upload_id)
