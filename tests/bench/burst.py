"""Many uploads at once, beside a bare loop that runs the same Jobs and does nothing else.

Both process the same photo as often, in the same namespace, under the same cap of live Jobs, one
after the other. All the while the Jobs are watched, and a client of its own polls.
"""

import asyncio
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from safelight_contract.env import Environment
from safelight_local import binaries
from safelight_local.progress import Progress
from safelight_local.stack import Stack
from safelight_operator.settings import ProcessorSettings
from tests.bench import counters, figures
from tests.bench.bare_loop import BareLoop
from tests.bench.counters import Counters
from tests.bench.polling import Polls, polled
from tests.bench.upload_latency import TWELVE_MEGAPIXELS, wait_until_quiet
from tests.e2e.conftest import Cluster
from tests.support import photos
from tests.support.client import Client

CLIENTS: Final = 20
"""Threads that send photos."""
_EVENT: Final = (
    r"{.type} {.object.metadata.name} "
    r'{.object.status.conditions[?(@.status=="True")].type}{"\n"}'
)
"""What is printed of each change of a Job."""
_ENDED: Final = frozenset({"Complete", "Failed"})


@dataclass(frozen=True, slots=True)
class Burst:
    """What was measured."""

    count: int
    seconds: float
    """From the first POST to the last image."""
    posted_seconds: float
    """To the last 201."""
    bare_seconds: float
    cap: int
    most_live: int
    """Jobs at once during the uploads."""
    bare_most_live: int
    polls: list[float]
    """Milliseconds of each poll."""
    counted: Counters
    """While the uploads ran."""

    @property
    def ratio(self) -> float:
        """Images a second, as a part of the bare loop's."""
        return self.bare_seconds / self.seconds

    def lines(self) -> Iterator[str]:
        """Yield what to print."""
        width = figures.WIDTH
        for label, seconds, most in (
            ("uploads, POST to processed", self.seconds, self.most_live),
            ("floor, a bare loop over the Jobs", self.bare_seconds, self.bare_most_live),
        ):
            rate = self.count / seconds
            yield (
                f"{label:<{width}} {rate:10.2f} images/s   {seconds:.0f} s for {self.count}"
                f"   at most {most} live Jobs, {self.cap} allowed"
            )
        yield f"{'ratio of the rates':<{width}} {self.ratio:10.2f}"
        yield f"{'all accepted after':<{width}} {self.posted_seconds:10.1f} s"
        yield figures.spread("a status poll meanwhile", self.polls, "ms")
        yield from self.counted.lines(self.count)


def measure(env: Mapping[str, str], count: int) -> Burst:
    """Measure on the idle local cluster.

    Args:
        env: what `make up` leaves in local/state/env.
        count: how many uploads.
    """
    cluster = Cluster(env)
    photo = photos.photo(*TWELVE_MEGAPIXELS)
    processor, cap = _release(cluster)
    wait_until_quiet(cluster)
    before = counters.read(cluster)
    with _watched_jobs(cluster) as changes:
        began, posted, polls = _upload(env, photo, count)
        wait_until_quiet(cluster)
        counted = counters.read(cluster).since(before)
    most_live = _most_live(changes, count)

    administrator = Stack.of(binaries.ensure(Progress())).plane.cluster()
    with _watched_jobs(cluster) as changes:
        bare = BareLoop(env, administrator, processor, cap)
        bare_seconds = asyncio.run(bare.run(photo, count))
        wait_until_quiet(cluster)
    with Client(env["SAFELIGHT_URL"], env["SAFELIGHT_TOKEN"]) as client:
        for upload_id in polls.ids:
            client.http.delete(f"/api/available-image/{upload_id}").raise_for_status()
    return Burst(
        count=count,
        seconds=polls.last_processed - began,
        posted_seconds=posted - began,
        bare_seconds=bare_seconds,
        cap=cap,
        most_live=most_live,
        bare_most_live=_most_live(changes, count),
        polls=[1000 * seconds for seconds in polls.seconds],
        counted=counted,
    )


def _release(cluster: Cluster) -> tuple[ProcessorSettings, int]:
    """Return how the release's Jobs look, and how many of them it allows at once."""
    deployment = cluster.get("deployment", "safelight-operator")
    assert deployment is not None
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    variables = {v["name"]: v["value"] for v in container["env"] if "value" in v}
    environment = Environment(variables)
    cap = environment.integer("MAX_CONCURRENT_JOBS", 0, least=1, most=1000)
    return ProcessorSettings.read(environment), cap


def _upload(env: Mapping[str, str], photo: bytes, count: int) -> tuple[float, float, Polls]:
    """Send the photos; return when the first left, when the last was accepted, and the polls."""
    url, token = env["SAFELIGHT_URL"], env["SAFELIGHT_TOKEN"]
    with polled(url, token) as poller, Client(url, token) as client:

        def upload(number: int) -> None:
            poller.follow(client.upload(photo, f"photo-{number}.jpg")["id"])

        began = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(upload, range(count)))
        posted = time.monotonic()
        return began, posted, poller.polls()


@contextmanager
def _watched_jobs(cluster: Cluster) -> Iterator[list[str]]:
    """Yield what holds a line for every change of every Job once the block has ended."""
    changes: list[str] = []
    command = [
        cluster.env["KUBECTL"],
        f"--namespace={cluster.namespace}",
        "get",
        "jobs",
        "--watch",
        "--output-watch-events",
        f"--output=jsonpath={_EVENT}",
    ]
    variables = {"KUBECONFIG": cluster.env["KUBECONFIG"], "HOME": "/nonexistent"}
    with (
        tempfile.TemporaryFile("w+") as file,
        subprocess.Popen(command, env=variables, stdout=file) as watch,
    ):
        time.sleep(1)  # until it watches
        try:
            yield changes
            assert watch.poll() is None, "the watch of Jobs has ended"
        finally:
            watch.terminate()
            watch.wait()
        file.seek(0)
        changes += file


def _most_live(changes: list[str], count: int) -> int:
    """Return how many Jobs were live at once, from all changes of at least so many Jobs."""
    live: set[str] = set()
    names: set[str] = set()
    most = 0
    for line in changes:
        event, name, *conditions = line.split()
        names.add(name)
        if event == "DELETED" or _ENDED.intersection(conditions):
            live.discard(name)
        else:
            live.add(name)
        most = max(most, len(live))
    assert len(names) >= count, f"{len(names)} of {count} Jobs were seen"
    return most
