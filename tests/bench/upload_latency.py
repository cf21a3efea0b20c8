"""From POST to processed, beside the floor: a Job that does nothing, in the same run.

The floor is the time from creating a Job that runs `/bin/true` to the exit of its container, as
containerd reports it in nanoseconds (a Pod's status has whole seconds). Uploads and floors take
turns, so that whatever else the machine does falls on both. What our units ask the API server for
meanwhile is counted, and then what a thousand polls make of it.
"""

import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx

from safelight_local.node import SOCKET
from tests.bench import counters, figures
from tests.bench.counters import Counters
from tests.e2e.conftest import Cluster
from tests.support import photos
from tests.support.client import Client

TWELVE_MEGAPIXELS: Final = (4000, 3000)
POLL_SECONDS: Final = 0.02
POLLS: Final = 1000
"""Of an id that is in the API's memory, to count what they ask the API server for."""
_NANOSECONDS: Final = re.compile(r"\.(\d{6})\d*")


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds of each run, and what was asked of the API server."""

    uploads: list[float]
    floors: list[float]
    counted: Counters
    """While the uploads ran: nothing of it is for the floors, nor for deleting the images."""
    reads_of_polls: int
    """By the API, for `POLLS` polls of one id."""

    @property
    def writes(self) -> float:
        """Writes to the API server for one upload."""
        return self.counted.writes() / len(self.uploads)

    def lines(self) -> Iterator[str]:
        """Yield what to print."""
        yield figures.spread("upload, POST to processed", self.uploads, "s")
        yield figures.spread("floor, a Job that does nothing", self.floors, "s")
        ratio = figures.median(self.uploads) / figures.median(self.floors)
        yield f"{'ratio of the medians':<{figures.WIDTH}} {ratio:10.2f}"
        yield from self.counted.lines(len(self.uploads))
        yield f"{f'reads for {POLLS:,} status polls':<{figures.WIDTH}} {self.reads_of_polls:10}"


def measure(env: Mapping[str, str], count: int) -> Latencies:
    """Measure on the idle local cluster.

    Args:
        env: what `make up` leaves in local/state/env.
        count: how many uploads, and floors.
    """
    photo = photos.photo(*TWELVE_MEGAPIXELS)
    cluster = Cluster(env)
    floor = _Floor(cluster)
    uploads, floors = [], []
    ids: list[str] = []
    with Client(env["SAFELIGHT_URL"], env["SAFELIGHT_TOKEN"]) as client:
        _upload(client, photo, ids)
        wait_until_quiet(cluster)
        before = counters.read(cluster)
        for number in range(count):
            uploads.append(_upload(client, photo, ids))
            wait_until_quiet(cluster)
            floors.append(floor.measure(f"bench-floor-{number}"))
            wait_until_quiet(cluster)
        uploaded = counters.read(cluster)
        for _ in range(POLLS):
            status = client.http.get(f"/api/image-upload/{ids[0]}/status")
            assert status.status_code == httpx.codes.OK, status.text
        polled = counters.read(cluster)
        for image_id in ids:
            client.http.delete(f"/api/available-image/{image_id}").raise_for_status()
    reads = polled.since(uploaded).reads("api")
    return Latencies(uploads, floors, uploaded.since(before), reads)


def _upload(client: Client, photo: bytes, ids: list[str]) -> float:
    began = time.perf_counter()
    upload_id = client.upload(photo)["id"]
    history = client.wait(upload_id, interval=POLL_SECONDS)
    seconds = time.perf_counter() - began
    assert history.last["status"] == "processed", history.last
    ids.append(upload_id)
    return seconds


def wait_until_quiet(cluster: Cluster) -> None:
    """Wait until the pods of the last run are gone, then a moment more.

    Pods of uploads that failed earlier stay for an hour; they do nothing.
    """
    pods = ("get", "pods", "--selector=batch.kubernetes.io/job-name", "--output=name")
    while cluster.kubectl(*pods, "--field-selector=status.phase!=Failed"):
        time.sleep(0.1)
    time.sleep(1)


class _Floor:
    """Runs Jobs that do nothing, with the image and the security settings of the real ones."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        values = json.loads(
            cluster.helm("get", "values", "safelight", "--all", "--output=json"),
        )
        image, unit = values["image"], values["processor"]["image"]
        tag = unit["tag"] or image["tag"]
        self._image = f"{image['registry']}/{unit['repository']}:{tag}"

    def measure(self, name: str) -> float:
        """Return the seconds from creating a Job to the exit of its container."""
        with _container_exits() as exits:
            began = time.time()
            self._cluster.apply(self._job(name))
            exited = next(at for container, at in exits if container == self._container(name))
        self._cluster.kubectl("delete", "job", name, "--wait=false")
        return exited - began

    def _container(self, job: str) -> str:
        """Return the id of the Job's container, once the kubelet has told it."""
        selector = f"--selector=batch.kubernetes.io/job-name={job}"
        path = "--output=jsonpath={.items[*].status.containerStatuses[*].containerID}"
        while True:
            seen = self._cluster.kubectl("get", "pods", selector, path)
            if seen:
                return seen.removeprefix("containerd://")
            time.sleep(0.05)

    def _job(self, name: str) -> dict[str, Any]:
        container = {
            "name": "nothing",
            "image": self._image,
            "command": ["/bin/true"],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        }
        pod = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        }
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "namespace": self._cluster.namespace},
            "spec": {"backoffLimit": 0, "template": {"spec": pod}},
        }


@contextmanager
def _container_exits() -> Iterator[Iterator[tuple[str, float]]]:
    """Yield the ends of containers as they come: the id and the Unix time."""
    command = ["ctr", "--address", str(SOCKET), "--namespace", "k8s.io", "events"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stream:
        assert stream.stdout is not None
        time.sleep(0.2)  # until it listens
        try:
            yield _exits(stream.stdout)
        finally:
            stream.terminate()


def _exits(lines: Iterator[str]) -> Iterator[tuple[str, float]]:
    for line in lines:
        _, topic, text = line.partition("/tasks/exit ")
        event = json.loads(text) if topic else {}
        # A command executed in a container ends, too; its id is not the container's.
        if event and event["id"] == event["container_id"]:
            exited_at = datetime.fromisoformat(_NANOSECONDS.sub(r".\1", event["exited_at"]))
            yield event["id"], exited_at.timestamp()
