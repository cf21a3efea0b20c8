from pathlib import Path

from safelight_local import leftovers

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
