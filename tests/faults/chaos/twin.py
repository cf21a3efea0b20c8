"""A second operator with a Lease of its own: both lead, which must do no harm."""

import copy
import json
from typing import Any, Final

from tests.faults.chaos.release import Release

NAME: Final = "safelight-twin"
_OPERATOR: Final = "safelight-operator"
_READY_WITHIN: Final = "--timeout=60s"


def start(release: Release) -> None:
    """Have it run, and wait until it is ready.

    Raises:
        LocalError: the API server does not answer, or it is not ready in time.
    """
    text = release.kubectl("get", "deployment", _OPERATOR, "--output=json")
    release.cluster.apply(twin(json.loads(text)), *_rights(release.namespace))
    release.kubectl("rollout", "status", f"deployment/{NAME}", _READY_WITHIN)


def stop(release: Release) -> None:
    """Remove it.

    Raises:
        LocalError: the API server does not answer.
    """
    kinds = "deployment,role,rolebinding,lease"
    release.kubectl("delete", kinds, NAME, "--ignore-not-found", "--wait=false")


def twin(deployment: dict[str, Any]) -> dict[str, Any]:
    """Return the operator's Deployment as one of another name, with another Lease."""
    spec = copy.deepcopy(deployment["spec"])
    labels = {"app.kubernetes.io/name": NAME}
    spec |= {"selector": {"matchLabels": labels}, "replicas": 1}
    spec["template"]["metadata"]["labels"] = labels
    (container,) = spec["template"]["spec"]["containers"]
    for variable in container["env"]:
        if variable["name"] == "SAFELIGHT_LEASE_NAME":
            variable["value"] = NAME
    namespace = deployment["metadata"]["namespace"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": spec,
    }


def _rights(namespace: str) -> list[dict[str, Any]]:
    """Return what lets the operator's account use the Lease."""
    group = "rbac.authorization.k8s.io"
    metadata = {"name": NAME, "namespace": namespace}
    rule = {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "resourceNames": [NAME],
        "verbs": ["get", "update"],
    }
    account = {"kind": "ServiceAccount", "name": _OPERATOR, "namespace": namespace}
    return [
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": [rule]},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": NAME},
            "subjects": [account],
        },
    ]
