"""A real control plane and a real S3 server for one test run, on free ports of 127.0.0.1.

There is no node: Jobs are created and their Pods stay pending, and a test plays the kubelet where
it needs one. Tests with real containers use the local cluster (fixture `installation`).
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path

from safelight_contract.env import ObjectStoreSettings
from safelight_local import object_storage, paths
from safelight_local.cluster import Cluster
from safelight_local.control_plane import ControlPlane, Ports, free_ports
from safelight_local.errors import LocalError
from safelight_local.object_storage import ObjectStorage

_SERVED_WITHIN = 30.0
SERVICES = IPv4Network("198.18.240.0/24")


def control_plane(directory: Path, binaries: Path) -> ControlPlane:
    """Describe a control plane that ends with the test run."""
    return ControlPlane(
        directory=directory,
        binaries=binaries,
        address="127.0.0.1",
        ports=Ports.free(),
        services=SERVICES,
        logs=directory / "logs",
        scheduler=False,
        durable=False,
        bound=True,
    )


@contextmanager
def started_cluster(directory: Path, binaries: Path) -> Iterator[Cluster]:
    """Start a control plane with our CRDs, and stop it in the end."""
    plane = control_plane(directory, binaries)
    try:
        cluster = plane.start()
        install_definitions(cluster)
        yield cluster
    finally:
        plane.stop()


def install_definitions(cluster: Cluster) -> None:
    """Install our CRDs, and wait until their kinds are served."""
    cluster.kubectl("apply", "--server-side", "-f", str(paths.CRDS))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    _wait_served(cluster)


def _wait_served(cluster: Cluster) -> None:
    """Wait until our kinds can be listed: for a moment after they are established they cannot."""
    end = time.monotonic() + _SERVED_WITHIN
    while True:
        try:
            cluster.kubectl("get", "imageuploads,availableimages", "--all-namespaces")
        except LocalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


@contextmanager
def started_object_storage(directory: Path, binaries: Path) -> Iterator[ObjectStorage]:
    """Start an S3 server, and stop it in the end."""
    server = ObjectStorage(
        directory=directory,
        binaries=binaries,
        address="127.0.0.1",
        port=free_ports(1)[0],
        log=directory / "versitygw.log",
        access_key_id="test-" + secrets.token_hex(8),
        secret_access_key=secrets.token_urlsafe(24),
        bound=True,
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()


def bucket_settings(server: ObjectStorage) -> ObjectStoreSettings:
    """Create a bucket with a name of its own and return how to use it."""
    bucket = f"test-{secrets.token_hex(6)}"
    server.create_bucket(bucket)
    return ObjectStoreSettings(
        endpoint=server.endpoint,
        bucket=bucket,
        region=object_storage.REGION,
        access_key_id=server.access_key_id,
        secret_access_key=server.secret_access_key,
    )
