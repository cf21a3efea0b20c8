"""Clears away what a node leaves in the kernel: processes, mounts, network, control groups.

Whether the node was told to stop, was killed, or ran from another checkout: the same steps, each
of which looks at what is there. Data stays, and a node that starts again takes it up as after a
reboot.
"""

import os
import re
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from safelight_local import network, node, processes, shell
from safelight_local.cache import write_atomically

NODE_DAEMONS: Final = ("kubelet", "kube-proxy", "containerd")
_OWNER: Final = node.RUNTIME / "owner"
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")
_GONE_WITHIN: Final = 10.0


def owners() -> set[Path]:
    """Return the state folders whose node runs on this machine, or has left something."""
    found = {p.owner.parent for p in processes.find() if p.name in NODE_DAEMONS}
    if _OWNER.is_file():
        found.add(Path(_OWNER.read_text()))
    return found


def claim(state: Path) -> None:
    """Note whose node runs on this machine, for a later run that has to clear it away."""
    write_atomically(_OWNER, str(state))


def clear(state: Path) -> None:
    """End a node and remove its traces.

    Args:
        state: the state folder that it ran for.

    Raises:
        LocalError: the kernel keeps something.
    """
    for name in NODE_DAEMONS:
        for process in list(processes.find(state)):
            if process.name == name and process.is_daemon:
                processes.stop(process)
    _kill_containers()
    for process in list(processes.find(state)):
        if process.name in NODE_DAEMONS:
            processes.stop(process, patience=0)
    roots = (node.RUNTIME, node.FALLBACK_KUBELET_ROOT, state)
    for point in mount_points(Path("/proc/self/mountinfo").read_text(), roots):
        shell.run("umount", "--lazy", point, may_fail=True)
    network.stop()
    remove_cgroups()
    # Addresses of pods that are gone would never be given back.
    shutil.rmtree(state / "node" / "addresses", ignore_errors=True)
    shutil.rmtree(node.RUNTIME, ignore_errors=True)


def mount_points(table: str, roots: tuple[Path, ...]) -> list[Path]:
    """Return what is mounted at or below some folders, the innermost first.

    Args:
        table: the text of /proc/self/mountinfo, where odd characters are octal escapes.
        roots: the folders.
    """
    points = [
        Path(_ESCAPE.sub(lambda found: chr(int(found[1], 8)), line.split()[4]))
        for line in table.splitlines()
    ]
    ours = [point for point in points if any(point.is_relative_to(root) for root in roots)]
    return sorted(ours, key=lambda point: len(point.parts), reverse=True)


def pids() -> set[int]:
    """Return the processes in the node's control groups."""
    found: set[int] = set()
    for folder in node.cgroup_folders():
        # A group may vanish while it is walked: os.walk skips it, where pathlib's rglob raises.
        for group, _, _ in os.walk(folder):
            with suppress(OSError):
                found.update(int(line) for line in Path(group, "cgroup.procs").read_text().split())
    return found


def _kill_containers() -> None:
    end = time.monotonic() + _GONE_WITHIN
    while (left := pids()) and time.monotonic() < end:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def remove_cgroups() -> None:
    """Remove the node's control groups, the innermost first; one in use stays."""
    for top in node.cgroup_folders():
        for folder, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()
