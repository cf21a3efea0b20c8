"""The chart once more, in a namespace of its own, with other values and its own bucket."""

import json
import secrets
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from safelight_local import install, paths
from tests.e2e.conftest import Cluster
from tests.e2e.gate import Gate
from tests.support.bucket import Bucket
from tests.support.client import Client

_SMALL: Final[Mapping[str, Any]] = {
    "crds": {"enabled": False},
    # Kubernetes looks at a namespace in deletion again after half of its pods' grace period.
    "limits": {"uploadTotalSeconds": 20},
    "api": {
        "service": {"type": "ClusterIP", "nodePort": 0},
        "resources": {"requests": {"cpu": "10m"}},
    },
    "operator": {"resources": {"requests": {"cpu": "10m"}}},
    "processor": {"cpuRequest": "10m"},
}
"""So that several of them find room on one small node."""
_REASON: Final = '{.status.conditions[?(@.type=="%s")].reason}'
_LINE: Final = (
    "/".join(("{.metadata.name}", _REASON % "Succeeded", _REASON % "Stalled")) + '{"\\n"}'
)
STORAGE: Final = "safelight-storage"
"""Name of the Secret with the storage's account."""
_TOKENS: Final = "safelight-tokens"


@dataclass(frozen=True)
class Release:
    """A release that only one test or one table of tests uses."""

    cluster: Cluster
    client: Client
    bucket: Bucket
    gate: Gate
    """Between all its programs and the S3 server."""
    changes: Path
    """Has a line for each change of an ImageUpload."""

    def states(self, upload_id: str) -> list[str]:
        """Return the reasons of condition Succeeded that an upload has had so far."""
        return self._seen(upload_id, 1)

    def stalls(self, upload_id: str) -> list[str]:
        """Return the reasons of condition Stalled that an upload has had so far."""
        return self._seen(upload_id, 2)

    def _seen(self, upload_id: str, column: int) -> list[str]:
        lines = (line.split("/") for line in self.changes.read_text().splitlines())
        return list(dict.fromkeys(c[column] for c in lines if c[0] == upload_id and c[column]))

    def log(self, upload_id: str) -> list[dict[str, Any]]:
        """Return the lines of the operator's log that speak of an upload."""
        text = self.cluster.kubectl(
            "logs", "--selector=app.kubernetes.io/component=operator", "--tail=-1"
        )
        lines = [json.loads(line) for line in text.splitlines() if upload_id in line]
        return [line for line in lines if line.get("id") == upload_id]

    def events(self, upload_id: str) -> list[tuple[str, str, str]]:
        """Return type, reason and message of each Event of an upload."""
        selector = f"--field-selector=involvedObject.name={upload_id}"
        text = self.cluster.kubectl("get", "events", selector, "--output=json")
        return [(e["type"], e["reason"], e["message"]) for e in json.loads(text)["items"]]

    def forget(self, upload_id: str) -> None:
        """Delete an upload or what has become of it."""
        if self.client.http.delete(f"/api/image-upload/{upload_id}").status_code == 404:
            self.client.http.delete(f"/api/available-image/{upload_id}")


@contextmanager
def installed(
    first: Cluster,
    storage: Bucket,
    values: Mapping[str, Any],
) -> Iterator[Release]:
    """Install the chart, and remove all of it in the end.

    Args:
        first: a release whose images, token and account the new one shares.
        storage: the first one's bucket; the new one gets its own on the same server.
        values: what the chart is given besides.
    """
    name = f"test-{secrets.token_hex(5)}"
    cluster = Cluster({**first.env, "SAFELIGHT_NAMESPACE": name})
    address = urlsplit(first.env["S3_ENDPOINT"])
    with ExitStack() as stack:
        gate = stack.enter_context(Gate((str(address.hostname), int(address.port or 80))))
        bucket = stack.enter_context(_bucket(storage, name))
        stack.callback(gate.close)
        stack.enter_context(_namespace(cluster))
        _copy_secrets(first, cluster)
        _install(first, cluster, gate, values)
        changes = stack.enter_context(_watching(cluster))
        service = cluster.get("service", "safelight-api")
        assert service is not None
        client = Client(f"http://{service['spec']['clusterIP']}", first.env["SAFELIGHT_TOKEN"])
        yield Release(cluster, stack.enter_context(client), bucket, gate, changes)


@contextmanager
def _namespace(cluster: Cluster) -> Iterator[None]:
    name = cluster.namespace
    try:
        cluster.kubectl("create", "--filename=-", document=json.dumps(install.namespace(name)))
        yield
    finally:
        cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")
        kinds = "validatingadmissionpolicy,validatingadmissionpolicybinding"
        cluster.kubectl("delete", kinds, f"{name}-safelight-jobs", "--ignore-not-found")


@contextmanager
def _bucket(storage: Bucket, name: str) -> Iterator[Bucket]:
    storage.s3.create_bucket(Bucket=name)
    bucket = Bucket(replace(storage.settings, bucket=name))
    try:
        yield bucket
    finally:
        for key in bucket.stored():
            bucket.delete(key)
        storage.s3.delete_bucket(Bucket=name)
        bucket.close()


def _copy_secrets(first: Cluster, cluster: Cluster) -> None:
    for name in (_TOKENS, STORAGE):
        secret = first.get("secret", name)
        assert secret is not None
        cluster.apply(secret | {"metadata": {"name": name, "namespace": cluster.namespace}})


def _install(first: Cluster, cluster: Cluster, gate: Gate, more: Mapping[str, Any]) -> None:
    values = json.loads(first.helm("get", "values", "safelight", "--output=json"))
    own = {"objectStorage": {"endpoint": gate.endpoint, "bucket": cluster.namespace}}
    for changes in (_SMALL, own, more):
        values = install.merged(values, changes)
    arguments = ("--values=-", "--wait", "--timeout=150s")
    cluster.helm("install", "safelight", str(paths.CHART), *arguments, document=json.dumps(values))


@contextmanager
def _watching(cluster: Cluster) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile() as file:
        watch = subprocess.Popen(
            [
                *(cluster.env["KUBECTL"], f"--namespace={cluster.namespace}"),
                *("get", "imageuploads", "--watch", f"--output=jsonpath={_LINE}"),
            ],
            env={"KUBECONFIG": cluster.env["KUBECONFIG"], "HOME": "/nonexistent"},
            stdout=file,
        )
        try:
            yield Path(file.name)
        finally:
            watch.terminate()
            watch.wait()
