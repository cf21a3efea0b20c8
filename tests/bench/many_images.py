"""What the API and the operator take while many images are available, and whether it slows them.

A control plane of its own holds two namespaces: one with many AvailableImages, one with as many as
fill a page. In each runs an API and an operator, all at the same time, and one client asks both
APIs in turns; of each the best round counts, which was disturbed least. Each image has the eight
variants of the default recipe in its record, and no object in the storage: no bytes are read.
"""

import asyncio
import http.client
import json
import random
import ssl
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from safelight_api.settings import Settings
from safelight_api.tokens import hash_of, new_token
from safelight_contract.env import ObjectStoreSettings
from safelight_contract.resources import API_VERSION, AVAILABLE_IMAGE, Condition
from safelight_local import binaries, processes
from safelight_local.cluster import Cluster
from safelight_local.control_plane import free_ports
from safelight_local.progress import Progress
from safelight_operator import manifest
from tests.api import making
from tests.api import running as api
from tests.bench import figures
from tests.operator import running as operator
from tests.operator.playing import eventually
from tests.support import clusters, memory

FEW: Final = 100
"""Images that fill the longest page."""
WRITERS: Final = 32
ROUNDS: Final = 12
REQUESTS: Final = 400
"""Of each kind, to each API, in a round."""
_PAGE: Final = f"/api/available-image?per_page={FEW}"
_LEADS: Final = ("safelight_leader 1.0", 'safelight_resync_total{result="ok"}')
"""Lines of the operator's metrics once it leads and has listed everything."""
_READY: Final = making.condition(Condition.READY, "True", "Confirmed")


@dataclass(slots=True)
class Namespace:
    """What was measured in one namespace."""

    name: str
    ids: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """From the start of each unit until it was ready."""
    pids: dict[str, int] = field(default_factory=dict)
    memory: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Bytes of each unit in the end, and the most that it ever had."""
    p50: dict[str, list[float]] = field(default_factory=dict)
    """Milliseconds of each round, by what was asked for."""
    p99: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """Both namespaces, and what the control plane took."""

    many: Namespace
    few: Namespace
    control_plane: dict[str, tuple[int, int]]
    """Bytes of each program, before and with the images."""

    def slowdown(self, asked: str) -> float:
        """Return the larger of both ratios, many images to few: the p50's and the p99's."""
        return max(
            min(many[asked]) / min(few[asked])
            for many, few in ((self.many.p50, self.few.p50), (self.many.p99, self.few.p99))
        )

    def lines(self) -> Iterator[str]:
        """Yield what to print."""
        for namespace in (self.many, self.few):
            images = f"{len(namespace.ids):,} images"
            for unit, seconds in namespace.seconds.items():
                now, most = (size / memory.MIB for size in namespace.memory[unit])
                label = f"{unit}, {images}"
                yield (
                    f"{label:<{figures.WIDTH}} ready after {seconds:5.2f} s"
                    f"   {now:.0f} MiB, at most {most:.0f}"
                )
            for asked, p50 in namespace.p50.items():
                yield (
                    f"{f'{asked}, {images}':<{figures.WIDTH}} p50 {min(p50):6.2f} ms"
                    f"   p99 {min(namespace.p99[asked]):6.2f}"
                    f"   the best of {len(p50)} rounds of {REQUESTS}"
                )
        for program, sizes in self.control_plane.items():
            before, after = (size / memory.MIB for size in sizes)
            yield f"{program:<{figures.WIDTH}} {after:.0f} MiB, {before:.0f} before the images"


def measure(count: int) -> Measured:
    """Measure with so many images."""
    programs = binaries.ensure(Progress())
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        with clusters.started_cluster(folder / "cluster", programs) as cluster:
            return asyncio.run(_measure(cluster, folder, programs, count))


async def _measure(cluster: Cluster, folder: Path, programs: Path, count: int) -> Measured:
    few, many = Namespace("few"), Namespace("many")
    before = _control_plane(folder)
    for namespace, images in ((few, FEW), (many, count)):
        cluster.kubectl("create", "namespace", namespace.name)
        namespace.ids = [making.an_id() for _ in range(images)]
        await _create(cluster, namespace)
    async with AsyncExitStack() as stack:
        server = clusters.started_object_storage(folder / "s3", programs)
        store = clusters.bucket_settings(stack.enter_context(server))
        clients = []
        for namespace in (few, many):
            started = await stack.enter_async_context(_api(cluster, store, namespace, folder))
            process = await stack.enter_async_context(_operator(cluster, store, namespace))
            clients.append((namespace, started))
            namespace.pids = {"API": started.process.pid, "operator": process.pid}
        await asyncio.to_thread(_ask_in_turns, clients)
        for namespace in (few, many):
            namespace.memory = {
                unit: (memory.of(pid), memory.of(pid, "VmHWM"))
                for unit, pid in namespace.pids.items()
            }
        after = _control_plane(folder)
    return Measured(many, few, {name: (before[name], after[name]) for name in before})


async def _create(cluster: Cluster, namespace: Namespace) -> None:
    """Create the images, confirmed, a number of them at the same time."""
    tls = ssl.create_default_context(cafile=cluster.ca_file)
    path = f"{cluster.url}/apis/{API_VERSION}/namespaces/{namespace.name}/{AVAILABLE_IMAGE.plural}"
    headers = {"Authorization": f"Bearer {cluster.token}"}
    patch = headers | {"Content-Type": "application/merge-patch+json"}
    status = json.dumps({"status": {"conditions": [_READY]}})
    waiting = iter(namespace.ids)

    async def write(session: aiohttp.ClientSession) -> None:
        for image_id in waiting:
            image = manifest.available_image(image_id, making.full_image_spec(image_id, image_id))
            async with session.post(path, headers=headers, json=image) as answer:
                answer.raise_for_status()
            url = f"{path}/{image_id}/status"
            async with session.patch(url, headers=patch, data=status) as answer:
                answer.raise_for_status()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
        await asyncio.gather(*(write(session) for _ in range(WRITERS)))


@asynccontextmanager
async def _api(
    cluster: Cluster, store: ObjectStoreSettings, namespace: Namespace, folder: Path
) -> AsyncIterator[api.Running]:
    """Run the API, and note when it was ready."""
    own = folder / namespace.name
    token = new_token()
    for directory in ("tokens", "temporary"):
        (own / directory).mkdir(parents=True)
    (own / "tokens" / "bench").write_text(hash_of(token))
    settings = Settings(
        object_store=store,
        namespace=namespace.name,
        tokens_directory=own / "tokens",
        temporary_directory=own / "temporary",
    )
    began = time.monotonic()
    log, kubeconfig = own / "api.log", str(cluster.kubeconfig)
    async with api.running(settings, token, log, KUBECONFIG=kubeconfig) as started:
        namespace.seconds["API"] = time.monotonic() - began
        yield started


@asynccontextmanager
async def _operator(
    cluster: Cluster, store: ObjectStoreSettings, namespace: Namespace
) -> AsyncIterator[Process]:
    """Run the operator, and note when it led and had listed everything."""
    hint_port, health_port = free_ports(2)
    variables = operator.environment(
        store,
        str(cluster.kubeconfig),
        namespace.name,
        hint_port=hint_port,
        health_port=health_port,
    )
    began = time.monotonic()
    async with operator.running(variables) as process:
        await eventually(
            lambda: operator.get(health_port, "/metrics"),
            lambda answer: answer is not None and all(line in answer.text for line in _LEADS),
            seconds=60,
        )
        namespace.seconds["operator"] = time.monotonic() - began
        yield process


def _ask_in_turns(apis: list[tuple[Namespace, api.Running]]) -> None:
    dice = random.Random(1)  # noqa: S311 - no secret
    for _ in range(ROUNDS):
        for namespace, started in apis:
            paths = [
                f"/api/image-upload/{i}/status" for i in dice.choices(namespace.ids, k=REQUESTS)
            ]
            for asked, urls in (("status polls", paths), ("pages", [_PAGE] * REQUESTS)):
                milliseconds = _ask(started, urls)
                namespace.p50.setdefault(asked, []).append(figures.median(milliseconds))
                namespace.p99.setdefault(asked, []).append(figures.p99(milliseconds))


def _ask(started: api.Running, paths: list[str]) -> list[float]:
    """Return the milliseconds of each request, one after the other on one connection."""
    headers = {"Authorization": f"Bearer {started.token}"}
    milliseconds = []
    with closing(http.client.HTTPConnection(started.host, 8080, timeout=30)) as connection:
        for path in paths:
            began = time.perf_counter()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            milliseconds.append(1000 * (time.perf_counter() - began))
            assert answer.status == http.HTTPStatus.OK, body
    return milliseconds


def _control_plane(folder: Path) -> dict[str, int]:
    """Return the memory of the API server and of etcd."""
    programs = ("kube-apiserver", "etcd")
    found = {p.name: p.pid for p in processes.find(folder) if p.is_daemon and p.name in programs}
    return {name: memory.of(found[name]) for name in programs}
