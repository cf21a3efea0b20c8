"""The chart, installed for one run: with a namespace and a bucket of its own, and many tokens."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from safelight_contract.resources import LABEL_UPLOAD_ID, Condition
from safelight_local import images, install, network, object_storage, up
from safelight_local.control_plane import NODE
from safelight_local.install import Installation, Storage, merged
from safelight_local.progress import Progress
from safelight_local.stack import Stack
from tests.faults.chaos import hostile
from tests.faults.chaos.targets import wake_all

NAME: Final = "safelight-chaos"
"""Of the namespace, and of the bucket."""
CLIENTS: Final = ("c1", "c2", "c3", "c4")
"""The names of the tokens."""
NODE_PORT: Final = network.NODE_PORTS[1]
URL: Final = f"http://127.0.0.1:{NODE_PORT}"
_DEPLOYMENTS: Final = ("deployment/safelight-api", "deployment/safelight-operator")


@dataclass(frozen=True, slots=True)
class Release(Installation):
    """An installation with several clients."""

    def tokens(self) -> dict[str, str]:
        """Return the tokens by the names of the clients."""
        return {client: f"{self.token()}-{client}" for client in (*CLIENTS, hostile.NAME)}

    def secrets(self) -> list[dict[str, Any]]:
        """Return the Secrets that the chart expects, with the hash of each client's token."""
        tokens, *others = Installation.secrets(self)
        hashes = {
            name: hashlib.sha256(token.encode()).hexdigest()
            for name, token in self.tokens().items()
        }
        return [{**tokens, "stringData": hashes}, *others]

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the namespace; a silent API server costs ten seconds.

        Raises:
            LocalError: it failed.
        """
        return self.cluster.kubectl(
            f"--namespace={self.namespace}", "--request-timeout=10s", *arguments
        )

    def get(self, resource: str, selector: str = "") -> list[dict[str, Any]]:
        """Return all objects of a kind, or those with a label.

        Raises:
            LocalError: the API server does not answer.
        """
        found = self.kubectl("get", resource, f"--selector={selector}", "--output=json")
        items: list[dict[str, Any]] = json.loads(found)["items"]
        return items

    @property
    def processor_image(self) -> str:
        """The image of the Jobs' pods."""
        values = self.values()
        registry, tag = values["image"]["registry"], values["processor"]["image"]["tag"]
        return f"{registry}/safelight-processor:{tag}"

    def unfinished(self) -> list[str]:
        """Return what is still under way: uploads that have not failed, Jobs and pods without one.

        A failed upload keeps its Jobs and their pods. Kubernetes removes a pod after its Job, and a
        kubelet that was away when the Job went does so later.

        Raises:
            LocalError: the API server does not answer.
        """
        uploads = {item["metadata"]["name"]: failed(item) for item in self.get("imageuploads")}
        left = [
            item["metadata"]["name"]
            for kind in ("jobs", "pods")
            for item in self.get(kind, LABEL_UPLOAD_ID)
            if item["metadata"]["labels"][LABEL_UPLOAD_ID] not in uploads
        ]
        return [name for name, has_failed in uploads.items() if not has_failed] + left

    def operators(self, number: int) -> None:
        """Have so many operators, and wait until they are ready.

        Raises:
            LocalError: the API server does not answer, or they are not ready in time.
        """
        self.kubectl("scale", "deployment/safelight-operator", f"--replicas={number}")
        self.kubectl("rollout", "status", "deployment/safelight-operator", "--timeout=60s")

    def leader(self) -> str:
        """Return the name of the pod that holds the operators' Lease.

        Raises:
            LocalError: the API server does not answer.
        """
        path = "-o=jsonpath={.spec.holderIdentity}"
        return self.kubectl("get", "lease", "safelight-operator", path)

    def upgrade(self, progress: Progress) -> None:
        """Change a value that replaces the pods of the API and of the operator.

        Raises:
            LocalError: Helm failed; the next try repairs what this one left.
        """
        changed = {"podAnnotations": {"safelight.dev/upgraded": "true"}}
        values = merged(self.images, {"api": changed, "operator": changed})
        replace(self, images=values).install(progress)


@contextmanager
def installed(
    stack: Stack, values: Mapping[str, Any], state: Path, progress: Progress
) -> Iterator[Release]:
    """Install the chart for the length of a block, and leave the cluster healthy afterwards.

    Args:
        stack: the local cluster, which runs.
        values: of the chart; they win over those of the installation.
        state: a folder for what the installation remembers.
        progress: is told each step.

    Raises:
        LocalError: it cannot be installed, or the cluster does not get healthy again.
    """
    release = Release(
        cluster=stack.plane.cluster(),
        helm=stack.node.binaries / "helm",
        namespace=NAME,
        storage=Storage(
            endpoint=stack.storage.endpoint,
            bucket=NAME,
            region=object_storage.REGION,
            access_key_id=stack.storage.access_key_id,
            secret_access_key=stack.storage.secret_access_key,
        ),
        images=merged(up.image_values(images.ensure(stack.node, progress)), values),
        api={"service": {"type": "NodePort", "nodePort": NODE_PORT}},
        state=state,
    )
    _remove(release, stack)
    # The release of `make up` would only be restarted until the kubelet hesitates to.
    _scale(release, install.NAMESPACE, 0)
    stack.storage.create_bucket(NAME)
    try:
        release.install(progress)
        yield release
    finally:
        with progress.step("Bring the cluster back to health"):
            heal(stack)
            _remove(release, stack)
            _scale(release, install.NAMESPACE, 1)


def heal(stack: Stack) -> None:
    """Have every part of the local cluster run.

    Raises:
        LocalError: one does not, or the node does not get ready.
    """
    wake_all(stack, NAME)
    stack.storage.start()
    cluster = stack.plane.start()
    stack.node.start_containerd()
    stack.node.start_kubelet()
    cluster.kubectl("wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=90s")


def _remove(release: Release, stack: Stack) -> None:
    # What is removed need not end what it is doing.
    now = ("--force", "--grace-period=0", "--ignore-not-found")
    release.cluster.kubectl("delete", "deployments", "--all", f"--namespace={NAME}", *now)
    release.cluster.kubectl("delete", "pods", "--all", f"--namespace={NAME}", *now)
    release.cluster.kubectl("delete", "namespace", NAME, "--ignore-not-found", "--timeout=150s")
    shutil.rmtree(stack.storage.directory / "data" / NAME, ignore_errors=True)


def _scale(release: Release, namespace: str, replicas: int) -> None:
    release.cluster.kubectl("-n", namespace, "scale", *_DEPLOYMENTS, f"--replicas={replicas}")
    for deployment in _DEPLOYMENTS:
        release.cluster.kubectl("-n", namespace, "rollout", "status", deployment, "--timeout=120s")


def failed(upload: Mapping[str, Any]) -> bool:
    """Say whether an ImageUpload has failed."""
    conditions = upload.get("status", {}).get("conditions", [])
    return any(c["type"] == Condition.SUCCEEDED and c["status"] == "False" for c in conditions)
