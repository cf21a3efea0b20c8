"""kubectl on a real API server that has the definitions."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from safelight_contract.resources import Kind
from safelight_local.cluster import Cluster
from safelight_local.errors import LocalError


class Kubectl:
    """kubectl in the namespace of one test."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace

    def __call__(self, *arguments: str, stdin: object = None) -> str:
        """Run it, and return what it printed."""
        text = None if stdin is None else json.dumps(stdin)
        return self.cluster.kubectl("-n", self.namespace, *arguments, stdin=text)

    def create(self, *resources: Mapping[str, Any]) -> str:
        """Create resources."""
        items = {"apiVersion": "v1", "kind": "List", "items": resources}
        return self("create", "-f", "-", stdin=items)

    def refusal(self, *arguments: str) -> str:
        """Run what must fail, and return the error."""
        with pytest.raises(LocalError) as refused:
            self(*arguments)
        return str(refused.value)

    def patch(self, kind: Kind, name: str, change: object) -> list[str]:
        """Return the arguments of a merge patch."""
        return ["patch", kind.singular, name, "--type=merge", f"--patch={json.dumps(change)}"]

    def set_conditions(self, kind: Kind, name: str, *conditions: Mapping[str, object]) -> None:
        """Write a status, as the operator does."""
        status = {"observedGeneration": 1, "conditions": conditions}
        self(*self.patch(kind, name, {"status": status}), "--subresource=status")


@pytest.fixture
def kubectl(kubernetes: Cluster, namespace: str) -> Kubectl:
    """Return it, in the namespace of the test."""
    return Kubectl(kubernetes, namespace)
