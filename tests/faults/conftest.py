"""Fixtures of the tests under faults: a world of real programs, and the judgement afterwards."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from safelight_contract.env import ObjectStoreSettings
from safelight_local import certificates
from safelight_local.cluster import Cluster
from safelight_local.object_storage import ObjectStorage
from tests.faults import history, rest
from tests.faults.access import Access
from tests.faults.calls import Dialect
from tests.faults.checker import check
from tests.faults.exchange import Server
from tests.faults.facts import Limits
from tests.faults.history import Recorder
from tests.faults.sweep import Sweep, until_drained
from tests.faults.world import OPERATOR, Site, World, world
from tests.operator.conftest import settings, stage, started

__all__ = ["settings", "stage", "started"]

DRAIN_SECONDS = 120
LIMITS = Limits(bound=240)
"""Nothing here may take longer than three deadlines and a minute."""
TWO_DAYS = 2 * 24 * 60 * 60


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


@pytest.fixture
def site(
    kubernetes: Cluster,
    namespace: str,
    object_storage: ObjectStoreSettings,
    pki: Path,
    tmp_path: Path,
) -> Site:
    """Return where a world can be started."""
    return Site(kubernetes, namespace, object_storage, pki, tmp_path)


@pytest.fixture(scope="session")
def whole() -> bool:
    """Return whether all cases are to be run, not a part by chance."""
    return os.environ.get("SAFELIGHT_SWEEP") == "all"


@pytest.fixture
def dice() -> random.Random:
    """Return what chooses; a test that fails shows the seed."""
    seed = os.environ.get("SAFELIGHT_SEED") or str(random.SystemRandom().randrange(10**6))
    print(f"SAFELIGHT_SEED={seed}")  # noqa: T201 - to repeat a run that failed
    return random.Random(seed)  # noqa: S311 - no secret


@pytest.fixture
async def sweep(
    request: pytest.FixtureRequest,
    site: Site,
    recorder: Recorder,
    history_file: Path,
    s3_server: ObjectStorage,
) -> AsyncIterator[Sweep]:
    """Return a sweep; afterwards everything must come to rest, and the history be a right one.

    Its parameter is the number of operators that lead at once.
    """
    recorder.write("mark", name="start")
    async with world(site, recorder, getattr(request, "param", 1)) as running:
        sweep = Sweep(running)
        async with sweep.looked_on():
            yield sweep
            recorder.write("mark", name="faults-over")
            await until_drained(running.stage, DRAIN_SECONDS)
            recorder.write("mark", name="drained")
        await let_a_day_pass(s3_server, site.object_storage.bucket)
        await write_rest(site, running)
    violations = check(history.read(history_file), LIMITS)
    assert not violations, "\n".join(map(str, violations))


async def write_rest(site: Site, running: World) -> None:
    """Write down what is there, and that no secret is in it or in the logs."""
    secrets = {"the storage's key": site.object_storage.secret_access_key, "a token": running.token}
    logs = [program.log.read_text() for program in (running.api, *running.operators)]
    bucket = running.stage.bucket
    async with Access(site.cluster, site.namespace) as access:
        texts = {"log": logs}
        await rest.at_rest(access, bucket, running.recorder, secrets=secrets, texts=texts)


async def let_a_day_pass(server: ObjectStorage, bucket: str) -> None:
    """Make all objects look old, and let the operator sweep up what nobody needs."""
    then = time.time() - TWO_DAYS
    # Objects and their folders may be deleted meanwhile, which os.walk does not mind.
    for folder, _, names in os.walk(server.directory / "data" / bucket):
        for name in names:
            with suppress(FileNotFoundError):
                os.utime(Path(folder, name), (then, then))
    await asyncio.sleep(2.5 * float(OPERATOR["SAFELIGHT_SWEEP_SECONDS"]))
