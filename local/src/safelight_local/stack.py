"""The local cluster as a whole: what its parts are, how they start together, and how they end."""

import json
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from safelight_local import cache, leftovers, network, node, paths, processes
from safelight_local.cluster import Cluster
from safelight_local.control_plane import NODE, ControlPlane, Ports
from safelight_local.node import Node
from safelight_local.object_storage import ObjectStorage
from safelight_local.progress import Progress

_PORTS = Ports(api_server=6443, etcd_client=12379, etcd_peer=12380)
_S3_PORT = 7070


@dataclass(frozen=True, slots=True)
class Stack:
    """The parts of the local cluster of one checkout."""

    state: Path
    plane: ControlPlane
    storage: ObjectStorage
    node: Node

    @classmethod
    def of(cls, programs: Path, state: Path = paths.STATE) -> Self:
        """Describe the local cluster.

        Args:
            programs: the folder of the built programs.
            state: where its data is.
        """
        logs = state / "logs"
        plane = ControlPlane(
            directory=state / "control-plane",
            binaries=programs,
            address=network.ADDRESS,
            ports=_PORTS,
            services=network.SERVICES,
            logs=logs,
        )
        account = _account(state / "object-storage" / "account.json")
        storage = ObjectStorage(
            directory=state / "object-storage",
            binaries=programs,
            address=network.ADDRESS,
            port=_S3_PORT,
            log=logs / "versitygw.log",
            access_key_id=account["access_key_id"],
            secret_access_key=account["secret_access_key"],
        )
        return cls(
            state,
            plane,
            storage,
            Node(
                directory=state / "node",
                binaries=programs,
                logs=logs,
                kubelet_kubeconfig=plane.kubeconfig("kubelet"),
                proxy_kubeconfig=plane.kubeconfig("proxy"),
                certificate_authority=plane.certificates / "ca.crt",
            ),
        )

    def start(self, progress: Progress) -> Cluster:
        """Have all of it run; what runs already as it should is left alone.

        Raises:
            LocalError: a part did not start, or is not ready in time.
        """
        self._make_room(progress)
        network.start()
        leftovers.claim(self.state)
        with progress.step("Start the S3 server", self.storage.log):
            self.storage.start()
        with progress.step("Start the container runtime", self.node.containerd().log):
            self.node.start_containerd()
        with progress.step("Start the control plane", self.plane.logs / "kube-apiserver.log"):
            cluster = self.plane.start()
            _publish(cluster.kubeconfig, self.state / "kubeconfig")
        return cluster

    def start_node(self, cluster: Cluster, progress: Progress) -> bool:
        """Have the kubelet run and its node ready; the pause image must be there.

        Returns:
            Whether the kubelet was started now: the node may be called ready from before.

        Raises:
            LocalError: it did not start, or is not ready in time.
        """
        with progress.step("Start the node", self.node.kubelet().log):
            is_new = self.node.start_kubelet()
            name = f"node/{NODE}"
            cluster.kubectl("wait", "--for=create", name, "--timeout=60s")
            cluster.kubectl("wait", "--for=condition=Ready", name, "--timeout=90s")
        return is_new

    def _make_room(self, progress: Progress) -> None:
        """Clear away the node of another checkout, and what a killed one left."""
        found = leftovers.owners()
        for state in sorted(found - {self.state}):
            with progress.step(f"Stop the local cluster of {state.parent.parent}"):
                stop(state)
        if not self.node.is_running():
            with progress.step("Clear away what an earlier run left"):
                leftovers.clear(self.state)


def stop(state: Path) -> None:
    """End a local cluster, whatever of it still runs, and leave its data.

    Raises:
        LocalError: something did not go away.
    """
    leftovers.clear(state)
    # The clients of the API server first, etcd last.
    order = ("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd", "versitygw")
    running = [process for process in processes.find(state) if process.is_daemon]
    for process in sorted(running, key=lambda p: order.index(p.name) if p.name in order else -1):
        # The API server holds no data, and would wait for clients that are gone.
        patience = 2.0 if process.name == "kube-apiserver" else processes.PATIENCE
        processes.stop(process, patience)


def purge(state: Path) -> None:
    """Remove all data of a local cluster that has been stopped."""
    shutil.rmtree(state, ignore_errors=True)
    shutil.rmtree(node.FALLBACK_KUBELET_ROOT, ignore_errors=True)


def _publish(kubeconfig: Path, target: Path) -> None:
    cache.write_atomically(target, kubeconfig.read_text(), mode=0o600)


def _account(file: Path) -> dict[str, str]:
    if not file.is_file():
        account = {
            "access_key_id": f"safelight-{secrets.token_hex(8)}",
            "secret_access_key": secrets.token_urlsafe(32),
        }
        cache.write_atomically(file, json.dumps(account), mode=0o600)
    content: dict[str, str] = json.loads(file.read_text())
    return content
