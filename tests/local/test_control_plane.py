import json

import boto3
import httpx
import pytest
from botocore.config import Config

from safelight_contract.env import ObjectStoreSettings
from safelight_local.cluster import Cluster
from safelight_local.errors import LocalError


def test_serves_our_kinds_to_who_has_the_token(kubernetes: Cluster) -> None:
    assert kubernetes.is_ready()
    assert kubernetes.kubectl("get", "imageuploads,availableimages", "-A", "-o", "name") == ""
    version = json.loads(kubernetes.kubectl("version", "-o", "json"))
    assert version["serverVersion"]["minor"] == "37"


def test_controllers_run(kubernetes: Cluster, namespace: str) -> None:
    """Each namespace gets its ServiceAccount, and a Job its Pod, from the controller manager."""
    kubernetes.kubectl("-n", namespace, "wait", "--for=create", "serviceaccount/default")
    kubernetes.kubectl("-n", namespace, "create", "job", "j", "--image=none", "--", "true")
    kubernetes.kubectl("-n", namespace, "wait", "--for=create", "pod", "-l", "job-name=j")


def test_refuses_who_has_no_token(kubernetes: Cluster) -> None:
    assert kubernetes.ca_file
    with pytest.raises(LocalError, match="certificate"):
        kubernetes.kubectl("--certificate-authority=/dev/null", "get", "pods")
    with pytest.raises(LocalError, match="Unauthorized"):
        kubernetes.kubectl("--token=wrong", "get", "pods")


def test_each_bucket_is_fresh_and_works(object_storage: ObjectStoreSettings) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=object_storage.endpoint,
        region_name=object_storage.region,
        aws_access_key_id=object_storage.access_key_id,
        aws_secret_access_key=object_storage.secret_access_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    assert client.list_objects_v2(Bucket=object_storage.bucket)["KeyCount"] == 0
    client.put_object(Bucket=object_storage.bucket, Key="a/b", Body=b"text")
    url = client.generate_presigned_url(
        "get_object",
        Params={"Bucket": object_storage.bucket, "Key": "a/b"},
        ExpiresIn=60,
    )
    assert httpx.get(url).content == b"text"
    assert httpx.get(url.split("?", maxsplit=1)[0]).status_code == 403
