"""Fixtures of the tests under faults."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from safelight_local import certificates
from safelight_local.cluster import Cluster
from tests.faults.calls import Dialect
from tests.faults.exchange import Server
from tests.faults.history import Recorder
from tests.operator.conftest import settings, stage, started

__all__ = ["settings", "stage", "started"]


@pytest.fixture
def history_file(tmp_path: Path) -> Path:
    """Return where the history of a test is written."""
    return tmp_path / "history.jsonl"


@pytest.fixture
def recorder(history_file: Path) -> Iterator[Recorder]:
    """Return what writes the history of a test."""
    with Recorder(history_file) as recorder:
        yield recorder


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the certificate that the proxy shows."""
    folder = tmp_path_factory.mktemp("proxy") / "pki"
    return certificates.ensure(folder, ("localhost", "127.0.0.1"))


@pytest.fixture
def api_server(kubernetes: Cluster) -> Server:
    """Return the API server, as the proxy reaches it."""
    return Server(kubernetes.url, Dialect.KUBERNETES, kubernetes.ca_file)
