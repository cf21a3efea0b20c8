"""The node's network: a bridge that the pods hang on, all of it in 198.18.0.0/15.

RFC 2544 keeps that range for tests in isolated networks, so it is nobody's real address. The
bridge's own address is the node's: the API server, the kubelet and the S3 server listen there, and
host and pods reach them under the same name.
"""

import json
import shlex
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

from safelight_local import cache, shell

BRIDGE: Final = "safelight0"
PODS: Final = IPv4Network("198.18.0.0/16")
SERVICES: Final = IPv4Network("198.19.0.0/20")
ADDRESS: Final = str(PODS[1])
"""Of the node, on the bridge."""
MAC: Final = "0a:58:" + PODS[1].packed.hex(":")
"""The bridge's for good: else it takes over the lowest of its ports', which come and go with pods,
and whoever remembers the last one reaches nobody until it asks again (ARP)."""
NODE_PORTS: Final = range(30080, 30082)
"""Ports of 127.0.0.1 that lead to Services: of `make up`, and of a release for tests."""
_SYN: Final = ("--tcp-flags", "FIN,SYN,RST,ACK", "SYN")
_RULES: Final = (
    # Docker, for one, makes DROP the policy of this chain.
    ("FORWARD", ("-i", BRIDGE, "-j", "ACCEPT")),
    ("FORWARD", ("-o", BRIDGE, "-j", "ACCEPT")),
    # What kube-proxy leads nowhere, since no pod is ready, it refuses, but only once the kernel has
    # noted the connection: for two minutes the next one from the same port would be refused, too.
    (
        "OUTPUT",
        (
            *("-d", "127.0.0.0/8", "-o", "lo", "-p", "tcp", "-m", "tcp"),
            *("--dport", f"{NODE_PORTS[0]}:{NODE_PORTS[-1]}", *_SYN),
            *("-j", "REJECT", "--reject-with", "tcp-reset"),
        ),
    ),
)
"""A chain, and a rule as `iptables -S` prints it."""
_CHAINS: Final = "KUBE-"
_SETTINGS: Final = {
    "net/ipv4/ip_forward": "1",
    # Replies of a pod to a pod must pass the translation of Service addresses, too.
    "net/bridge/bridge-nf-call-iptables": "1",
}


def is_up() -> bool:
    """Say whether the bridge is there with its address."""
    shown = shell.run("ip", "-json", "address", "show", "dev", BRIDGE, may_fail=True)
    links = json.loads(shown or "[]")
    return any(
        address.get("local") == ADDRESS for link in links for address in link.get("addr_info", [])
    )


def start() -> None:
    """Make the bridge, and let the kernel forward what comes through it.

    Raises:
        LocalError: the kernel refused something.
    """
    if not is_up():
        shell.run("ip", "link", "delete", BRIDGE, may_fail=True)
        shell.run("ip", "link", "add", BRIDGE, "type", "bridge")
        shell.run("ip", "address", "add", f"{ADDRESS}/{PODS.prefixlen}", "dev", BRIDGE)
    shell.run("ip", "link", "set", BRIDGE, "address", MAC, "up")
    shell.run("modprobe", "br_netfilter", may_fail=True)
    for name, value in _SETTINGS.items():
        file = Path("/proc/sys") / name
        if file.exists() and file.read_text().strip() != value:
            file.write_text(value)
    for chain, rule in _RULES:
        if not _has_rule(chain, rule):
            shell.run("iptables", "-w", "-I", chain, *rule)


def stop() -> None:
    """Remove the bridge and the rules of `start`."""
    for chain, rule in _RULES:
        while _has_rule(chain, rule):
            shell.run("iptables", "-w", "-D", chain, *rule)
    shell.run("ip", "link", "delete", BRIDGE, may_fail=True)
    for program in ("iptables", "ip6tables"):
        for table in ("filter", "nat", "mangle"):
            rules = shell.run(program, "-w", "-t", table, "-S", may_fail=True)
            for command in removal(rules):
                shell.run(program, "-w", "-t", table, *command, may_fail=True)


def removal(rules: str) -> list[list[str]]:
    """Return what removes the chains of the kubelet and kube-proxy, and the jumps to them.

    Args:
        rules: a table, as `iptables -S` prints it.
    """
    words = [shlex.split(line) for line in rules.splitlines()]
    chains = [line[1] for line in words if line[0] == "-N" and line[1].startswith(_CHAINS)]
    jumps = [
        ["-D", *line[1:]]
        for line in words
        if line[0] == "-A" and not line[1].startswith(_CHAINS) and set(line) & set(chains)
    ]
    flushes = [["-F", chain] for chain in chains]
    return jumps + flushes + [["-X", chain] for chain in chains]


def _has_rule(chain: str, rule: tuple[str, ...]) -> bool:
    return f"-A {chain} {' '.join(rule)}" in shell.run("iptables", "-w", "-S", chain)


def write_cni_config(folder: Path, data: Path) -> None:
    """Write how a pod gets its interface and address.

    Args:
        folder: where containerd looks for it.
        data: where the addresses in use are noted.
    """
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(data),
            "ranges": [[{"subnet": str(PODS), "gateway": ADDRESS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    config = {"cniVersion": "0.4.0", "name": BRIDGE, "plugins": [bridge]}
    cache.write_atomically(folder / "10-safelight.conflist", json.dumps(config, indent=2) + "\n")
