"""The alerts: they are those of the page, on metrics that exist, and fire when they should."""

import re

import pytest
import yaml

from safelight_contract.resources import Failure
from safelight_local import paths
from tests.charts import alerts
from tests.charts.alert_cases import CASES, DAY, HARMLESS, HOUR
from tests.charts.alerts import STEP, Case, Promtool
from tests.support import metrics
from tests.support.chart import Helm


def test_the_page_and_the_rules_are_the_same(helm: Helm) -> None:
    """State for state: name, severity, duration, expression; each link leads to its row."""
    page = (paths.ROOT / "docs" / "reliability.md").read_text()
    rows = re.findall(
        r'^\| <a id="(\w+)"></a>[^|]+ \| `(\w+)` \| (\w+) \| (\w+) \| `(.+?)` \| [^|]+ \|$',
        page.partition("## At 3 a.m.")[2].replace("\\|", "\0"),
        re.MULTILINE,
    )
    assert page.count('| <a id="') == len(rows)
    ours = [
        (
            rule["annotations"]["runbook_url"].removeprefix("docs/reliability.md#"),
            rule["alert"],
            rule["labels"]["severity"],
            rule["for"],
            re.sub(r'namespace="safelight",?', "", rule["expr"]).replace("{}", ""),
        )
        for rule in alerts.rules(helm.template(alerts.SWITCHES))
    ]
    assert ours == [(*row[:-1], row[-1].replace("\0", "|")) for row in rows]


def test_every_expression_names_metrics_and_labels_that_exist(promtool: Promtool) -> None:
    expressions = [rule["expr"] for rule in promtool.rules]
    exposed: dict[str, set[str]] = {}
    for _, name, _, labels, _ in metrics.rows():
        exposed.setdefault(name, set()).update(filter(None, labels.split(", ")))
    named = set(re.findall(r"safelight_\w+", " ".join(expressions)))
    assert named <= set(exposed)
    chosen = alerts.selectors(expressions)
    assert {metric for metric, label in chosen if label == "namespace"} == named
    for metric, label in chosen:
        assert label in exposed[metric] | {"namespace"}, metric


def test_only_a_failure_of_the_file_is_no_alert(promtool: Promtool) -> None:
    (rule,) = (r for r in promtool.rules if r["alert"] == "SafelightGoodFilesFail")
    (reasons,) = set(re.findall(r'reason!~"([^"]+)"', rule["expr"]))
    assert set(reasons.split("|")) == {
        Failure.UNSUPPORTED_FORMAT,
        Failure.CORRUPT_IMAGE,
        Failure.IMAGE_TOO_LARGE,
    }


def test_promtool_accepts_the_rules(promtool: Promtool) -> None:
    groups = {"groups": [{"name": "safelight", "rules": promtool.rules}]}
    printed = promtool("check", "rules", "--lint-fatal", input_file=groups)
    assert f"SUCCESS: {len(promtool.rules)} rules found" in printed


def test_a_healthy_system_is_silent_whatever_happens_in_other_namespaces(
    promtool: Promtool,
) -> None:
    series = alerts.healthy(3 * HOUR)
    for case in CASES:
        for name, values in case.series.items():
            series[name.replace('"safelight"', '"staging"')] = f"_x120 {values}"
    moments = (HOUR // 2, HOUR, HOUR + 60, 2 * HOUR, 3 * HOUR - 60)
    promtool.try_out(series, {second: [] for second in moments})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_alert_fires_in_time_and_alone(promtool: Promtool, case: Case) -> None:
    series = alerts.changed(alerts.healthy(case.healthy), case.healthy, case.series)
    fires = case.healthy + case.after
    expected: dict[int, list[str] | Case] = {
        case.healthy - STEP: [],
        fires - STEP: [],
        fires: case,
    }
    if case.ends is not None:
        last = case.healthy + case.ends
        # Whether the edge of a range is in it depends on the version of Prometheus.
        expected |= {last - 2 * STEP: case, last + 2 * STEP: []}
    promtool.try_out(series, expected)


def test_every_alert_has_a_case(promtool: Promtool) -> None:
    assert {case.alert for case in CASES} == {rule["alert"] for rule in promtool.rules}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_passes_is_no_alert(promtool: Promtool, name: str) -> None:
    start = DAY + HOUR if "left over" in name else 2 * HOUR
    series = alerts.changed(alerts.healthy(start), start, HARMLESS[name])
    moments = range(start, start + 30 * 60, STEP)
    promtool.try_out(series, {second: [] for second in moments})


def test_the_limit_of_jobs_is_that_of_the_values(helm: Helm) -> None:
    rendered = helm.template({**alerts.SWITCHES, "limits.maxConcurrentJobs": 300})
    (rule,) = (r for r in alerts.rules(rendered) if r["alert"] == "SafelightJobsRefused")
    assert rule["expr"] == 'max(safelight_jobs_limit{namespace="safelight"}) < 300'


def test_prometheus_takes_the_configuration_of_the_page(promtool: Promtool, helm: Helm) -> None:
    """And it finds the pods by the labels and the port that they have."""
    page = (paths.ROOT / "docs" / "metrics.md").read_text()
    (block,) = re.findall(r"^```yaml\n(scrape_configs:.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (scraping,) = yaml.safe_load(block)["scrape_configs"]
    # Debian's promtool is built without the discovery of pods.
    assert scraping.pop("kubernetes_sd_configs") == [
        {"role": "pod", "namespaces": {"names": [alerts.NAMESPACE]}},
    ]
    printed = promtool("check", "config", input_file={"scrape_configs": [scraping]})
    assert "SUCCESS" in printed
    keep = scraping["relabel_configs"][0]
    assert keep["action"] == "keep"
    rendered = helm.template()
    for unit in ("api", "operator"):
        deployment = rendered.one("Deployment", f"safelight-{unit}")
        component = deployment.content["spec"]["template"]["metadata"]["labels"]
        (container,) = deployment.pod["containers"]
        found = [
            port["name"]
            for port in container["ports"]
            if re.fullmatch(
                keep["regex"],
                f"{component['app.kubernetes.io/component']};{port['name']}",
            )
        ]
        assert found == [{"api": "metrics", "operator": "health"}[unit]]
