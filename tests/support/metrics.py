"""All metrics of the units, as they are: for the page that documents them, and its test."""

import importlib
from collections.abc import Iterator

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from safelight_api.metrics import Metrics


def rows() -> Iterator[tuple[str, str, str, str, str]]:
    """Yield unit, name as it is exposed, type, labels, and description of each metric."""
    importlib.import_module("safelight_operator.metrics")
    api = Metrics()
    api.observe_watch("ImageUpload", lambda: True, lambda: 0.0)
    api.observe_connections(idle=lambda: 0)
    api.observe_waiting(head=lambda: 0)
    api.observe_cache(pending=lambda: 0, failed=lambda: 0, images=lambda: 0)
    for unit, registry in (("api", api.registry), ("operator", REGISTRY)):
        labels = _labels(registry)
        for metric in registry.collect():
            if metric.name.startswith("safelight"):
                name = f"{metric.name}_total" if metric.type == "counter" else metric.name
                named = ", ".join(labels[metric.name])
                yield unit, name, metric.type, named, metric.documentation


def _labels(registry: CollectorRegistry) -> dict[str, tuple[str, ...]]:
    """Return the labels of each metric, also of those that have no value yet."""
    return {
        metric._name: metric._labelnames  # noqa: SLF001 - the library tells them nowhere else
        for metric in registry._collector_to_names  # noqa: SLF001 - likewise
        if isinstance(metric, MetricWrapperBase)
    }


def table() -> str:
    """Return the table of docs/metrics.md."""
    head = "| unit | metric | type | labels | what it counts |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| {unit} | `{name}` | {kind} | {labels} | {text} |\n"
        for unit, name, kind, labels, text in rows()
    )


if __name__ == "__main__":
    print(table(), end="")  # noqa: T201 - printing is this program's purpose
