"""Helm, and one release on a real API server: no node, so its pods never start."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from safelight_local import debian
from safelight_local.cluster import Cluster
from safelight_local.install import namespace as restricted_namespace
from safelight_local.progress import Progress
from tests.charts import alerts
from tests.charts.alerts import Promtool
from tests.support.chart import RELEASE, REQUIRED, Helm, Rendered


@dataclass(frozen=True)
class Release:
    """Where the chart is installed."""

    cluster: Cluster
    namespace: str
    notes: str
    """What Helm printed."""

    def account(self, unit: str) -> str:
        """Return the user name of a unit's ServiceAccount."""
        return f"system:serviceaccount:{self.namespace}:{RELEASE}-{unit}"


@pytest.fixture(scope="session")
def helm(local_binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm on the chart of the checkout."""
    return Helm(local_binaries / "helm", tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def rendered(helm: Helm) -> Rendered:
    """The chart with its defaults."""
    return helm.template()


@pytest.fixture(scope="session")
def release(kubernetes: Cluster, helm: Helm) -> Iterator[Release]:
    """The chart with its defaults, in a namespace that takes restricted pods only.

    Every CRD is there already, from `kubectl apply`.
    """
    namespace = f"charts-{secrets.token_hex(4)}"
    kubernetes.apply(restricted_namespace(namespace))
    where = (f"--namespace={namespace}", f"--kubeconfig={kubernetes.kubeconfig}")
    values = {**REQUIRED, "crds.enabled": False}
    notes = helm("install", RELEASE, str(helm.chart), *where, values=values)
    yield Release(kubernetes, namespace, notes)
    helm("uninstall", RELEASE, *where)
    kubernetes.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture(scope="session")
def promtool(
    helm: Helm,
    tmp_path_factory: pytest.TempPathFactory,
    uncaptured: Callable[[], AbstractContextManager[None]],
) -> Promtool:
    """Prometheus' own tool, on the rules of a release with the defaults."""
    with uncaptured():
        program = debian.ensure_promtool(Progress())
    rules = alerts.rules(helm.template(alerts.SWITCHES))
    return Promtool(program, rules, tmp_path_factory.mktemp("promtool"))
