"""What the chart makes for the Prometheus Operator, and what it says where there is none."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight_local.cluster import Cluster
from safelight_local.install import namespace as restricted_namespace
from tests.charts import alerts
from tests.support.chart import RELEASE, REQUIRED, Helm, HelmError

DEFINITIONS = Path(__file__).parent / "data" / "monitoring.yaml"
VALUES = {
    **alerts.SWITCHES,
    "metrics.podMonitor.labels": {"release": "prometheus"},
    "metrics.podMonitor.interval": "1m",
    "metrics.prometheusRule.labels": {"role": "alerts"},
    "metrics.prometheusRule.interval": "90s",
    "metrics.prometheusRule.alertLabels": {"team": "photos"},
    "metrics.prometheusRule.runbookUrl": "https://wiki.example.com/reliability",
}


def labels(unit: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "safelight",
        "app.kubernetes.io/instance": "safelight",
        "app.kubernetes.io/component": unit,
        "app.kubernetes.io/part-of": "safelight",
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/version": "0.1.0",
        "helm.sh/chart": "safelight-0.1.0",
    }


@pytest.mark.parametrize(("unit", "port"), [("api", "metrics"), ("operator", "health")])
def test_all_pods_of_a_unit_are_scraped(helm: Helm, unit: str, port: str) -> None:
    rendered = helm.template(VALUES)
    deployment = rendered.one("Deployment", f"safelight-{unit}").content["spec"]
    assert rendered.one("PodMonitor", f"safelight-{unit}").content == {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {
            "name": f"safelight-{unit}",
            "namespace": "safelight",
            "labels": labels(unit) | {"release": "prometheus"},
        },
        "spec": {
            "selector": deployment["selector"],
            "podMetricsEndpoints": [{"port": port, "path": "/metrics", "interval": "1m"}],
        },
    }
    (container,) = deployment["template"]["spec"]["containers"]
    assert port in {each["name"] for each in container["ports"]}


@pytest.mark.parametrize(("unit", "port"), [("api", "metrics"), ("operator", "health")])
def test_the_network_lets_the_scraper_in_and_it_alone(helm: Helm, unit: str, port: str) -> None:
    scraper = [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]
    rendered = helm.template(VALUES | {"networkPolicy.metrics.from": scraper})
    (container,) = rendered.one("Deployment", f"safelight-{unit}").pod["containers"]
    (number,) = (p["containerPort"] for p in container["ports"] if p["name"] == port)
    ingress = rendered.one("NetworkPolicy", f"safelight-{unit}").content["spec"]["ingress"]
    assert [rule["from"] for rule in ingress if rule["ports"][0]["port"] == number] == [scraper]


def test_the_rule_has_the_labels_and_links_of_the_values(helm: Helm) -> None:
    """Whole but for the other alerts, which have tests of their own."""
    rule = helm.template(VALUES).one("PrometheusRule", "safelight-alerts").content
    (group,) = rule["spec"]["groups"]
    for alert in group["rules"]:
        assert set(alert) == {"alert", "expr", "for", "labels", "annotations"}
        assert alert["labels"]["team"] == "photos"
        assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    group["rules"] = [r for r in group["rules"] if r["alert"] == "SafelightApiLate"]
    assert rule == {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "safelight-alerts",
            "namespace": "safelight",
            "labels": labels("alerts") | {"role": "alerts"},
        },
        "spec": {
            "groups": [
                {
                    "name": "safelight",
                    "interval": "90s",
                    "rules": [
                        {
                            "alert": "SafelightApiLate",
                            "expr": 'max(safelight_watch_last_event_seconds{namespace="safelight"})'
                            ' > 120 or min(safelight_cache_synced{namespace="safelight"}) < 1',
                            "for": "2m",
                            "labels": {
                                "severity": "warning",
                                "namespace": "safelight",
                                "team": "photos",
                            },
                            "annotations": {
                                "summary": "Safelight in safelight: the API sees the cluster late",
                                "description": "Polls are answered with what was known. The API"
                                " server is down or slow, and the watch repairs itself once it"
                                " answers. `kubectl -n safelight rollout restart"
                                " deployment/safelight-api` loses nothing.",
                                "runbook_url": "https://wiki.example.com/reliability"
                                "#safelightapilate",
                            },
                        }
                    ],
                }
            ],
        },
    }


@pytest.mark.parametrize("switch", alerts.SWITCHES)
def test_each_is_there_only_if_it_was_asked_for(helm: Helm, switch: str) -> None:
    kinds = helm.template({switch: True}).kinds() - helm.template().kinds()
    assert kinds == {{"podMonitor": "PodMonitor"}.get(switch.split(".")[1], "PrometheusRule")}


def test_a_cluster_without_the_operator_is_refused_and_one_with_it_installs(
    kubernetes: Cluster,
    namespace: str,
    helm: Helm,
) -> None:
    """On a real API server; the definitions are there for this test alone."""
    kubernetes.apply(restricted_namespace(namespace))
    where = (f"--namespace={namespace}", f"--kubeconfig={kubernetes.kubeconfig}")
    values: dict[str, Any] = {**REQUIRED, **VALUES, "crds.enabled": False}
    install = ("upgrade", "--install", RELEASE, str(helm.chart), *where)
    wanted = r"metrics\.podMonitor\.enabled needs the kind PodMonitor .*this cluster does not have"
    with pytest.raises(HelmError, match=wanted):
        helm(*install, values=values)
    wanted = r"metrics\.prometheusRule\.enabled needs the kind PrometheusRule"
    with pytest.raises(HelmError, match=wanted):
        helm(*install, values=values | {"metrics.podMonitor.enabled": False})
    helm(*install, values=values | dict.fromkeys(alerts.SWITCHES, False))

    for definition in yaml.safe_load_all(DEFINITIONS.read_text()):
        kubernetes.apply(definition)
    try:
        kubernetes.kubectl("wait", "crd", "--for=condition=Established", "-l", "tests=monitoring")
        notes = helm(*install, values=values)
        assert f"kubectl -n {namespace} get podmonitors,prometheusrules" in notes
        found = kubernetes.kubectl(
            *("-n", namespace, "get", "podmonitors,prometheusrules", "-o", "name")
        )
        assert found.split() == [
            "podmonitor.monitoring.coreos.com/safelight-api",
            "podmonitor.monitoring.coreos.com/safelight-operator",
            "prometheusrule.monitoring.coreos.com/safelight-alerts",
        ]
        helm("uninstall", RELEASE, *where)
    finally:
        kubernetes.kubectl("delete", "crd", "-l", "tests=monitoring")
