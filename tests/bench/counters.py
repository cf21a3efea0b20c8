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

from tests.bench.figures import WIDTH
from tests.e2e.conftest import Cluster

_PORTS: Final = {"api": 9090, "operator": 8080}
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

    def since(self, earlier: Self) -> "Counters":
        """Return what was counted since then; a process that was restarted has no answer."""
        requests = self.requests.copy()
        requests.subtract(earlier.requests)
        assert all(count >= 0 for count in requests.values()), "a unit was restarted"
        cpu = {unit: now - earlier.cpu_seconds[unit] for unit, now in self.cpu_seconds.items()}
        return Counters(requests, cpu)

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
    counters = Counters(Counter(), dict.fromkeys(_PORTS, 0.0))
    for unit, port in _PORTS.items():
        for address in _addresses(cluster, unit):
            answer = httpx.get(f"http://{address}:{port}/metrics", trust_env=False)
            _add(counters, unit, answer.raise_for_status().text)
    return counters


def _addresses(cluster: Cluster, unit: str) -> list[str]:
    """Return the pods' addresses, without those that an upgrade has just told to end."""
    selector = f"--selector=app.kubernetes.io/component={unit}"
    pods = json.loads(cluster.kubectl("get", "pods", selector, "--output=json"))["items"]
    return [
        pod["status"]["podIP"]
        for pod in pods
        if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]
    ]


def _add(counters: Counters, unit: str, text: str) -> None:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "safelight_k8s_requests_total":
                request = Request(unit, sample.labels["verb"], sample.labels["resource"])
                counters.requests[request] += int(sample.value)
            elif sample.name == "process_cpu_seconds_total":
                counters.cpu_seconds[unit] += sample.value
