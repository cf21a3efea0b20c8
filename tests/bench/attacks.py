"""The API program under attack, with a good client beside it: memory, and what the good one feels.

The program and the good client share one processor, the attackers have another to themselves; the
control plane and the storage run wherever there is room. The program has the settings of the
chart's defaults. For each attack a new one is started, so that each figure is of that attack alone.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import httpx

from safelight_api.settings import Settings
from safelight_api.tokens import hash_of, new_token
from safelight_contract.env import ObjectStoreSettings
from safelight_local import binaries
from safelight_local.cluster import Cluster
from safelight_local.progress import Progress
from tests.api import running as api
from tests.api.asking import JPEG, UPLOADS
from tests.bench.attacked import Attacked, Good, Measured, parsed
from tests.support import clusters
from tests.support.attacks import ATTACKS, Did, Target, carry_out
from tests.support.chart import Helm

TOGETHER: Final = "all together"
QUIET: Final = "quiet"
_NAMESPACE: Final = "attacked"
_PAUSE_SECONDS: Final = 0.05
_POLLS: Final = 10
"""Of the good client, for each of its uploads."""
_OF_THE_TEST: Final = frozenset(
    f"SAFELIGHT_{name}"
    for name in (
        *("S3_ENDPOINT", "S3_BUCKET", "S3_REGION", "NAMESPACE"),
        *("TOKENS_DIRECTORY", "TEMPORARY_DIRECTORY", "HOST", "PORT", "METRICS_PORT"),
    )
)
"""Variables whose values are not the chart's here."""
_Files = Mapping[str, tuple[str, bytes]]


def measure(seconds: float) -> Measured:
    """Measure each attack, and all together, for so long.

    Raises:
        RuntimeError: the machine has one processor only.
    """
    programs = binaries.ensure(Progress())
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        deployment = Helm(programs / "helm", folder).template().one("Deployment", "safelight-api")
        (container,) = deployment.pod["containers"]
        variables = {
            name: value
            for name, value in deployment.environment.items()
            if value is not None and name not in _OF_THE_TEST
        }
        with (
            clusters.started_cluster(folder / "cluster", programs) as cluster,
            clusters.started_object_storage(folder / "s3", programs) as server,
            _sides() as attackers_side,
        ):
            cluster.kubectl("create", "namespace", _NAMESPACE)
            site = Site(cluster, clusters.bucket_settings(server), folder, variables)
            runs = {QUIET: (), **{name: (name,) for name in ATTACKS}, TOGETHER: tuple(ATTACKS)}
            quiet, *attacks = (
                asyncio.run(site.attacked(name, kinds, attackers_side, seconds))
                for name, kinds in runs.items()
            )
    return Measured(parsed(container["resources"]["limits"]["memory"]), quiet, attacks)


@contextmanager
def _sides() -> Iterator[int]:
    """Keep this process, and what it starts, on one processor; yield another one."""
    all_of_them = os.sched_getaffinity(0)
    if len(all_of_them) == 1:
        raise RuntimeError("attackers need a processor of their own, and there is only one")
    ours, theirs, *_ = sorted(all_of_them)
    os.sched_setaffinity(0, {ours})
    try:
        yield theirs
    finally:
        os.sched_setaffinity(0, all_of_them)


@dataclass(frozen=True, slots=True)
class Site:
    """What the program needs around it."""

    cluster: Cluster
    store: ObjectStoreSettings
    folder: Path
    variables: dict[str, str]

    async def attacked(
        self, name: str, kinds: Sequence[str], side: int, seconds: float
    ) -> Attacked:
        """Start the program, attack it, and return what was seen.

        Args:
            name: of the run.
            kinds: the attacks, all at the same time; none: a quiet time.
            side: the processor of the attackers.
            seconds: how long.
        """
        token = new_token()
        async with self._api(name) as started:
            pool = ProcessPoolExecutor(1, get_context("spawn"), os.sched_setaffinity, (0, {side}))
            with pool:
                (self.folder / "tokens" / "attacker").write_text(hash_of(token))
                attack = partial(_attack, kinds, started.host, token, seconds)
                did = asyncio.get_running_loop().run_in_executor(pool, attack)
                good = await _behave(started, seconds)
                attacks = await did
            has_ended = started.process.poll() is not None
            most = None if has_ended else started.memory("VmHWM")
        return Attacked(name, good, most, attacks)

    @asynccontextmanager
    async def _api(self, name: str) -> AsyncIterator[api.Running]:
        token = new_token()
        for directory in ("tokens", "temporary"):
            (self.folder / directory).mkdir(exist_ok=True)
        (self.folder / "tokens" / "good").write_text(hash_of(token))
        settings = Settings(
            object_store=self.store,
            namespace=_NAMESPACE,
            tokens_directory=self.folder / "tokens",
            temporary_directory=self.folder / "temporary",
        )
        variables = {**self.variables, "KUBECONFIG": str(self.cluster.kubeconfig)}
        log = self.folder / f"{name}.log"
        async with api.running(settings, token, log, **variables) as started:
            yield started


def _attack(kinds: Sequence[str], host: str, token: str, seconds: float) -> list[Did]:
    """Attack from a process of its own."""

    async def attack() -> list[Did]:
        return await asyncio.gather(
            *(
                carry_out(
                    ATTACKS[kind],
                    Target(host, 8080, token if ATTACKS[kind].has_token else None),
                    seconds,
                )
                for kind in kinds
            )
        )

    return asyncio.run(attack())


@dataclass(slots=True)
class _GoodClient:
    """Asks for one thing after the other, and holds each answer to what is right."""

    http: httpx.AsyncClient
    good: Good = field(default_factory=Good)

    async def round(self) -> None:
        """Upload a file, poll it, delete it."""
        made = await self._ask("uploads", 201, "POST", UPLOADS, {"file": ("a.jpg", JPEG)})
        await asyncio.sleep(_PAUSE_SECONDS)
        if made is None:
            return
        path = f"{UPLOADS}/{made['data']['id']}"
        for _ in range(_POLLS):
            status = await self._ask("status polls", 200, "GET", f"{path}/status")
            if status is not None and status["status"] != "processing":
                self.good.wrong.append(f"status polls: {status}")
            await asyncio.sleep(_PAUSE_SECONDS)
        await self._ask("deletions", 204, "DELETE", path)

    async def _ask(
        self, asked: str, code: int, method: str, path: str, files: _Files | None = None
    ) -> dict[str, Any] | None:
        """Return the answer's body if it is the right one."""
        began = time.perf_counter()
        wrong, body = "", {}
        try:
            answer = await self.http.request(method, path, files=files)
            if answer.status_code != code:
                wrong = f"{answer.status_code} {answer.text[:80]}"
            elif answer.content:
                body = answer.json()
        except httpx.TransportError as error:
            wrong = type(error).__name__
        self.good.seconds.setdefault(asked, []).append(time.perf_counter() - began)
        if wrong:
            self.good.wrong.append(f"{asked}: {wrong}")
        return None if wrong else body


async def _behave(started: api.Running, seconds: float) -> Good:
    end = time.monotonic() + seconds
    async with started.client() as http:
        client = _GoodClient(http)
        while time.monotonic() < end and started.process.poll() is None:
            await client.round()
    if started.process.poll() is not None:
        client.good.wrong.append(f"the program ended with {started.process.returncode}")
    return client.good
