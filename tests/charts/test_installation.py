"""The chart on a real API server: accepted, restricted, with no more rights than it needs."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from safelight_local.cluster import Cluster
from safelight_local.install import namespace as restricted_namespace
from tests.charts.conftest import Release
from tests.support.chart import RELEASE, REQUIRED, Helm

GOLDEN = Path(__file__).parent / "data" / "rights.yaml"
EVERYTHING: dict[str, Any] = {
    "image.pullSecrets": ["registry"],
    "api.replicas": 3,
    "api.service.type": "NodePort",
    "api.ingress.enabled": True,
    "api.ingress.host": "photos.example.com",
    "api.ingress.tlsSecret": "certificate",
    "api.podAnnotations": {"note": "x"},
    "api.podLabels": {"team": "photos"},
    "api.nodeSelector": {"disk": "fast"},
    "api.tolerations": [{"key": "spot", "operator": "Exists"}],
    "api.priorityClassName": "high",
    "operator.replicas": 2,
    "processor.runtimeClassName": "gvisor",
    "metrics.dashboard.enabled": True,
    "objectStorage.endpoint": "https://s3.example.com",
    "networkPolicy.api.from": [{"ipBlock": {"cidr": "198.51.100.0/24"}}],
    "networkPolicy.metrics.from": [{"namespaceSelector": {"matchLabels": {"name": "metrics"}}}],
}
NOTHING: dict[str, Any] = {
    "crds.enabled": False,
    "admissionPolicy.enabled": False,
    "networkPolicy.enabled": False,
    "api.replicas": 0,
    "operator.replicas": 0,
}


@pytest.mark.parametrize("changes", [{}, EVERYTHING, NOTHING], ids=["default", "all", "none"])
def test_the_server_takes_all_that_is_rendered(
    kubernetes: Cluster,
    release: Release,
    helm: Helm,
    changes: dict[str, Any],
) -> None:
    rendered = helm.template(changes, namespace=release.namespace, release="other")
    items = {"apiVersion": "v1", "kind": "List", "items": [m.content for m in rendered]}
    done = kubernetes.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
        stdin=json.dumps(items),
    )
    assert len(done.splitlines()) == len(rendered)


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["default", "all"])
@pytest.mark.parametrize("unit", ["api", "operator"])
def test_every_pod_is_restricted(
    api_server: httpx.Client,
    release: Release,
    helm: Helm,
    unit: str,
    changes: dict[str, Any],
) -> None:
    rendered = helm.template(changes | {f"{unit}.priorityClassName": ""})
    template = rendered.one("Deployment", f"safelight-{unit}").content["spec"]["template"]
    pod = template | {"apiVersion": "v1", "kind": "Pod"}
    pod["metadata"] = template["metadata"] | {"name": unit}
    pods = f"/api/v1/namespaces/{release.namespace}/pods"
    answer = api_server.post(pods, params={"dryRun": "All"}, json=pod)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    del pod["spec"]["securityContext"]
    answer = api_server.post(pods, params={"dryRun": "All"}, json=pod)
    assert "violates PodSecurity" in answer.text


def rights(release: Release, account: str, namespace: str) -> set[str]:
    """Return what an account may do: resources, names and verbs, as kubectl lists them."""
    listed = release.cluster.kubectl(
        "auth", "can-i", "--list", f"--as={account}", f"--namespace={namespace}", "--no-headers"
    )
    return {" ".join(line.split()) for line in listed.splitlines()}


@pytest.mark.parametrize("unit", ["api", "operator", "processor"])
def test_an_account_has_exactly_these_rights(release: Release, unit: str) -> None:
    """Beside what every account has, such as asking what it may do."""
    nobody = f"system:serviceaccount:{release.namespace}:default"
    own = rights(release, release.account(unit), release.namespace)
    own -= rights(release, nobody, release.namespace)
    expected = yaml.safe_load(GOLDEN.read_text())[unit]
    assert sorted(own) == expected


@pytest.mark.parametrize("unit", ["api", "operator", "processor"])
def test_an_account_has_no_rights_elsewhere(release: Release, unit: str) -> None:
    nobody = f"system:serviceaccount:{release.namespace}:default"
    own = rights(release, release.account(unit), "kube-system")
    assert own == rights(release, nobody, "kube-system")


def test_the_notes_tell_the_next_commands(release: Release) -> None:
    for command in (
        f"kubectl -n {release.namespace} rollout status deployment/safelight-api",
        "patch secret tokens",
        "port-forward service/safelight-api",
        "-F file=@photo.jpg",
        f"kubectl -n {release.namespace} get imageuploads,availableimages",
        "keeps the custom resource definitions",
    ):
        assert command in release.notes


def test_uninstalling_keeps_definitions_and_images(
    kubernetes: Cluster,
    namespace: str,
    helm: Helm,
) -> None:
    """The release owns the definitions here, and they must outlive it all the same."""
    kubernetes.apply(restricted_namespace(namespace))
    where = (f"--namespace={namespace}", f"--kubeconfig={kubernetes.kubeconfig}")
    chart = str(helm.chart)
    helm("install", RELEASE, chart, *where, "--take-ownership", values=REQUIRED)
    image = {
        "apiVersion": "safelight.dev/v1alpha1",
        "kind": "AvailableImage",
        "metadata": {"name": "550e8400-e29b-41d4-a716-446655440000", "namespace": namespace},
        "spec": {
            "uploadUID": "one",
            "fileName": "holiday.jpg",
            "image": {
                "key": "images/550e8400-e29b-41d4-a716-446655440000/1/image.jpg",
                "mediaType": "image/jpeg",
                "size": 1,
                "width": 1,
                "height": 1,
                "sha256": "0" * 64,
                "etag": "x",
            },
        },
    }
    kubernetes.apply(image)
    helm("upgrade", RELEASE, chart, *where, values=REQUIRED)
    printed = helm("uninstall", RELEASE, *where)
    assert "availableimages.safelight.dev" in printed
    assert kubernetes.kubectl("-n", namespace, "get", "availableimages", "-o", "name").strip()
    helm("install", RELEASE, chart, *where, values=REQUIRED)
    helm("uninstall", RELEASE, *where)
