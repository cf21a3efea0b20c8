"""What the chart renders, with its toggles on and off."""

import json

import pytest
import yaml

from safelight_local import paths
from tests.support.chart import Helm, Rendered


def test_the_defaults_install_these_objects(rendered: Rendered) -> None:
    assert sorted((manifest.kind, manifest.name) for manifest in rendered) == [
        ("CustomResourceDefinition", "availableimages.safelight.dev"),
        ("CustomResourceDefinition", "imageuploads.safelight.dev"),
        ("Deployment", "safelight-api"),
        ("Deployment", "safelight-operator"),
        ("NetworkPolicy", "safelight-api"),
        ("NetworkPolicy", "safelight-operator"),
        ("NetworkPolicy", "safelight-processor"),
        ("Role", "safelight-api"),
        ("Role", "safelight-operator"),
        ("RoleBinding", "safelight-api"),
        ("RoleBinding", "safelight-operator"),
        ("Service", "safelight-api"),
        ("ServiceAccount", "safelight-api"),
        ("ServiceAccount", "safelight-operator"),
        ("ServiceAccount", "safelight-processor"),
        ("ValidatingAdmissionPolicy", "safelight-safelight-jobs"),
        ("ValidatingAdmissionPolicyBinding", "safelight-safelight-jobs"),
    ]


@pytest.mark.parametrize(
    ("toggle", "kinds"),
    [
        ("crds.enabled", {"CustomResourceDefinition"}),
        ("networkPolicy.enabled", {"NetworkPolicy"}),
        (
            "admissionPolicy.enabled",
            {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"},
        ),
    ],
)
def test_what_is_switched_off_is_not_there(
    helm: Helm,
    rendered: Rendered,
    toggle: str,
    kinds: set[str],
) -> None:
    assert rendered.kinds() - helm.template({toggle: False}).kinds() == kinds


def test_all_names_come_from_the_release(helm: Helm) -> None:
    """Cluster-scoped ones from the namespace too: two installations do not share them."""
    for manifest in helm.template(release="photos", namespace="team"):
        if manifest.kind.startswith("ValidatingAdmissionPolicy"):
            assert manifest.name == "team-photos-jobs"
        elif manifest.kind != "CustomResourceDefinition":
            assert manifest.name.startswith("photos-")
            assert manifest.content["metadata"]["namespace"] == "team"


def test_roles_name_every_verb_and_nothing_cluster_wide(rendered: Rendered) -> None:
    assert not rendered.kinds() & {"ClusterRole", "ClusterRoleBinding"}
    for manifest in rendered:
        if manifest.kind == "Role":
            for rule in manifest.content["rules"]:
                assert "*" not in json.dumps(rule)
                assert "secrets" not in rule["resources"]


def test_one_replica_needs_no_budget_and_two_have_one(helm: Helm, rendered: Rendered) -> None:
    assert "PodDisruptionBudget" not in rendered.kinds()
    budget = helm.template({"api.replicas": 2}).one("PodDisruptionBudget", "safelight-api")
    assert budget.content["spec"]["maxUnavailable"] == 1


def test_the_service_has_the_type_and_port_of_the_values(helm: Helm) -> None:
    values = {"api.service.type": "NodePort", "api.service.nodePort": 30080}
    spec = helm.template(values).one("Service", "safelight-api").content["spec"]
    assert spec["type"] == "NodePort"
    assert spec["ports"] == [
        {"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080},
    ]


def test_the_ingress_leads_to_the_api_alone(helm: Helm, rendered: Rendered) -> None:
    assert "Ingress" not in rendered.kinds()
    values = {"api.ingress.enabled": True, "api.ingress.host": "photos.example.com"}
    tls = {"api.ingress.tlsSecret": "certificate", "api.ingress.className": "nginx"}
    spec = helm.template(values | tls).one("Ingress", "safelight-api").content["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": ["photos.example.com"], "secretName": "certificate"}]
    (rule,) = spec["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/api"]
    prefixed = helm.template(values | {"api.pathPrefix": "/photos"})
    (rule,) = prefixed.one("Ingress", "safelight-api").content["spec"]["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/photos/api"]


def test_the_definitions_are_those_of_the_repository(rendered: Rendered) -> None:
    ours = {m.name: m.content for m in rendered if m.kind == "CustomResourceDefinition"}
    theirs = [yaml.safe_load(path.read_text()) for path in sorted(paths.CRDS.glob("*.yaml"))]
    assert ours == {crd["metadata"]["name"]: crd for crd in theirs}
