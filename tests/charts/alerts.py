"""The alerts of the chart, as promtool tries them: series of a system, and what must fire when."""

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from tests.support.chart import Rendered

STEP: Final = 30
"""Seconds between two samples, and between two looks at the alerts."""
NAMESPACE: Final = "safelight"
SWITCHES: Final[Mapping[str, object]] = {
    "metrics.podMonitor.enabled": True,
    "metrics.prometheusRule.enabled": True,
}


@dataclass(frozen=True)
class Case:
    """A system that is healthy for a time, and then something happens to one or two series.

    Values are in promtool's notation, one for each step from the moment on: `1+2x9` is 1, 3, …, 19;
    `_x9` no sample; `stale` the end of a series.
    """

    name: str
    alert: str
    series: Mapping[str, str]
    """What each series is from then on; a new one begins then."""
    after: int
    """Seconds until the alert fires, and not a step before."""
    value: str = ""
    """What the alert says of the expression's value."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the alert, besides severity and namespace."""
    healthy: int = 2 * 3600
    """Seconds before that."""
    ends: int | None = None
    """Seconds until it no longer fires."""


@dataclass(frozen=True)
class Promtool:
    """Prometheus' tool on the rules of the chart."""

    program: Path
    rules: list[dict[str, Any]]
    folder: Path

    def __call__(self, *arguments: str, input_file: Mapping[str, Any]) -> str:
        """Run it on a file with this content; return what it printed.

        Raises:
            AssertionError: it found something.
        """
        (self.folder / "rules.yaml").write_text(
            yaml.safe_dump({"groups": [{"name": "safelight", "rules": self.rules}]}),
        )
        file = self.folder / "input.yaml"
        file.write_text(yaml.safe_dump(dict(input_file)))
        done = subprocess.run(
            [str(self.program), *arguments, str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def try_out(self, series: Mapping[str, str], expected: Mapping[int, list[str] | Case]) -> None:
        """Compare what fires at these seconds: nothing (an empty list), or a case's alert alone."""
        tests = [
            {"eval_time": f"{second}s", "alertname": rule["alert"], "exp_alerts": alerts}
            for second, what in expected.items()
            for rule in self.rules
            for alerts in [_expected(rule, what) if isinstance(what, Case) else what]
        ]
        test = {
            "interval": f"{STEP}s",
            "input_series": [{"series": s, "values": v} for s, v in series.items()],
            "alert_rule_test": tests,
        }
        self(
            "test",
            "rules",
            input_file={
                "rule_files": ["rules.yaml"],
                "evaluation_interval": f"{STEP}s",
                "tests": [test],
            },
        )


def series(metric: str, **labels: str) -> str:
    """Return the name of a series of our namespace, unless the labels name another."""
    given = {"namespace": NAMESPACE, **labels}
    listed = ",".join(f'{name}="{given[name]}"' for name in sorted(given))
    return f"{metric}{{{listed}}}"


def rules(rendered: Rendered) -> list[dict[str, Any]]:
    """Return the rules of a release."""
    (group,) = rendered.one("PrometheusRule", "safelight-alerts").content["spec"]["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def healthy(seconds: int) -> dict[str, str]:
    """Return the series of a system that works: two operators, one of which leads, and two APIs."""
    steps = seconds // STEP - 1
    found: dict[str, str] = {}

    def add(metric: str, values: str, **labels: str) -> None:
        found[series(metric, **labels)] = f"{values}x{steps}"

    for pod, leads in (("operator-0", 1), ("operator-1", 0)):
        add("safelight_leader", f"{leads}+0", pod=pod)
        add("safelight_oldest_pending_seconds", f"{leads * 40}+0", pod=pod)
        add("safelight_jobs_limit", f"{leads * 20}+0", pod=pod)
        add("safelight_watch_overdue_seconds", "0+0", pod=pod, kind="jobs")
        add("safelight_records_without_objects", "0+0", pod=pod)
    leader, ended = "operator-0", "safelight_uploads_total"
    add(ended, "5+9", pod=leader, result="available", reason="Published")
    add(ended, "5+1", pod=leader, result="failed", reason="CorruptImage")
    add(ended, "7+0", pod=leader, result="failed", reason="OutOfMemory")
    add("safelight_orphan_objects", "12+0", pod=leader, kind="original")
    add("safelight_sweeps_total", "0+1", pod=leader, result="ok")
    for pod in ("api-0", "api-1"):
        for code in ("200", "201", "404", "422"):
            add("safelight_http_requests_total", "0+5", pod=pod, code=code)
        add("safelight_watch_last_event_seconds", "40+0", pod=pod, kind="ImageUpload")
        add("safelight_cache_synced", "1+0", pod=pod, kind="ImageUpload")
        add("safelight_available_images", "30000+2", pod=pod)
    return found


def changed(before: Mapping[str, str], seconds: int, then: Mapping[str, str]) -> dict[str, str]:
    """Return the series with what happens after so many seconds; the others go on.

    Args:
        before: the series until then.
        seconds: their length.
        then: further values of series; one that was not there begins.
    """
    day = 24 * 3600 // STEP
    new = {name: f"_x{seconds // STEP} {values}" for name, values in then.items()}
    return new | {
        name: f"{values} {then[name]}" if name in then else _on(values, day)
        for name, values in before.items()
    }


def _on(values: str, steps: int) -> str:
    start, step, count = (int(part) for part in re.split(r"[+x]", values))
    return f"{start}+{step}x{count + steps}"


def _expected(rule: Mapping[str, Any], case: Case) -> list[dict[str, Any]]:
    """Return the alert of a case as it must be, text and all, if the rule is that of the case."""
    if rule["alert"] != case.alert:
        return []
    return [
        {
            "exp_labels": {**rule["labels"], **case.labels},
            "exp_annotations": {
                name: filled(text, case) for name, text in rule["annotations"].items()
            },
        }
    ]


def filled(text: str, case: Case) -> str:
    """Return a text as Prometheus fills it in."""
    for name, value in case.labels.items():
        text = text.replace(f"{{{{ $labels.{name} }}}}", value)
    for expression in ("$value", "humanizeDuration $value"):
        text = text.replace(f"{{{{ {expression} }}}}", case.value)
    return text


def selectors(expressions: Iterable[str]) -> set[tuple[str, str]]:
    """Return all pairs of a metric and a label that expressions choose it by."""
    return {
        (metric, label)
        for expression in expressions
        for metric, chosen in re.findall(r"(safelight_\w+)\{([^}]*)\}", expression)
        for label in re.findall(r'(\w+)(?:=|!=|=~|!~)"', chosen)
    }
