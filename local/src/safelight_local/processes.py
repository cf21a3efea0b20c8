"""Long-lived processes that outlive the program that started them, and are found again.

The kernel's process table is the only record: each process carries a mark in its environment that
says whose it is, and what it was started with. So there is no pid file that could be stale, and a
number that the kernel has given to somebody else is never taken for ours.
"""

import hashlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from safelight_local import progress
from safelight_local.errors import LocalError

MARK: Final = "SAFELIGHT_LOCAL_PROCESS"
"""The variable that marks a process; its children have it too, so a mark names its command."""
PATIENCE: Final = 15.0
"""Seconds that a process has to end by itself."""
_START_WITHIN: Final = 5.0
_INTERVAL: Final = 0.05
_bound: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True)
class Daemon:
    """A process as it should be."""

    name: str
    command: tuple[str, ...]
    owner: Path
    """The state folder that it works for."""
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    inputs: str = ""
    """Key of the files that it reads at its start: another key means a restart."""
    bound: bool = False
    """It ends with the thread that started it, even if that one is killed (for tests)."""

    @property
    def mark(self) -> str:
        """The value of `MARK`: the same for the same daemon."""
        variables = json.dumps(dict(self.environment), sort_keys=True)
        return json.dumps(
            {
                "name": self.name,
                "owner": str(self.owner),
                "command": _digest("\0".join(self.command)),
                "inputs": _digest(variables + self.inputs),
            },
        )


@dataclass(frozen=True, slots=True)
class Process:
    """A running process that carries a mark."""

    pid: int
    name: str
    owner: Path
    mark: str
    is_daemon: bool
    """False: a child of the daemon that the mark names (a container's shim, for one)."""

    @classmethod
    def read(cls, pid: int, proc: Path = Path("/proc")) -> Self | None:
        """Return the process with a number if it is one of ours, else None."""
        try:
            environment = (proc / str(pid) / "environ").read_bytes().split(b"\0")
            command = (proc / str(pid) / "cmdline").read_bytes().removesuffix(b"\0")
        except OSError:
            return None
        start = f"{MARK}=".encode()
        mark = next(
            (v.removeprefix(start).decode() for v in environment if v.startswith(start)), ""
        )
        try:
            fields = json.loads(mark)
            is_daemon = fields["command"] == _digest(command.decode())
            return cls(pid, fields["name"], Path(fields["owner"]), mark, is_daemon)
        except (ValueError, KeyError, TypeError):
            return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def find(owner: Path | None = None) -> Iterator[Process]:
    """Yield the running processes.

    Args:
        owner: only those whose owner is this folder or one below it; None: those of every checkout.
    """
    for entry in Path("/proc").iterdir():
        process = Process.read(int(entry.name)) if entry.name.isdecimal() else None
        if process and (owner is None or process.owner.is_relative_to(owner)):
            yield process


def running(daemon: Daemon) -> Process | None:
    """Return the daemon's process, whatever it was started with; None if there is none."""
    same = (p for p in find(daemon.owner) if p.is_daemon and p.name == daemon.name)
    return next(same, None)


def ensure(daemon: Daemon) -> bool:
    """Have the daemon run as described; restart it if it runs otherwise.

    Returns:
        Whether it was started now.

    Raises:
        LocalError: it did not start.
    """
    process = running(daemon)
    if process and process.mark == daemon.mark:
        return False
    if process:
        stop(process)
    _start(daemon)
    return True


def _start(daemon: Daemon) -> None:
    daemon.log.parent.mkdir(parents=True, exist_ok=True)
    launcher = ("setpriv", "--pdeathsig", "KILL") if daemon.bound else ("setsid", "--fork")
    with daemon.log.open("ab") as log:
        child = subprocess.Popen(
            [*launcher, *daemon.command],
            env={**os.environ, **daemon.environment, MARK: daemon.mark},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=daemon.bound,
            cwd="/",
        )
    if daemon.bound:
        _reap()
        _bound[child.pid] = child
    else:
        child.wait()
    end = time.monotonic() + _START_WITHIN
    while running(daemon) is None:
        if time.monotonic() > end:
            raise LocalError(f"{daemon.name} did not start: {progress.last_line(daemon.log)}")
        time.sleep(_INTERVAL)


def _reap() -> None:
    """Forget the bound processes that somebody else has ended."""
    for pid in [pid for pid, child in _bound.items() if child.poll() is not None]:
        del _bound[pid]


def stop(process: Process, patience: float = PATIENCE) -> None:
    """End a process: politely, and after `patience` seconds by force. It may be gone already."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        # The descriptor pins the process; the mark, read again, proves that it is the one meant.
        if Process.read(process.pid) == process:
            for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, PATIENCE)):
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, number)
                if select.select([descriptor], [], [], seconds)[0]:
                    break
    finally:
        os.close(descriptor)
        if child := _bound.pop(process.pid, None):
            child.wait()


def stop_daemon(daemon: Daemon, patience: float = PATIENCE) -> None:
    """End the daemon's process if there is one."""
    if process := running(daemon):
        stop(process, patience)


def wait_ready(daemon: Daemon, check: Callable[[], bool], timeout: float) -> None:
    """Wait until a running daemon does its work.

    Args:
        daemon: the process.
        check: says whether it does; cheap, since it is asked often.
        timeout: seconds.

    Raises:
        LocalError: it has ended, or is not ready in time; the message tells its last words.
    """
    end = time.monotonic() + timeout
    while not check():
        last_words = f"{progress.last_line(daemon.log)}\n  (more in {daemon.log})"
        if running(daemon) is None:
            raise LocalError(f"{daemon.name} has ended: {last_words}")
        if time.monotonic() > end:
            waited = progress.duration(timeout)
            raise LocalError(f"{daemon.name} is not ready after {waited}: {last_words}")
        time.sleep(_INTERVAL)
