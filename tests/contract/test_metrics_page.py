import re

from safelight_local import paths
from tests.support import metrics


def test_every_metric_is_documented() -> None:
    """`python -m tests.support.metrics` prints the table as it must be."""
    page = (paths.ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")

    assert metrics.table() in page
    assert page.count("| `safelight_") == len(list(metrics.rows()))


def test_the_expressions_for_alerts_name_metrics_that_exist() -> None:
    page = (paths.ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = set(re.findall(r"safelight_[a-z0-9_]+", page)) - {"safelight_operator"}

    assert len(named) > 10
    assert named <= {name for _, name, *_ in metrics.rows()}
