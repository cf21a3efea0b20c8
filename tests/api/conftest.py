"""Fixtures of the API's tests: the application against a real API server and a real S3 server."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from safelight_api.settings import Settings
from safelight_api.tokens import hash_of, new_token
from safelight_contract.env import ObjectStoreSettings
from safelight_local.cluster import Cluster
from safelight_local.errors import LocalError
from tests.api.asking import Api, started
from tests.api.playing import PlayedOperator
from tests.support.bucket import Bucket
from tests.support.proxying import Proxy, proxy_to, proxy_to_cluster


@pytest.fixture
def token(tmp_path: Path) -> str:
    """Return a token that the application knows."""
    made = new_token()
    directory = tmp_path / "tokens"
    directory.mkdir()
    (directory / "tests").write_text(hash_of(made))
    return made


@pytest.fixture(scope="session")
def served(kubernetes: Cluster) -> Cluster:
    """Return the cluster once it serves our kinds: not yet in the moment of their creation."""
    deadline = time.monotonic() + 30
    while True:
        try:
            kubernetes.kubectl("get", "imageuploads,availableimages", "--all-namespaces")
        except LocalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return kubernetes


@pytest.fixture
def settings(  # noqa: PLR0917 - fixtures are arguments
    token: str,
    tmp_path: Path,
    served: Cluster,
    namespace: str,
    object_storage: ObjectStoreSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """Return settings for a fresh namespace and a fresh bucket."""
    assert token
    monkeypatch.setenv("KUBECONFIG", str(served.kubeconfig))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return Settings(
        object_store=object_storage,
        namespace=namespace,
        tokens_directory=tmp_path / "tokens",
        temporary_directory=temporary,
        host="127.0.0.1",
        upload_idle_seconds=1,
        upload_total_seconds=2,
    )


@pytest.fixture
def other(settings: Settings) -> dict[str, str]:
    """Return the header of another client."""
    made = new_token()
    (settings.tokens_directory / "other").write_text(hash_of(made))
    return {"Authorization": f"Bearer {made}"}


@pytest.fixture
async def api(settings: Settings, token: str) -> AsyncIterator[Api]:
    """Return the application, started in this process."""
    async with started(settings, token) as api:
        yield api


@pytest.fixture
async def operator(
    served: Cluster, namespace: str, object_storage: ObjectStoreSettings
) -> AsyncIterator[PlayedOperator]:
    """Return what plays the operator."""
    async with PlayedOperator(served, namespace, Bucket(object_storage)) as operator:
        yield operator


@pytest.fixture
def bucket(operator: PlayedOperator) -> Bucket:
    """Return the bucket of the test."""
    return operator.bucket


@pytest.fixture
async def cluster_proxy(
    kubernetes: Cluster, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Proxy]:
    """Return a proxy through which applications that start later reach the API server."""
    assert settings.namespace, "they name the cluster itself, before the proxy is in front"
    kubeconfig = tmp_path / "proxied-kubeconfig"
    async with proxy_to_cluster(kubernetes, kubeconfig) as proxy:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        yield proxy


@pytest.fixture
async def storage_proxy(object_storage: ObjectStoreSettings) -> AsyncIterator[Proxy]:
    """Return a proxy in front of the object storage; `behind` makes settings use it."""
    address = urlsplit(object_storage.endpoint)
    async with proxy_to(address.hostname or "", address.port or 0) as proxy:
        yield proxy


def behind(proxy: Proxy, settings: Settings) -> Settings:
    """Return settings that reach the object storage through a proxy."""
    endpoint = f"http://127.0.0.1:{proxy.port}"
    return replace(settings, object_store=replace(settings.object_store, endpoint=endpoint))
