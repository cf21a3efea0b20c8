import json
import os
import signal
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import boto3
import httpx
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from safelight_contract.env import ObjectStoreSettings
from safelight_local import object_storage as object_storage_module
from safelight_local import processes
from safelight_local.cluster import Cluster
from safelight_local.errors import LocalError
from safelight_local.object_storage import ObjectStorage
from tests.support import clusters


def test_serves_our_kinds_to_who_has_the_token(kubernetes: Cluster) -> None:
    assert kubernetes.is_ready()
    served = kubernetes.kubectl("api-resources", "--api-group=safelight.dev", "-o", "name").split()
    assert served == ["availableimages.safelight.dev", "imageuploads.safelight.dev"]
    kubernetes.kubectl("get", "imageuploads,availableimages", "-A")
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


def test_recovers_what_it_had_when_all_of_it_was_killed(
    tmp_path: Path,
    local_binaries: Path,
) -> None:
    plane = clusters.control_plane(tmp_path, local_binaries)
    try:
        plane.start().kubectl("create", "namespace", "kept")
        killed = list(processes.find(tmp_path))
        for process in killed:
            os.kill(process.pid, signal.SIGKILL)
        cluster = plane.start()
        assert cluster.kubectl("get", "namespace", "kept", "-o", "name") == "namespace/kept\n"
        started = {process.pid for process in processes.find(tmp_path)}
        assert started.isdisjoint(process.pid for process in killed)

        plane.start()
        assert {process.pid for process in processes.find(tmp_path)} == started, "nothing to do"

        (victim,) = [p for p in processes.find(tmp_path) if p.name == "kube-controller-manager"]
        os.kill(victim.pid, signal.SIGKILL)
        plane.start()
        others = {process.pid for process in processes.find(tmp_path)} & started
        assert others == started - {victim.pid}, "only the missing one is started"
    finally:
        plane.stop()
    assert list(processes.find(tmp_path)) == []


def test_signs_requests_as_the_standard_says() -> None:
    """The bucket made by `create_bucket` shows that a server takes it; this, that it is exact."""
    server = ObjectStorage(
        directory=Path("unused"),
        binaries=Path("unused"),
        address="127.0.0.1",
        port=7070,
        log=Path("unused"),
        access_key_id="AKIDEXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",  # noqa: S106 - AWS's example
    )
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    request = AWSRequest(method="PUT", url="http://127.0.0.1:7070/photos")
    request.headers["host"] = "127.0.0.1:7070"
    request.context["timestamp"] = now.strftime("%Y%m%dT%H%M%SZ")
    request.headers["x-amz-date"] = request.context["timestamp"]
    request.headers["x-amz-content-sha256"] = sha256(b"").hexdigest()
    account = Credentials(server.access_key_id, server.secret_access_key)
    reference = S3SigV4Auth(account, "s3", object_storage_module.REGION)
    canonical = reference.canonical_request(request)
    signature = reference.signature(reference.string_to_sign(request, canonical), request)
    headers = object_storage_module.signed_headers(server, "PUT", "/photos", now)
    assert headers["authorization"].endswith(f"Signature={signature}")
