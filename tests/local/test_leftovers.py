import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from safelight_local import leftovers, node, processes
from safelight_local.processes import Daemon

TABLE = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
90 22 0:40 / /run/safelight-local/containerd/rootfs rw - overlay overlay rw
91 22 0:41 / /run/safelight-local/containerd/rootfs/proc rw - proc proc rw
92 22 0:42 / /run/safelight-locality rw - tmpfs tmpfs rw
93 22 0:43 / /home/a\\040b/local/state/node/kubelet/pods/1/volumes/tmp rw - tmpfs tmpfs rw
"""


def test_finds_our_mounts_alone_and_the_innermost_first() -> None:
    roots = (Path("/run/safelight-local"), Path("/home/a b/local/state"))
    assert leftovers.mount_points(TABLE, roots) == [
        Path("/home/a b/local/state/node/kubelet/pods/1/volumes/tmp"),
        Path("/run/safelight-local/containerd/rootfs/proc"),
        Path("/run/safelight-local/containerd/rootfs"),
    ]


def test_knows_whose_node_runs_here(tmp_path: Path) -> None:
    """A node of another checkout is found, though nothing but its processes tells of it."""
    state = tmp_path / "local" / "state"
    log = tmp_path / "log"
    kubelet = Daemon("kubelet", ("sleep", "300"), state / "node", log, bound=True)
    processes.ensure(kubelet)
    try:
        assert state in leftovers.owners()
    finally:
        processes.stop_daemon(kubelet)
    assert state not in leftovers.owners()


def test_a_tests_control_plane_is_no_node(tmp_path: Path) -> None:
    """Or `make up` would end the tests that run beside it."""
    etcd = Daemon("etcd", ("sleep", "300"), tmp_path / "plane", tmp_path / "log", bound=True)
    processes.ensure(etcd)
    try:
        assert tmp_path not in leftovers.owners()
    finally:
        processes.stop_daemon(etcd)


def test_control_groups_that_vanish_while_they_are_walked_are_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's group goes with its last process, whoever is looking."""
    group = tmp_path / "group"
    for name in ("going", "staying"):
        (group / name / "container").mkdir(parents=True)
        (group / name / "container" / "cgroup.procs").write_text("17\n18\n")
    listed = os.scandir

    def vanishing(
        path: os.PathLike[str] | str | int,
    ) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        if not isinstance(path, int) and os.fspath(path).endswith("going"):
            monkeypatch.setattr(os, "scandir", listed)
            shutil.rmtree(path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    monkeypatch.setattr(node, "cgroup_folders", lambda: [group])
    assert leftovers.pids() == {17, 18}
    (group / "staying" / "container" / "cgroup.procs").unlink()
    (group / "going" / "container").mkdir(parents=True)
    monkeypatch.setattr(os, "scandir", vanishing)
    leftovers.remove_cgroups()
    assert not group.exists()
