"""The one node: containerd, the kubelet and kube-proxy."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from safelight_local import cache, control_plane, network, processes, shell
from safelight_local.processes import Daemon

RUNTIME: Final = Path("/run/safelight-local")
"""Sockets, whose paths must be short, and mounts: gone after a reboot. One node on a machine."""
SOCKET: Final = RUNTIME / "containerd.sock"
CGROUP: Final = "safelight"
"""Every container's processes are in this control group or below it."""
FALLBACK_KUBELET_ROOT: Final = Path("/var/lib/safelight-local/kubelet")
PAUSE_IMAGE: Final = "localhost/safelight-pause:1"
KUBELET_PORT: Final = 10250
KUBELET_HEALTH_PORT: Final = 10248
PROXY_HEALTH_PORT: Final = 10256
PROXY_METRICS_PORT: Final = 10249
_CGROUPS: Final = Path("/sys/fs/cgroup")
_CORE_SHARES: Final = 1024
_LONGEST_SOCKET_PATH: Final = 107
_READY_WITHIN: Final = 60.0


@dataclass(frozen=True, slots=True)
class Node:
    """A node whose data is in one folder."""

    directory: Path
    binaries: Path
    logs: Path
    kubelet_kubeconfig: Path
    proxy_kubeconfig: Path
    certificate_authority: Path

    @property
    def kubelet_root(self) -> Path:
        """Where the kubelet keeps pods' volumes; elsewhere if its sockets' paths got too long."""
        inside = self.directory / "kubelet"
        longest = inside / "device-plugins" / "kubelet.sock"
        return inside if len(str(longest)) <= _LONGEST_SOCKET_PATH else FALLBACK_KUBELET_ROOT

    def start_containerd(self) -> None:
        """Have the container runtime run and answer.

        Raises:
            LocalError: it did not start or does not answer.
        """
        network.write_cni_config(self.directory / "cni", self.directory / "addresses")
        cache.write_atomically(self._containerd_config, containerd_config(self.directory))
        RUNTIME.mkdir(parents=True, exist_ok=True)
        daemon = self.containerd()
        processes.ensure(daemon)
        processes.wait_ready(daemon, self._containerd_answers, _READY_WITHIN)

    def start_kubelet(self) -> bool:
        """Have the kubelet and kube-proxy run.

        Returns:
            Whether the kubelet was started now.

        Raises:
            LocalError: one did not start.
        """
        make_cgroup()
        config = kubelet_config(self)
        cache.write_atomically(self._kubelet_config, json.dumps(config, indent=2) + "\n")
        is_new = processes.ensure(self.kubelet())
        processes.ensure(self.proxy())
        return is_new

    def stop_kubelet(self) -> None:
        """End the kubelet and kube-proxy; the containers go on."""
        for daemon in (self.proxy(), self.kubelet()):
            processes.stop_daemon(daemon)

    def is_running(self) -> bool:
        """Say whether the container runtime runs and answers, and its network is there."""
        running = processes.running(self.containerd()) is not None
        return running and network.is_up() and self._containerd_answers()

    def ctr(self, *arguments: str | Path) -> str:
        """Run containerd's client in the namespace that the kubelet uses.

        Raises:
            LocalError: it failed.
        """
        return shell.run("ctr", "--address", SOCKET, "--namespace", "k8s.io", *arguments)

    def _containerd_answers(self) -> bool:
        return "Server:" in shell.run(
            "ctr", "--connect-timeout=2s", "--address", SOCKET, "version", may_fail=True
        )

    @property
    def _containerd_config(self) -> Path:
        return self.directory / "containerd.toml"

    @property
    def _kubelet_config(self) -> Path:
        return self.directory / "kubelet.json"

    def containerd(self) -> Daemon:
        """Return the process that runs containers."""
        command = ("containerd", "--config", str(self._containerd_config))
        return self._daemon("containerd", command, self._containerd_config)

    def kubelet(self) -> Daemon:
        """Return the process that makes containers out of Pods."""
        return self._daemon(
            "kubelet",
            (
                str(self.binaries / "kubelet"),
                f"--config={self._kubelet_config}",
                f"--kubeconfig={self.kubelet_kubeconfig}",
                f"--root-dir={self.kubelet_root}",
                f"--hostname-override={control_plane.NODE}",
                f"--node-ip={network.ADDRESS}",
            ),
            self._kubelet_config,
            self.kubelet_kubeconfig,
        )

    def proxy(self) -> Daemon:
        """Return the process that leads Services to pods, and 127.0.0.1's node ports as well."""
        return self._daemon(
            "kube-proxy",
            (
                str(self.binaries / "kube-proxy"),
                f"--kubeconfig={self.proxy_kubeconfig}",
                f"--hostname-override={control_plane.NODE}",
                f"--cluster-cidr={network.PODS}",
                # The only mode that serves node ports on loopback, and it serves them nowhere else.
                "--proxy-mode=iptables",
                "--nodeport-addresses=127.0.0.0/8",
                f"--healthz-bind-address=127.0.0.1:{PROXY_HEALTH_PORT}",
                f"--metrics-bind-address=127.0.0.1:{PROXY_METRICS_PORT}",
                "--conntrack-max-per-core=0",
                "--conntrack-tcp-timeout-established=0",
                "--conntrack-tcp-timeout-close-wait=0",
            ),
            self.proxy_kubeconfig,
        )

    def _daemon(self, name: str, command: tuple[str, ...], *files: Path) -> Daemon:
        present = [file for file in files if file.is_file()]
        return Daemon(
            name=name,
            command=command,
            owner=self.directory,
            log=self.logs / f"{name}.log",
            inputs=cache.content_key(Path("/"), present),
        )


def containerd_config(directory: Path) -> str:
    """Return containerd's configuration, for data in a folder."""
    return f"""\
version = 2
root = "{directory / "containerd"}"
state = "{RUNTIME / "containerd"}"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]

[grpc]
address = "{SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
# Where lowering the score is not allowed, every container would fail to start.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{directory / "cni"}"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""


def kubelet_config(node: Node) -> dict[str, Any]:
    """Return the kubelet's configuration; what it does not name is Kubernetes' default."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network.ADDRESS,
        "port": KUBELET_PORT,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": KUBELET_HEALTH_PORT,
        "authentication": {
            "anonymous": {"enabled": False},
            "x509": {"clientCAFile": str(node.certificate_authority)},
        },
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "podLogsDir": str(node.logs / "pods"),
        "podPidsLimit": 512,
        # Nobody listens there: pods reach everything by its address, and a look-up fails at once.
        "clusterDNS": [network.ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        # A laptop's disk is often nearly full, and an image that is collected cannot be pulled.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "logging": {"format": "text"},
    }


def cgroup_folders() -> list[Path]:
    """Return our control group's folder, one for each hierarchy of a version 1 machine."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS / CGROUP]
    return [
        hierarchy / CGROUP
        for hierarchy in sorted(_CGROUPS.iterdir())
        if hierarchy.is_dir() and not hierarchy.is_symlink() and os.path.ismount(hierarchy)
    ]


def make_cgroup() -> None:
    """Make the control group that the kubelet puts every pod in."""
    for folder in cgroup_folders():
        folder.mkdir(exist_ok=True)
        if folder.parent.name == "cpuset":
            # In version 1 a new group may use nothing until it is told.
            for name in ("cpuset.cpus", "cpuset.mems"):
                (folder / name).write_text((folder.parent / name).read_text())
        shares = folder / "cpu.shares"
        if shares.exists():
            # In version 1 a group weighs as much as one process beside it. The kubelet gives the
            # group of all pods that weight for each core, which counts only if this one has it.
            shares.write_text(str(_CORE_SHARES * (os.cpu_count() or 1)))
    controllers = _CGROUPS / "cgroup.controllers"
    if controllers.exists():
        for controller in controllers.read_text().split():
            (_CGROUPS / "cgroup.subtree_control").write_text(f"+{controller}")
