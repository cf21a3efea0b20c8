"""Fixtures: the API's program, with proxies in front, an image, and the client whose it is."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager

import pytest
import pytest_asyncio

from safelight_api.settings import Settings
from safelight_api.tokens import hash_of
from safelight_local import machine
from safelight_local.cluster import Cluster
from safelight_local.object_storage import ObjectStorage
from safelight_local.progress import Progress
from tests.api.playing import PlayedOperator
from tests.api.running import Running, running
from tests.edge import proxies
from tests.edge.owner import Owner
from tests.edge.programs import CLIENTS, Programs
from tests.edge.proxies import Way
from tests.edge.rows.row import ATTACKER, OWNER
from tests.support import clusters
from tests.support.bucket import Bucket


@pytest.fixture(scope="module")
def settings(
    kubernetes: Cluster, s3_server: ObjectStorage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """Return settings of an API that knows the attacker and the owner."""
    folder = tmp_path_factory.mktemp("edge-api")
    tokens = folder / "tokens"
    tokens.mkdir()
    (tokens / "attacker").write_text(hash_of(ATTACKER))
    (tokens / "owner").write_text(hash_of(OWNER))
    (folder / "temporary").mkdir()
    namespace = f"test-{secrets.token_hex(5)}"
    kubernetes.kubectl("create", "namespace", namespace)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(kubernetes.kubeconfig))
        patch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        yield Settings(
            object_store=clusters.bucket_settings(s3_server),
            namespace=namespace,
            tokens_directory=tokens,
            temporary_directory=folder / "temporary",
        )
    kubernetes.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def operator(settings: Settings, kubernetes: Cluster) -> AsyncIterator[PlayedOperator]:
    """Return what plays the operator."""
    bucket = Bucket(settings.object_store)
    async with PlayedOperator(kubernetes, settings.namespace, bucket) as operator:
        yield operator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    """Return the API's program, running."""
    log = tmp_path_factory.mktemp("edge-log") / "api.log"
    async with running(settings, OWNER, log) as api:
        yield api


@pytest.fixture(scope="module")
def installed(uncaptured: Callable[[], AbstractContextManager[None]]) -> None:
    """Have curl and a JDK on the machine."""
    with uncaptured():
        machine.install_missing(Progress(), CLIENTS)


@pytest.fixture(scope="module")
def ways(
    api: Running,
    tmp_path_factory: pytest.TempPathFactory,
    uncaptured: Callable[[], AbstractContextManager[None]],
) -> Iterator[dict[str, Way]]:
    """Return the ways to the API; what the proxies log stays in the tests' temporary folder."""
    folder = tmp_path_factory.mktemp("edge-proxies")
    with uncaptured():
        found = Programs.ensure(Progress())
    with proxies.started(f"{api.host}:8080", folder, found) as ways:
        yield ways


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owners(ways: dict[str, Way], operator: PlayedOperator) -> dict[str, Owner]:
    """Return the client whose image it is: for each way one with connections of its own."""
    owners = {name: Owner(way, operator) for name, way in ways.items()}
    await owners[proxies.DIRECT].restore()
    return owners
