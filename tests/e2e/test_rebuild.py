"""The cluster has lost its records: they are made again in the operator's pod."""

from safelight_contract.resources import ANNOTATION_REBUILT_AT
from tests.e2e.conftest import Cluster
from tests.support import photos
from tests.support.bucket import Bucket
from tests.support.client import Client
from tests.support.waiting import eventually

OPERATOR = "deployment/safelight-operator"
REBUILD = ("exec", OPERATOR, "--", "safelight-operator", "rebuild")


def test_an_image_comes_back_from_the_bucket(
    client: Client, cluster: Cluster, bucket: Bucket
) -> None:
    """As an administrator does it: with the chart's rights, network and limits."""
    upload_id = client.upload(photos.photo(300, 200))["id"]
    client.wait(upload_id)
    path = f"/api/available-image/{upload_id}"
    before = client.http.get(f"{path}/view").content
    cluster.kubectl("scale", OPERATOR, "--replicas=0")
    cluster.kubectl(
        "wait", "pod", "--for=delete", "--selector=app.kubernetes.io/component=operator"
    )
    cluster.kubectl("delete", "availableimage", upload_id)
    cluster.kubectl("scale", OPERATOR, "--replicas=1")
    cluster.kubectl("rollout", "status", OPERATOR, "--timeout=120s")
    eventually(lambda: client.http.get(path).status_code, lambda code: code == 404)

    assert f"{upload_id} rebuilt from images/" in cluster.kubectl(*REBUILD, "--dry-run")
    assert cluster.get("availableimage", upload_id) is None
    assert f"{upload_id} rebuilt from images/" in cluster.kubectl(*REBUILD)
    assert upload_id not in cluster.kubectl(*REBUILD)

    eventually(lambda: client.http.get(path).status_code, lambda code: code == 200)
    assert client.http.get(f"{path}/view").content == before
    image = cluster.get("availableimage", upload_id)
    assert image is not None
    assert ANNOTATION_REBUILT_AT in image["metadata"]["annotations"]
    assert client.http.delete(path).status_code == 204
    eventually(lambda: bucket.keys_of(upload_id), lambda stored: stored == [])
