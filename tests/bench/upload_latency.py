"""From POST to processed, beside the floor: a Job that does nothing, in the same run.

The floor is the time from creating a Job that runs `/bin/true` to the exit of its container, as
containerd reports it in nanoseconds (a Pod's status has whole seconds). Uploads and floors take
turns, so that whatever else the machine does falls on both.
"""

import json
import re
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from safelight_local.node import SOCKET
from tests.support import photos
from tests.support.client import Client

TWELVE_MEGAPIXELS: Final = (4000, 3000)
POLL_SECONDS: Final = 0.02
_NANOSECONDS: Final = re.compile(r"\.(\d{6})\d*")


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds of each run."""

    uploads: list[float]
    floors: list[float]

    def lines(self) -> Iterator[str]:
        """Yield what to print."""
        for name, seconds in (
            ("upload, POST to processed", self.uploads),
            ("floor, a Job that does nothing", self.floors),
        ):
            yield (
                f"{name:<32} p50 {statistics.median(seconds):5.2f} s"
                f"   min {min(seconds):5.2f}   max {max(seconds):5.2f}   of {len(seconds)}"
            )
        ratio = statistics.median(self.uploads) / statistics.median(self.floors)
        yield f"{'ratio of the medians':<32} {ratio:9.2f}"


def measure(env: Mapping[str, str], count: int) -> Latencies:
    """Measure on the idle local cluster.

    Args:
        env: what `make up` leaves in local/state/env.
        count: how many uploads, and floors.
    """
    photo = photos.photo(*TWELVE_MEGAPIXELS)
    floor = _Floor(env)
    result = Latencies([], [])
    with Client(env["SAFELIGHT_URL"], env["SAFELIGHT_TOKEN"]) as client:
        _upload(client, photo)
        for number in range(count):
            result.uploads.append(_upload(client, photo))
            floor.wait_until_quiet()
            result.floors.append(floor.measure(f"bench-floor-{number}"))
            floor.wait_until_quiet()
    return result


def _upload(client: Client, photo: bytes) -> float:
    began = time.perf_counter()
    upload_id = client.upload(photo)["id"]
    history = client.wait(upload_id, interval=POLL_SECONDS)
    seconds = time.perf_counter() - began
    assert history.last["status"] == "processed", history.last
    client.http.delete(f"/api/available-image/{upload_id}").raise_for_status()
    return seconds


class _Floor:
    """Runs Jobs that do nothing, with the image and the security settings of the real ones."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        values = json.loads(
            self._run("HELM", "get", "values", "safelight", "--all", "--output=json"),
        )
        image, unit = values["image"], values["processor"]["image"]
        tag = unit["tag"] or image["tag"]
        self._image = f"{image['registry']}/{unit['repository']}:{tag}"

    def measure(self, name: str) -> float:
        """Return the seconds from creating a Job to the exit of its container."""
        with _container_exits() as exits:
            began = time.time()
            self._run("KUBECTL", "create", "--filename=-", document=json.dumps(self._job(name)))
            exited = next(at for container, at in exits if container == self._container(name))
        self._run("KUBECTL", "delete", "job", name, "--wait=false")
        return exited - began

    def wait_until_quiet(self) -> None:
        """Wait until the pods of the last run are gone, then a moment more.

        Pods of uploads that failed earlier stay for an hour; they do nothing.
        """
        pods = ("get", "pods", "--selector=batch.kubernetes.io/job-name", "--output=name")
        while self._run("KUBECTL", *pods, "--field-selector=status.phase!=Failed"):
            time.sleep(0.1)
        time.sleep(1)

    def _container(self, job: str) -> str:
        """Return the id of the Job's container, once the kubelet has told it."""
        selector = f"--selector=batch.kubernetes.io/job-name={job}"
        path = "--output=jsonpath={.items[*].status.containerStatuses[*].containerID}"
        while True:
            seen = self._run("KUBECTL", "get", "pods", selector, path)
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
            "metadata": {"name": name, "namespace": self._env["SAFELIGHT_NAMESPACE"]},
            "spec": {"backoffLimit": 0, "template": {"spec": pod}},
        }

    def _run(self, program: str, *arguments: str, document: str | None = None) -> str:
        done = subprocess.run(
            [self._env[program], f"--namespace={self._env['SAFELIGHT_NAMESPACE']}", *arguments],
            env={"KUBECONFIG": self._env["KUBECONFIG"], "HOME": "/nonexistent"},
            input=document,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


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
