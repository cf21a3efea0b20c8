"""The parts that faults hit: daemons of the machine, and containers' processes, seen from it."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from safelight_local import processes
from safelight_local.processes import Daemon
from safelight_local.stack import Stack
from tests.faults.chaos.plan import Target

PROGRAMS: Final = {
    Target.API: b"safelight-api",
    Target.OPERATOR: b"safelight-operator",
    Target.PROCESSOR: b"safelight-process",
}
"""The program that each of our containers runs."""


@dataclass(frozen=True, slots=True)
class Container:
    """The first process of a running container."""

    pid: int
    pod: str

    @classmethod
    def read(cls, pid: int, program: bytes, bucket: bytes) -> Self | None:
        """Return the container whose first process this is, or None."""
        folder = Path("/proc") / str(pid)
        with suppress(OSError):
            if program not in (folder / "cmdline").read_bytes():
                return None
            environment = (folder / "environ").read_bytes()
            if bucket not in environment or not _is_first((folder / "status").read_text()):
                return None
            variables = dict(v.split(b"=", 1) for v in environment.split(b"\0") if b"=" in v)
            return cls(pid, variables[b"HOSTNAME"].decode())
        return None


def _is_first(status: str) -> bool:
    numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
    return len(numbers) > 1 and numbers[-1] == "1"


def containers(target: Target, bucket: str) -> list[Container]:
    """Return the containers of a part that use a bucket: so those of one release."""
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    found = (Container.read(pid, PROGRAMS[target], bucket.encode()) for pid in numbers)
    return [container for container in found if container]


@dataclass(frozen=True, slots=True)
class Supervised:
    """A daemon of the local cluster, and what starts it again as systemd would."""

    daemon: Daemon
    start: Callable[[], object]

    @property
    def pid(self) -> int | None:
        """The number of its process, if it runs."""
        process = processes.running(self.daemon)
        return process.pid if process else None

    def end(self) -> None:
        """End it politely; by force if it waits for clients that are not going to leave."""
        processes.stop_daemon(self.daemon, patience=5)


def daemons(stack: Stack) -> dict[Target, Supervised]:
    """Return the daemons of the local cluster that faults hit."""
    api_server = next(d for d in stack.plane.daemons("") if d.name == "kube-apiserver")
    return {
        Target.API_SERVER: Supervised(api_server, stack.plane.start),
        Target.S3: Supervised(stack.storage.daemon(), stack.storage.start),
        Target.KUBELET: Supervised(stack.node.kubelet(), stack.node.start_kubelet),
    }


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Stop a process for the length of a block; it may end meanwhile."""
    with suppress(ProcessLookupError), _pinned(pid) as descriptor:
        signal.pidfd_send_signal(descriptor, signal.SIGSTOP)
        try:
            yield
        finally:
            signal.pidfd_send_signal(descriptor, signal.SIGCONT)


@contextmanager
def _pinned(pid: int) -> Iterator[int]:
    # The descriptor stays with the process, also when the kernel gives its number to another.
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def wake_all(stack: Stack, bucket: str) -> None:
    """Let everything go on that a run which was itself killed has left stopped."""
    pids = [process.pid for process in processes.find(stack.state)]
    pids += [container.pid for target in PROGRAMS for container in containers(target, bucket)]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
