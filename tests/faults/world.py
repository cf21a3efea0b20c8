"""Everything that one upload needs: real servers, our real programs, the proxy between them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from safelight_api.tokens import hash_of, new_token
from safelight_contract.env import ObjectStoreSettings
from safelight_contract.recipe import Recipe, Rendition
from safelight_local.cluster import Cluster, write_kubeconfig
from safelight_local.control_plane import free_ports
from tests.faults.calls import Dialect
from tests.faults.clients import Clients
from tests.faults.exchange import Server
from tests.faults.history import Recorder
from tests.faults.kubelet import PlayedKubelet
from tests.faults.observer import observing
from tests.faults.programs import Program
from tests.faults.proxy import Proxy
from tests.operator import running
from tests.operator.playing import Kubernetes, Stage
from tests.support.bucket import Bucket

OPERATOR: Final = {
    "SAFELIGHT_MAX_CONCURRENT_JOBS": "6",
    "SAFELIGHT_JOBS_PER_SECOND": "100",
    "SAFELIGHT_RESYNC_SECONDS": "5",
    "SAFELIGHT_SWEEP": "delete",
    "SAFELIGHT_SWEEP_SECONDS": "2",
    "SAFELIGHT_STALLED_AFTER_SECONDS": "10",
    "SAFELIGHT_JOB_DEADLINE_SECONDS": "60",
    "SAFELIGHT_RECIPE": Recipe(variants=(Rendition("w32", 32),)).encode(),
}
"""Settings under which the effects of faults end soon, and the photos have one variant."""


@dataclass(frozen=True, slots=True)
class Site:
    """The real servers, and what a world in them is made of."""

    cluster: Cluster
    namespace: str
    object_storage: ObjectStoreSettings
    pki: Path
    """Folder of the certificate that the proxy shows."""
    directory: Path
    """For kubeconfigs, tokens and logs."""


@dataclass(frozen=True, slots=True)
class World:
    """All of it, running."""

    stage: Stage
    proxy: Proxy
    api: Program
    operators: tuple[Program, ...]
    kubelet: PlayedKubelet
    clients: Clients
    recorder: Recorder
    token: str
    """Of the clients."""


@asynccontextmanager
async def world(site: Site, recorder: Recorder, operators: int = 1) -> AsyncIterator[World]:
    """Start it all.

    Args:
        site: where.
        recorder: of the history.
        operators: how many lead at the same time; each has a lease of its own.
    """
    stage = Stage(Kubernetes(site.cluster, site.namespace), Bucket(site.object_storage))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(stage.kubernetes.close)
        stack.callback(stage.bucket.close)
        proxy = await stack.enter_async_context(Proxy(recorder))
        token = new_token()
        api, url = await _api(site, proxy, token)
        leading, hints = [], {}
        for number in range(operators):
            program, address = await _operator(site, proxy, number)
            leading.append(program)
            hints[address] = await proxy.listen(
                "processor", Server(f"http://{address}", Dialect.HINTS)
            )
        stack.enter_context(observing(site.cluster, site.namespace, recorder))
        for each in (api, *leading):
            await stack.enter_async_context(each)
        kubelet = await stack.enter_async_context(PlayedKubelet(stage, hints))
        clients = Clients(url, token, recorder)
        stack.push_async_callback(clients.close)
        yield World(stage, proxy, api, tuple(leading), kubelet, clients, recorder, token)


async def _api(site: Site, proxy: Proxy, token: str) -> tuple[Program, str]:
    tokens = site.directory / "tokens"
    tokens.mkdir()
    (tokens / "tests").write_text(hash_of(token))
    port, metrics_port = free_ports(2)
    kubeconfig, store = await _access(site, proxy, "api")
    environment = {
        "KUBECONFIG": kubeconfig,
        "SAFELIGHT_NAMESPACE": site.namespace,
        "SAFELIGHT_S3_ENDPOINT": store.endpoint,
        "SAFELIGHT_S3_BUCKET": store.bucket,
        "SAFELIGHT_S3_REGION": store.region,
        "SAFELIGHT_S3_ACCESS_KEY_ID": store.access_key_id,
        "SAFELIGHT_S3_SECRET_ACCESS_KEY": store.secret_access_key,
        "SAFELIGHT_TOKENS_DIRECTORY": str(tokens),
        "SAFELIGHT_TEMPORARY_DIRECTORY": str(site.directory),
        "SAFELIGHT_HOST": "127.0.0.1",
        "SAFELIGHT_PORT": str(port),
        "SAFELIGHT_METRICS_PORT": str(metrics_port),
    }
    url = f"http://127.0.0.1:{port}"
    log = site.directory / "api.log"
    return Program("safelight_api", environment, f"{url}/readyz", log), url


async def _operator(site: Site, proxy: Proxy, number: int) -> tuple[Program, str]:
    """Return an operator and the address that its hints go to."""
    hint_port, health_port = free_ports(2)
    name = f"operator-{number}"
    kubeconfig, store = await _access(site, proxy, "operator")
    environment = running.environment(
        store, kubeconfig, site.namespace, hint_port=hint_port, health_port=health_port
    )
    environment |= OPERATOR | {
        "SAFELIGHT_POD_NAME": name,
        "SAFELIGHT_LEASE_NAME": f"lease-{number}",
    }
    ready = f"http://127.0.0.1:{health_port}/readyz"
    program = Program("safelight_operator", environment, ready, site.directory / f"{name}.log")
    return program, f"127.0.0.1:{hint_port}"


async def _access(site: Site, proxy: Proxy, caller: str) -> tuple[str, ObjectStoreSettings]:
    """Return the kubeconfig and the settings that lead a caller through the proxy."""
    cluster, store = site.cluster, site.object_storage
    server = Server(cluster.url, Dialect.KUBERNETES, cluster.ca_file)
    url = await proxy.listen(caller, server, site.pki)
    kubeconfig = site.directory / f"{caller}-{urlsplit(url).port}.json"
    write_kubeconfig(kubeconfig, url, site.pki / "ca.crt", cluster.token)
    endpoint = await proxy.listen(caller, Server(store.endpoint, Dialect.S3))
    return str(kubeconfig), replace(store, endpoint=endpoint)
