"""etcd, the API server, the controller manager and, if wanted, the scheduler."""

import random
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from typing import Final, Self

from safelight_local import cache, certificates, processes
from safelight_local.cluster import Cluster, write_kubeconfig
from safelight_local.processes import Daemon

NODE: Final = "safelight"
"""The name of the one node."""
_USERS: Final = {
    "admin": ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
    "proxy": ("system:kube-proxy", ""),
}
"""For each client of the API server: its user and its group."""
_READY_WITHIN: Final = 90.0


@dataclass(frozen=True, slots=True)
class Ports:
    """The TCP ports of the control plane."""

    api_server: int
    etcd_client: int
    etcd_peer: int

    @classmethod
    def free(cls) -> Self:
        """Choose ports of 127.0.0.1 that nobody listens on."""
        return cls(*free_ports(3))


_PORTS: Final = range(20_000, 30_000)
"""Below the node ports, and below what Linux takes for outgoing connections (32768 on)."""


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Return ports that nobody listens on, all different.

    Not those that the kernel gives: between this and the moment when somebody listens, any outgoing
    connection may get one of them as its own.
    """
    listeners: list[socket.socket] = []
    try:
        for port in random.sample(_PORTS, len(_PORTS)):
            if len(listeners) == count:
                break
            with suppress(OSError):
                listeners.append(socket.create_server((address, port)))
        return [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A control plane whose data, keys and logs are in one folder."""

    directory: Path
    binaries: Path
    address: str
    """Where the API server listens."""
    ports: Ports
    services: IPv4Network
    """Addresses for Services; never used by a control plane that has no node."""
    logs: Path
    scheduler: bool = True
    durable: bool = True
    """False: etcd does not wait for the disk, and loses data when the machine crashes."""
    bound: bool = False
    """See `Daemon.bound`."""

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://{self.address}:{self.ports.api_server}"

    @property
    def certificates(self) -> Path:
        """The folder of keys and certificates; see the module of this name."""
        return self.directory / "pki"

    def kubeconfig(self, client: str) -> Path:
        """Return the kubeconfig of one of the `_USERS`."""
        return self.directory / "kubeconfig" / f"{client}.json"

    def cluster(self) -> Cluster:
        """Return the administrator's access."""
        return Cluster(
            kubeconfig=self.kubeconfig("admin"),
            url=self.url,
            token=self._token("admin"),
            ca_file=self.certificates / "ca.crt",
            kubectl_program=self.binaries / "kubectl",
        )

    def start(self) -> Cluster:
        """Have all of it run and be ready; what runs already as it should is left alone.

        Raises:
            LocalError: a part did not start or is not ready in time.
        """
        key = self._prepare()
        etcd, api_server, *clients = self.daemons(key)
        processes.ensure(etcd)
        processes.ensure(api_server)
        cluster = self.cluster()
        processes.wait_ready(api_server, cluster.is_ready, _READY_WITHIN)
        for daemon in clients:
            processes.ensure(daemon)
        return cluster

    def stop(self) -> None:
        """End all of it, the API server's clients first and etcd last."""
        for daemon in reversed(self.daemons("")):
            processes.stop_daemon(daemon)

    def daemons(self, key: str) -> list[Daemon]:
        """Return the processes in the order of their start.

        Args:
            key: of the certificates and tokens that they read when they start.
        """
        daemons = [
            self._daemon("etcd", self._etcd(), ""),
            self._daemon("kube-apiserver", self._api_server(), key),
            self._daemon("kube-controller-manager", self._controller_manager(), key),
        ]
        if self.scheduler:
            daemons.append(self._daemon("kube-scheduler", self._scheduler(), key))
        return daemons

    def _daemon(self, name: str, arguments: tuple[str, ...], key: str) -> Daemon:
        return Daemon(
            name=name,
            command=(str(self.binaries / name), *arguments),
            owner=self.directory,
            log=self.logs / f"{name}.log",
            inputs=key,
            bound=self.bound,
        )

    def _etcd(self) -> tuple[str, ...]:
        client = f"http://127.0.0.1:{self.ports.etcd_client}"
        peer = f"http://127.0.0.1:{self.ports.etcd_peer}"
        return (
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            f"--unsafe-no-fsync={str(not self.durable).lower()}",
            "--auto-compaction-mode=periodic",
            "--auto-compaction-retention=30m",
            "--log-level=warn",
        )

    def _api_server(self) -> tuple[str, ...]:
        pki = self.certificates
        return (
            f"--etcd-servers=http://127.0.0.1:{self.ports.etcd_client}",
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            f"--secure-port={self.ports.api_server}",
            *self._endpoint_reconciler(),
            f"--tls-cert-file={pki / 'apiserver.crt'}",
            f"--tls-private-key-file={pki / 'apiserver.key'}",
            f"--client-ca-file={pki / 'ca.crt'}",
            f"--kubelet-client-certificate={pki / 'kubelet-client.crt'}",
            f"--kubelet-client-key={pki / 'kubelet-client.key'}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki / 'service-account.key'}",
            f"--service-account-signing-key-file={pki / 'service-account.key'}",
            f"--service-cluster-ip-range={self.services}",
            f"--token-auth-file={self.directory / 'tokens.csv'}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
        )

    def _endpoint_reconciler(self) -> tuple[str, ...]:
        # The Service `kubernetes` leads pods to the API server: not when it listens on loopback.
        if ip_address(self.address).is_loopback:
            return ("--endpoint-reconciler-type=none",)
        return ()

    def _controller_manager(self) -> tuple[str, ...]:
        return (
            f"--kubeconfig={self.kubeconfig('controller-manager')}",
            f"--service-account-private-key-file={self.certificates / 'service-account.key'}",
            f"--root-ca-file={self.certificates / 'ca.crt'}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            "--secure-port=0",
        )

    def _scheduler(self) -> tuple[str, ...]:
        return (
            f"--kubeconfig={self.kubeconfig('scheduler')}",
            "--leader-elect=false",
            "--secure-port=0",
        )

    def _token(self, client: str) -> str:
        return (self.directory / "tokens" / client).read_text()

    def _prepare(self) -> str:
        first_service = str(self.services[1])
        names = ("localhost", "kubernetes.default.svc", "127.0.0.1", first_service)
        pki = certificates.ensure(self.certificates, tuple(dict.fromkeys((*names, self.address))))
        rows = []
        for client, (user, group) in _USERS.items():
            file = self.directory / "tokens" / client
            if not file.is_file():
                cache.write_atomically(file, secrets.token_urlsafe(32), mode=0o600)
            write_kubeconfig(self.kubeconfig(client), self.url, pki / "ca.crt", file.read_text())
            rows.append(f'{file.read_text()},{user},{client},"{group}"\n')
        cache.write_atomically(self.directory / "tokens.csv", "".join(rows), mode=0o600)
        return cache.content_key(self.directory, [pki, self.directory / "tokens.csv"])
