"""Fixtures of the operator's tests: its parts against a real API server and a real S3 server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from safelight_contract.env import ObjectStoreSettings
from safelight_contract.recipe import Recipe
from safelight_local.cluster import Cluster as LocalCluster
from safelight_local.control_plane import free_ports
from safelight_operator.app import Operator
from safelight_operator.cluster import Cluster
from safelight_operator.objects import Objects
from safelight_operator.settings import Settings
from tests.operator import making
from tests.operator.playing import Kubernetes, Stage
from tests.support.bucket import Bucket
from tests.support.proxying import Proxy, proxy_to_cluster

Started = Callable[..., AbstractAsyncContextManager[Operator]]


@pytest.fixture
def settings(
    kubernetes: LocalCluster,
    namespace: str,
    object_storage: ObjectStoreSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """Return settings for a fresh namespace and a fresh bucket."""
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig))
    hint_port, health_port = free_ports(2)
    return Settings(
        namespace=namespace,
        pod_name="operator-0",
        pod_ip="127.0.0.1",
        hint_port=hint_port,
        health_port=health_port,
        inner_connections=64,
        log_level="info",
        lease_name="safelight-operator",
        max_concurrent_jobs=20,
        jobs_per_second=100,
        failed_retention_seconds=3600,
        resync_seconds=300,
        stalled_after_seconds=60,
        sweep="report",
        sweep_seconds=3600,
        sweep_max_share=0.1,
        processor=replace(making.PROCESSOR, service_account="default"),
        recipe=Recipe(),
        object_store=object_storage,
    )


@pytest.fixture
async def stage(
    kubernetes: LocalCluster,
    namespace: str,
    object_storage: ObjectStoreSettings,
) -> AsyncIterator[Stage]:
    """Return what a test plays on: its namespace and its bucket."""
    access, bucket = Kubernetes(kubernetes, namespace), Bucket(object_storage)
    yield Stage(access, bucket)
    bucket.close()
    await access.close()


@pytest.fixture
async def cluster(settings: Settings) -> AsyncIterator[Cluster]:
    """Return the operator's adapter to the API server."""
    adapter = await Cluster.connect(settings.namespace)
    yield adapter
    await adapter.close()


@pytest.fixture
async def proxy(
    kubernetes: LocalCluster, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Proxy]:
    """Return a proxy through which what connects later reaches the API server."""
    assert settings.namespace, "they name the cluster itself, before the proxy is in front"
    kubeconfig = tmp_path / "proxied-kubeconfig"
    async with proxy_to_cluster(kubernetes, kubeconfig) as proxy:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        yield proxy


@pytest.fixture
def started(settings: Settings) -> Started:
    """Return a block in which an operator runs, all of it but the Lease.

    Leaving the block is a crash: everything is cancelled where it stands.
    """

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Operator]:  # noqa: ANN401 - settings of any type
        changed = replace(settings, **changes)
        adapter = await Cluster.connect(changed.namespace)
        objects = Objects(changed.object_store)
        operator = Operator(changed, adapter, objects)
        task = asyncio.create_task(operator.lead())
        try:
            yield operator
            assert not task.done(), task
        finally:
            task.cancel()
            done, _ = await asyncio.wait({task}, timeout=10)
            assert done, "the operator does not end"
            objects.close()
            await adapter.close()

    return start
