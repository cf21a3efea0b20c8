import json
import os
import tomllib
from pathlib import Path

import pytest

from safelight_local import network, node
from safelight_local.node import Node


def _node(directory: Path) -> Node:
    return Node(
        directory=directory,
        binaries=directory / "bin",
        logs=directory / "logs",
        kubelet_kubeconfig=directory / "kubelet.json",
        proxy_kubeconfig=directory / "proxy.json",
        certificate_authority=directory / "ca.crt",
    )


def test_containerd_keeps_to_its_folders(tmp_path: Path) -> None:
    config = tomllib.loads(node.containerd_config(tmp_path))
    assert config["root"] == str(tmp_path / "containerd")
    assert config["state"].startswith(str(node.RUNTIME))
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["restrict_oom_score_adj"] is True
    assert cri["sandbox_image"] == node.PAUSE_IMAGE
    assert cri["cni"]["conf_dir"] == str(tmp_path / "cni")


def test_kubelet_never_collects_images_that_cannot_be_pulled(tmp_path: Path) -> None:
    config = node.kubelet_config(_node(tmp_path))
    assert config["imageGCHighThresholdPercent"] == 100
    assert config["evictionHard"]["imagefs.available"] == "1%"


def test_kubelet_lets_nobody_in_without_a_certificate(tmp_path: Path) -> None:
    authentication = node.kubelet_config(_node(tmp_path))["authentication"]
    assert authentication["anonymous"] == {"enabled": False}
    assert authentication["x509"] == {"clientCAFile": str(tmp_path / "ca.crt")}


def test_sockets_of_a_deep_checkout_stay_short_enough(tmp_path: Path) -> None:
    assert _node(Path("/repo")).kubelet_root == Path("/repo/kubelet")
    deep = _node(tmp_path / ("d" * 80))
    assert deep.kubelet_root == node.FALLBACK_KUBELET_ROOT


def test_a_changed_configuration_restarts_its_reader(tmp_path: Path) -> None:
    machine = _node(tmp_path)
    config = tmp_path / "containerd.toml"
    config.write_text("version = 2\n")
    before = machine.containerd().mark
    assert machine.containerd().mark == before
    config.write_text("version = 2\noom_score = 1\n")
    assert machine.containerd().mark != before


def test_node_ports_are_served_on_loopback_alone(tmp_path: Path) -> None:
    command = _node(tmp_path).proxy().command
    assert "--nodeport-addresses=127.0.0.0/8" in command
    assert "--proxy-mode=iptables" in command


def test_pods_hang_on_the_bridge_whose_address_is_the_nodes(tmp_path: Path) -> None:
    network.write_cni_config(tmp_path, tmp_path / "addresses")
    config = json.loads((tmp_path / "10-safelight.conflist").read_text())
    (bridge,) = config["plugins"]
    assert bridge["bridge"] == network.BRIDGE
    assert bridge["ipam"]["ranges"] == [[{"subnet": "198.18.0.0/16", "gateway": network.ADDRESS}]]


def test_pods_and_services_do_not_overlap_and_are_nobodys_real_addresses() -> None:
    assert not network.PODS.overlaps(network.SERVICES)
    assert not network.PODS.is_global
    assert not network.SERVICES.is_global


RULES = """\
-P INPUT ACCEPT
-P FORWARD ACCEPT
-N DOCKER
-N KUBE-FIREWALL
-N KUBE-SERVICES
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes services" -j KUBE-SERVICES
-A INPUT -j KUBE-FIREWALL
-A FORWARD -j DOCKER
-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -j DROP
"""


def test_removes_kubernetes_rules_and_no_others() -> None:
    assert network.removal(RULES) == [
        [
            *("-D", "INPUT", "-m", "conntrack", "--ctstate", "NEW"),
            *("-m", "comment", "--comment", "kubernetes services", "-j", "KUBE-SERVICES"),
        ],
        ["-D", "INPUT", "-j", "KUBE-FIREWALL"],
        ["-F", "KUBE-FIREWALL"],
        ["-F", "KUBE-SERVICES"],
        ["-X", "KUBE-FIREWALL"],
        ["-X", "KUBE-SERVICES"],
    ]
    assert network.removal("") == []


def test_pods_weigh_what_the_kubelet_gives_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = tmp_path / "cpu" / node.CGROUP
    group.mkdir(parents=True)
    (group / "cpu.shares").write_text("1024")
    monkeypatch.setattr(node, "_CGROUPS", tmp_path)
    monkeypatch.setattr(node, "cgroup_folders", lambda: [group])
    node.make_cgroup()
    assert (group / "cpu.shares").read_text() == str(1024 * (os.cpu_count() or 1))
