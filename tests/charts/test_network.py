"""The NetworkPolicies: who may reach whom, told from the endpoint of the object storage."""

import pytest

from safelight_contract import resources
from tests.support.chart import Helm

STORAGE = [
    ("http://198.51.100.7:7070", [{"ipBlock": {"cidr": "198.51.100.7/32"}}], 7070, False),
    ("https://198.51.100.7", [{"ipBlock": {"cidr": "198.51.100.7/32"}}], 443, False),
    ("http://[2001:db8::7]:7070/", [{"ipBlock": {"cidr": "2001:db8::7/128"}}], 7070, False),
    (
        "http://minio.storage.svc:9000",
        [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "storage"}}}],
        9000,
        True,
    ),
    ("http://minio:9000", [{"podSelector": {}}], 9000, True),
    (
        "https://s3.example.com",
        [
            {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}},
            {"ipBlock": {"cidr": "::/0", "except": ["fe80::/10"]}},
        ],
        443,
        True,
    ),
]


@pytest.mark.parametrize(("endpoint", "peers", "port", "dns"), STORAGE, ids=lambda x: str(x)[:30])
def test_jobs_reach_the_object_storage_and_the_hint_port_alone(
    helm: Helm,
    endpoint: str,
    peers: list[object],
    port: int,
    *,
    dns: bool,
) -> None:
    rendered = helm.template({"objectStorage.endpoint": endpoint})
    spec = rendered.one("NetworkPolicy", "safelight-processor").content["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"] == []
    storage, hint, *names = spec["egress"]
    assert storage == {"to": peers, "ports": [{"port": port, "protocol": "TCP"}]}
    assert hint["ports"] == [{"port": 8081, "protocol": "TCP"}]
    operator = rendered.one("Deployment", "safelight-operator").content["spec"]
    assert hint["to"] == [{"podSelector": operator["selector"]}]
    assert [{p["port"] for p in rule["ports"]} for rule in names] == ([{53}] if dns else [])


def test_the_address_of_the_object_storage_can_be_given(helm: Helm) -> None:
    peers = [{"ipBlock": {"cidr": "198.51.100.0/24"}}]
    values = {"networkPolicy.objectStorage.to": peers, "networkPolicy.objectStorage.ports": [9000]}
    rendered = helm.template(values | {"objectStorage.endpoint": "https://s3.example.com"})
    policy = rendered.one("NetworkPolicy", "safelight-processor").content
    assert policy["spec"]["egress"][0] == {
        "to": peers,
        "ports": [{"port": 9000, "protocol": "TCP"}],
    }


def test_policies_select_the_jobs_by_the_labels_of_the_contract(helm: Helm) -> None:
    rendered = helm.template()
    labels = {
        resources.LABEL_COMPONENT: "processor",
        resources.LABEL_PART_OF: resources.PART_OF,
        resources.LABEL_MANAGED_BY: resources.MANAGER,
    }
    processor = rendered.one("NetworkPolicy", "safelight-processor").content["spec"]
    assert processor["podSelector"]["matchLabels"] == labels
    operator = rendered.one("NetworkPolicy", "safelight-operator").content["spec"]
    assert operator["ingress"][0]["from"] == [{"podSelector": {"matchLabels": labels}}]
