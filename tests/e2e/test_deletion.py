"""Deleting anything, at any moment, leaves nothing behind and never hangs."""

import time
from collections.abc import Iterator

import pytest

from safelight_contract import resources
from safelight_operator.inbox import PASS_DELAY
from tests.e2e.conftest import Cluster
from tests.e2e.releases import installed
from tests.support import photos
from tests.support.bucket import Bucket
from tests.support.client import Client
from tests.support.waiting import eventually


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.3, 0.6, 0.9])
def test_upload_deleted_half_way(
    client: Client, cluster: Cluster, bucket: Bucket, delay: float
) -> None:
    """After the 204 nothing appears, in no place, at whatever step processing was."""
    upload_id = client.upload(photos.photo(3000, 2000))["id"]
    time.sleep(delay)

    answer = client.http.delete(f"/api/image-upload/{upload_id}")

    if answer.status_code == 404:  # it was processed already: the image is what is deleted
        answer = client.http.delete(f"/api/available-image/{upload_id}")
    assert answer.status_code == 204
    selector = f"{resources.LABEL_UPLOAD_ID}={upload_id}"
    eventually(lambda: cluster.names("jobs", selector), lambda seen: seen == [])
    eventually(lambda: bucket.keys_of(upload_id), lambda stored: stored == [])
    for _ in range(10):
        status = client.http.get(f"/api/image-upload/{upload_id}/status")
        assert status.status_code == 404
        assert status.json() == {"status": "not_found", "available_image": None}
        assert cluster.get("availableimage", upload_id) is None
        time.sleep(0.2)
    # A pod that was storing its files just then may have gone on for a moment; its files go when
    # the operator looks again.
    eventually(lambda: cluster.names("pods", selector), lambda seen: seen == [])
    eventually(lambda: bucket.keys_of(upload_id), lambda stored: stored == [], PASS_DELAY + 30)
    assert client.http.delete(f"/api/image-upload/{upload_id}").status_code == 404


def test_kubectl_delete_of_an_upload(client: Client, cluster: Cluster, bucket: Bucket) -> None:
    """An operator's delete ends the Job and removes the file."""
    upload_id = client.upload(photos.photo(3000, 2000))["id"]

    cluster.kubectl("delete", "imageupload", upload_id, "--timeout=20s")

    eventually(lambda: bucket.keys_of(upload_id), lambda stored: stored == [])
    assert cluster.get("availableimage", upload_id) is None
    assert client.http.get(f"/api/image-upload/{upload_id}/status").status_code == 404


def test_kubectl_delete_of_an_image(client: Client, cluster: Cluster, bucket: Bucket) -> None:
    """The record goes, then its objects."""
    upload_id = client.upload(photos.photo(300, 200))["id"]
    client.wait(upload_id)

    cluster.kubectl("delete", "availableimage", upload_id, "--timeout=20s")

    eventually(lambda: bucket.keys_of(upload_id), lambda stored: stored == [])
    path = f"/api/available-image/{upload_id}"
    eventually(lambda: client.http.get(f"{path}/view").status_code, lambda code: code == 404)
    assert client.http.get(f"/api/image-upload/{upload_id}/status").status_code == 404


def test_api_delete_of_an_image(client: Client, bucket: Bucket) -> None:
    """204 once, 404 from then on, and nothing stays in the bucket."""
    upload_id = client.upload(photos.photo(300, 200))["id"]
    client.wait(upload_id)

    assert client.http.delete(f"/api/available-image/{upload_id}").status_code == 204

    assert client.http.delete(f"/api/available-image/{upload_id}").status_code == 404
    eventually(lambda: bucket.keys_of(upload_id), lambda stored: stored == [])


def test_namespace_deletion_never_hangs(second_release: Cluster) -> None:
    """Deleting everything at once, the operator included, while uploads are on their way."""
    for number in range(3):
        second_release.apply(
            {
                "apiVersion": resources.API_VERSION,
                "kind": resources.IMAGE_UPLOAD.kind,
                "metadata": {
                    "name": f"6f1c9f8e-0000-4000-8000-00000000000{number}",
                    "namespace": second_release.namespace,
                },
                "spec": resources.ImageUploadSpec("a.jpg", "image/jpeg", 3, "0" * 64).to_dict(),
            }
        )
    eventually(lambda: second_release.names("jobs"), lambda seen: len(seen) > 0)

    second_release.kubectl("delete", "namespace", second_release.namespace, "--timeout=90s")

    gone = second_release.kubectl(
        "get", "namespace", second_release.namespace, "--ignore-not-found"
    )
    assert gone == ""


@pytest.fixture
def second_release(cluster: Cluster, bucket: Bucket) -> Iterator[Cluster]:
    """The chart once more, in a namespace that may be deleted."""
    with installed(cluster, bucket, {}) as release:
        yield release.cluster
