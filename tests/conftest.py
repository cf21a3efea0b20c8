"""The fixtures that every folder of tests shares.

Slow things (a control plane, an S3 server, the local cluster) start when the first test asks for
them and live as long as the test run.
"""

import secrets
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import httpx
import pytest

from safelight_contract.env import ObjectStoreSettings
from safelight_local import binaries, up
from safelight_local.cluster import Cluster
from safelight_local.object_storage import ObjectStorage
from safelight_local.progress import Progress
from tests.support import clusters
from tests.support import corpus as corpus_files

_CORPUS_FIXTURES = {"corpus", "corpus_row"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `corpus_row` once for each row of the corpus."""
    if "corpus_row" in metafunc.fixturenames:
        rows = corpus_files.rows(corpus_files.directory())
        metafunc.parametrize("corpus_row", rows, ids=[row["file"] for row in rows])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the tests of the corpus where there is none: nothing is skipped."""
    if not corpus_files.rows(corpus_files.directory()):
        items[:] = [i for i in items if not _CORPUS_FIXTURES & set(getattr(i, "fixturenames", ()))]


@pytest.fixture(scope="session")
def corpus() -> list[dict[str, str]]:
    """Return the rows of the corpus; `path` is where a row's file is."""
    return corpus_files.rows(corpus_files.directory())


@pytest.fixture(scope="session")
def uncaptured(pytestconfig: pytest.Config) -> Callable[[], AbstractContextManager[None]]:
    """Return what opens a block whose output is seen at once: a long wait tells what it is."""
    manager = pytestconfig.pluginmanager.getplugin("capturemanager")
    return manager.global_and_fixture_disabled if manager else nullcontext


@pytest.fixture(scope="session")
def local_binaries(uncaptured: Callable[[], AbstractContextManager[None]]) -> Path:
    """Return the folder of the built programs: etcd, kube-apiserver, kubectl, helm and others."""
    with uncaptured():
        return binaries.ensure(Progress())


@pytest.fixture(scope="session")
def kubernetes(
    local_binaries: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    """Return the administrator's access to a real control plane without a node."""
    with clusters.started_cluster(tmp_path_factory.mktemp("kubernetes"), local_binaries) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def api_server(kubernetes: Cluster) -> Iterator[httpx.Client]:
    """Return an administrator's direct access: kubectl takes a tenth of a second for each call."""
    with httpx.Client(
        base_url=kubernetes.url,
        headers={"Authorization": f"Bearer {kubernetes.token}"},
        verify=ssl.create_default_context(cafile=kubernetes.ca_file),
        trust_env=False,
    ) as client:
        yield client


@pytest.fixture
def namespace(kubernetes: Cluster) -> Iterator[str]:
    """Return the name of a fresh namespace; what is in it goes away after the test."""
    name = f"test-{secrets.token_hex(5)}"
    kubernetes.kubectl("create", "namespace", name)
    yield name
    kubernetes.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def s3_server(
    local_binaries: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ObjectStorage]:
    """Return a real S3 server."""
    directory = tmp_path_factory.mktemp("s3")
    with clusters.started_object_storage(directory, local_binaries) as server:
        yield server


@pytest.fixture
def object_storage(s3_server: ObjectStorage) -> ObjectStoreSettings:
    """Return how to use a fresh bucket of the real S3 server."""
    return clusters.bucket_settings(s3_server)


@pytest.fixture(scope="session")
def installation(uncaptured: Callable[[], AbstractContextManager[None]]) -> Mapping[str, str]:
    """Return what `local/state/env` says, with the chart installed on the local cluster.

    It is the cluster of `make up`: started if it does not run, brought to the sources as they are,
    and left running, so that a second test run is quick and a failure can be looked into.
    """
    with uncaptured():
        return up.up(Progress(), photo=None)
