from safelight_local import paths
from tests.support import metrics


def test_every_metric_is_documented() -> None:
    """`python -m tests.support.metrics` prints the table as it must be."""
    page = (paths.ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")

    assert metrics.table() in page
    assert page.count("| `safelight_") == len(list(metrics.rows()))
