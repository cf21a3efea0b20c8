"""What the running API and operator have counted of themselves, read from their metrics.

Kopf's requests are not among them: it lists and watches, and writes nothing.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.bench.figures import WIDTH
from tests.e2e.conftest import Cluster

_UNITS: Final = ("api", "operator")
_PORT: Final = 9090
"""Where each unit tells its metrics."""
_READS: Final = frozenset({"GET", "LIST", "WATCH"})
_LEASES: Final = "leases"


@dataclass(frozen=True, slots=True)
class Request:
    """A kind of request to the API server."""

    unit: str
    verb: str
    resource: str

    @property
    def is_write(self) -> bool:
        """Whether it counts: all but reads, and the renewals of the Lease, which are by time."""
        return self.verb.upper() not in _READS and self.resource != _LEASES

    @property
    def is_read(self) -> bool:
        """Whether it reads an object or a list; a watch is one request for many changes."""
        return self.verb.upper() in _READS - {"WATCH"} and self.resource != _LEASES


@dataclass(frozen=True, slots=True)
class Counters:
    """What was counted up to a moment, or between two."""

    requests: Counter[Request]
    cpu_seconds: dict[str, float]
    """By unit."""
    starts: frozenset[tuple[str, float]]
    """Each pod's address, and when its process started."""
    ran_through: bool = True
    """False: a process was started again in between, and what the one before counted is lost."""

    def since(self, earlier: Self) -> "Counters":
        """Return what was counted since then."""
        requests = self.requests.copy()
        requests.subtract(earlier.requests)
        cpu = {unit: now - earlier.cpu_seconds[unit] for unit, now in self.cpu_seconds.items()}
        return Counters(+requests, cpu, self.starts, self.starts == earlier.starts)

    def writes(self) -> int:
        """Return the number of writes."""
        return sum(count for request, count in self.requests.items() if request.is_write)

    def reads(self, unit: str) -> int:
        """Return the number of a unit's reads."""
        return sum(n for r, n in self.requests.items() if r.is_read and r.unit == unit)

    def lines(self, uploads: int) -> Iterator[str]:
        """Yield what to print, divided by the number of uploads meanwhile."""
        yield f"{'writes to the API server, an upload':<{WIDTH}} {self.writes() / uploads:10.2f}"
        for request, count in sorted(self.requests.items(), key=lambda item: str(item[0])):
            if count and (request.is_write or request.is_read):
                name = f"  {request.unit}: {request.verb.lower()} {request.resource}"
                yield f"{name:<{WIDTH}} {count / uploads:10.2f}"
        for unit, seconds in sorted(self.cpu_seconds.items()):
            yield f"{f'CPU of the {unit}, an upload':<{WIDTH}} {1000 * seconds / uploads:10.2f} ms"


def read(cluster: Cluster) -> Counters:
    """Read the counters of all pods of both units."""
    requests: Counter[Request] = Counter()
    cpu_seconds = dict.fromkeys(_UNITS, 0.0)
    starts = set()
    for unit in _UNITS:
        for address in _addresses(cluster, unit):
            answer = httpx.get(f"http://{address}:{_PORT}/metrics", trust_env=False)
            for sample in _samples(answer.raise_for_status().text):
                match sample.name:
                    case "safelight_k8s_requests_total":
                        verb, resource = sample.labels["verb"], sample.labels["resource"]
                        requests[Request(unit, verb, resource)] += int(sample.value)
                    case "process_cpu_seconds_total":
                        cpu_seconds[unit] += sample.value
                    case "process_start_time_seconds":
                        starts.add((address, sample.value))
    return Counters(requests, cpu_seconds, frozenset(starts))


def _samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        yield from family.samples


def _addresses(cluster: Cluster, unit: str) -> list[str]:
    """Return the pods' addresses, without those that an upgrade has just told to end."""
    selector = f"--selector=app.kubernetes.io/component={unit}"
    pods = json.loads(cluster.kubectl("get", "pods", selector, "--output=json"))["items"]
    return [
        pod["status"]["podIP"]
        for pod in pods
        if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]
    ]
