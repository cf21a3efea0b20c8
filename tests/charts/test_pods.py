"""The pods of the units: images, scheduling, probes, and how they end."""

import json
from typing import Any

import pytest

from safelight_api.serving.server import NOTICE_SECONDS
from safelight_local import paths
from tests.support.chart import REQUIRED, Helm, Rendered
from tests.support.settings import UNITS

DIGEST = "sha256:" + "a" * 64
DEPLOYMENTS = ("safelight-api", "safelight-operator")


def test_a_pod_outlives_the_uploads_that_it_is_receiving(helm: Helm) -> None:
    api = helm.template({"limits.uploadTotalSeconds": 300}).one("Deployment", "safelight-api")
    (container,) = api.pod["containers"]
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = int(api.environment["SAFELIGHT_DRAIN_SECONDS"] or 0)
    assert drain > 300
    assert api.pod["terminationGracePeriodSeconds"] > sleep + NOTICE_SECONDS + drain
    assert api.content["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_api_refuses_uploads_before_its_pod_is_evicted(rendered: Rendered) -> None:
    api = rendered.one("Deployment", "safelight-api")
    (volume,) = (v for v in api.pod["volumes"] if "emptyDir" in v)
    limit = int(api.environment["SAFELIGHT_MAX_TEMPORARY_BYTES"] or 0)
    assert limit < volume["emptyDir"]["sizeLimit"] <= limit + 2**26


@pytest.mark.parametrize(
    ("changes", "api", "processor"),
    [
        ({}, "safelight-api:0.1.0", "safelight-processor:0.1.0"),
        ({"image.tag": "main"}, "safelight-api:main", "safelight-processor:main"),
        (
            {"image.tag": "main", "api.image.tag": "fix", "processor.image.repository": "p"},
            "safelight-api:fix",
            "p:main",
        ),
        (
            {"image.tag": "main", "processor.image.tag": "fix", "processor.image.digest": DIGEST},
            "safelight-api:main",
            f"safelight-processor@{DIGEST}",
        ),
    ],
)
def test_the_digest_wins_over_the_tag(
    helm: Helm,
    changes: dict[str, object],
    api: str,
    processor: str,
) -> None:
    rendered = helm.template(changes)
    registry = REQUIRED["image.registry"]
    (container,) = rendered.one("Deployment", "safelight-api").pod["containers"]
    assert container["image"] == f"{registry}/{api}"
    operator = rendered.one("Deployment", "safelight-operator").environment
    assert operator["SAFELIGHT_PROCESSOR_IMAGE"] == f"{registry}/{processor}"
    policy = rendered.one("ValidatingAdmissionPolicy", "safelight-safelight-jobs")
    assert f"image == '{registry}/{processor}'" in json.dumps(policy.content)


def test_scheduling_reaches_the_pods(helm: Helm) -> None:
    common: dict[str, Any] = {
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
    }
    values = {f"{u}.{k}": v for u in (*UNITS, "processor") for k, v in common.items()}
    spread = [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]
    rendered = helm.template(
        values
        | {
            "processor.runtimeClassName": "gvisor",
            "image.pullSecrets": ["registry"],
            "api.topologySpreadConstraints": spread,
            "api.podLabels": {"team": "photos"},
            "api.podAnnotations": {"note": "x"},
        },
    )
    for name in DEPLOYMENTS:
        pod = rendered.one("Deployment", name).pod
        assert common.items() <= pod.items()
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
    api = rendered.one("Deployment", "safelight-api").content["spec"]["template"]
    assert api["spec"]["topologySpreadConstraints"] == spread
    assert api["metadata"]["labels"]["team"] == "photos"
    assert api["metadata"]["annotations"] == {"note": "x"}
    operator = rendered.one("Deployment", "safelight-operator").environment
    assert json.loads(operator["SAFELIGHT_PROCESSOR_POD"] or "") == common | {
        "runtimeClassName": "gvisor",
        "imagePullSecrets": [{"name": "registry"}],
    }
    policy = json.dumps(
        rendered.one("ValidatingAdmissionPolicy", "safelight-safelight-jobs").content
    )
    assert "== 'gvisor'" in policy
    assert "== 'high'" in policy


def test_only_the_units_that_call_the_api_server_have_a_token(rendered: Rendered) -> None:
    for unit in (*UNITS, "processor"):
        account = rendered.one("ServiceAccount", f"safelight-{unit}")
        assert account.content["automountServiceAccountToken"] is False
    for name in DEPLOYMENTS:
        pod = rendered.one("Deployment", name).pod
        assert pod["automountServiceAccountToken"] is True
        assert pod["serviceAccountName"] == name
        assert pod["enableServiceLinks"] is False


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_probes_ask_a_port_that_the_container_has(rendered: Rendered, name: str) -> None:
    (container,) = rendered.one("Deployment", name).pod["containers"]
    ports = {port["name"] for port in container["ports"]}
    probes = {
        probe: container[f"{probe}Probe"]["httpGet"]
        for probe in ("startup", "liveness", "readiness")
    }
    assert {get["port"] for get in probes.values()} <= ports
    assert {probe: get["path"] for probe, get in probes.items()} == {
        "startup": "/healthz",
        "liveness": "/healthz",
        "readiness": "/readyz",
    }


@pytest.mark.parametrize("folder", ["api", "operator", "processor_image"])
def test_images_have_a_numeric_user(folder: str) -> None:
    """The kubelet cannot tell whether a named user is root, and refuses the pod."""
    lines = (paths.ROOT / folder / "Dockerfile").read_text().splitlines()
    (user,) = (line.split()[1] for line in lines if line.startswith("USER "))
    assert int(user.partition(":")[0]) > 0
