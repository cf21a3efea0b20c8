"""The dashboard: all metrics, each panel with expressions that Prometheus understands."""

import json
import re
from itertools import combinations
from typing import Any

from safelight_local import paths
from tests.charts.alerts import Promtool, selectors
from tests.support import metrics
from tests.support.chart import Helm

FILE = paths.CHART / "files" / "dashboard.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text())
PANELS: list[dict[str, Any]] = [p for p in DASHBOARD["panels"] if p["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]


def test_the_config_map_holds_the_file(helm: Helm) -> None:
    rendered = helm.template(
        {
            "metrics.dashboard.enabled": True,
            "metrics.dashboard.labels": {"team": "photos"},
            "metrics.dashboard.annotations": {"grafana_folder": "Services"},
        }
    )
    assert rendered.one("ConfigMap", "safelight-dashboard").content == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "safelight-dashboard",
            "namespace": "safelight",
            "labels": {
                "app.kubernetes.io/name": "safelight",
                "app.kubernetes.io/instance": "safelight",
                "app.kubernetes.io/component": "dashboard",
                "app.kubernetes.io/part-of": "safelight",
                "app.kubernetes.io/managed-by": "Helm",
                "app.kubernetes.io/version": "0.1.0",
                "helm.sh/chart": "safelight-0.1.0",
                "grafana_dashboard": "1",
                "team": "photos",
            },
            "annotations": {"grafana_folder": "Services"},
        },
        "data": {"safelight.json": FILE.read_text()},
    }


def test_it_shows_every_metric_and_none_that_is_not_there() -> None:
    exposed = {name for _, name, *_ in metrics.rows()}
    named = set(re.findall(r"safelight_\w+", " ".join(EXPRESSIONS)))
    assert {re.sub("_bucket$", "", name) for name in named} == exposed


def test_every_series_is_of_the_chosen_namespace_and_has_the_labels_of_its_metric() -> None:
    exposed: dict[str, set[str]] = {}
    for _, name, kind, labels, _ in metrics.rows():
        series = f"{name}_bucket" if kind == "histogram" else name
        exposed.setdefault(series, set()).update(filter(None, labels.split(", ")))
    chosen = selectors(EXPRESSIONS)
    assert {metric for metric, label in chosen if label == "namespace"} == set(exposed)
    for metric, label in chosen:
        assert label in exposed[metric] | {"namespace"}, metric
    from_prometheus = {"le", "pod", "job"}
    for panel in PANELS:
        for target in panel["targets"]:
            (kept,) = re.findall(r" by \(([^)]+)\)", target["expr"]) or [""]
            (metric,) = set(re.findall(r"safelight_\w+", target["expr"]))
            of_series = set(filter(None, kept.split(", ")))
            assert of_series <= exposed[metric] | from_prometheus, panel["title"]
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) == of_series - {"le"}


def test_prometheus_understands_every_expression(promtool: Promtool) -> None:
    rules = [
        {
            "record": f"panel:{number}",
            "expr": text.replace("$__rate_interval", "2m").replace("$namespace", "safelight"),
        }
        for number, text in enumerate(EXPRESSIONS)
    ]
    printed = promtool(
        "check", "rules", input_file={"groups": [{"name": "panels", "rules": rules}]}
    )
    assert f"SUCCESS: {len(EXPRESSIONS)} rules found" in printed


def test_panels_have_an_id_each_and_do_not_cover_each_other() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))
    for one, other in combinations((panel["gridPos"] for panel in DASHBOARD["panels"]), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above
        assert one["x"] + one["w"] <= 24
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${datasource}"}
