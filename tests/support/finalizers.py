"""Lets go of what a test holds with finalizers: else its namespace would never end."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from safelight_local.cluster import Cluster
from safelight_local.errors import LocalError

KINDS: Final = "imageuploads,availableimages,jobs,leases,pods"


@contextmanager
def released(cluster: Cluster, namespace: str) -> Iterator[None]:
    """Strip the finalizers from everything of a namespace when the block ends."""
    try:
        yield
    finally:
        release(cluster, namespace)


def release(cluster: Cluster, namespace: str) -> None:
    """Strip the finalizers from everything of a namespace; what goes meanwhile is gone."""
    listed = cluster.kubectl("get", KINDS, "-n", namespace, "-o", "json")
    for item in json.loads(listed)["items"]:
        metadata = item["metadata"]
        if not metadata.get("finalizers"):
            continue
        patch = json.dumps({"metadata": {"finalizers": None}})
        kind = item["kind"].lower()
        try:
            cluster.kubectl(
                "patch", kind, metadata["name"], "-n", namespace, "--type=merge", "-p", patch
            )
        except LocalError as error:
            if "NotFound" not in str(error):
                raise
