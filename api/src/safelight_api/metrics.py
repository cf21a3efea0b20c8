"""Prometheus metrics. No label ever holds an id, a name or a path with an id in it."""

from collections.abc import Callable
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

_SECONDS: Final = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "safelight_http_requests_total",
            "Requests answered.",
            ("route", "method", "code"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "safelight_http_request_seconds",
            "From a request's headers to the last byte of its answer.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "safelight_http_requests_in_flight",
            "Requests that are being answered.",
            registry=self.registry,
        )
        self.connections_closed = Counter(
            "safelight_http_connections_closed_total",
            "Connections that the server closed against their clients' will, by reason.",
            ("reason",),
            registry=self.registry,
        )
        self._connections = Gauge(
            "safelight_http_connections",
            "Connections of clients, by what they do: unfinished (a head is awaited), busy, idle,"
            " closing.",
            ("state",),
            registry=self.registry,
        )
        self._waiting = Gauge(
            "safelight_http_waiting_bytes",
            "Bytes that wait over all connections: of heads, bodies and answers.",
            ("kind",),
            registry=self.registry,
        )
        self.upload_bytes = Counter(
            "safelight_upload_bytes_total",
            "Bytes of originals taken in.",
            registry=self.registry,
        )
        self.images_sent = Counter(
            "safelight_images_sent_total",
            "Times that bytes of an image or a variant were sent, whole or in part.",
            ("format",),
            registry=self.registry,
        )
        self.cluster_requests = Counter(
            "safelight_k8s_requests_total",
            "Requests to the Kubernetes API server; code 0: no answer.",
            ("verb", "resource", "code"),
            registry=self.registry,
        )
        self.storage_requests = Counter(
            "safelight_storage_requests_total",
            "Requests to the object storage; code 0: no answer.",
            ("operation", "code"),
            registry=self.registry,
        )
        self.watch_restarts = Counter(
            "safelight_watch_restarts_total",
            "Times that a watch had to start over with a list.",
            ("kind",),
            registry=self.registry,
        )
        self._cache_synced = Gauge(
            "safelight_cache_synced",
            "Whether the kind was listed completely since the start.",
            ("kind",),
            registry=self.registry,
        )
        self._watch_age = Gauge(
            "safelight_watch_last_event_seconds",
            "Time since the watch was last known to be alive.",
            ("kind",),
            registry=self.registry,
        )
        self._uploads = Gauge(
            "safelight_api_uploads",
            "Uploads in the cache.",
            ("state",),
            registry=self.registry,
        )
        self._images = Gauge(
            "safelight_available_images",
            "Images in the cache that clients can see.",
            registry=self.registry,
        )

    def observe_connections(self, **states: Callable[[], int]) -> None:
        """Report the numbers of connections in each state from now on."""
        for state, count in states.items():
            self._connections.labels(state).set_function(count)

    def observe_waiting(self, **kinds: Callable[[], int]) -> None:
        """Report the bytes of each kind that wait from now on."""
        for kind, count in kinds.items():
            self._waiting.labels(kind).set_function(count)

    def observe_watch(
        self, kind: str, is_synced: Callable[[], bool], age: Callable[[], float]
    ) -> None:
        """Report the state of a watch from now on; ages in seconds."""
        self._cache_synced.labels(kind).set_function(is_synced)
        self._watch_age.labels(kind).set_function(age)

    def observe_cache(
        self, pending: Callable[[], int], failed: Callable[[], int], images: Callable[[], int]
    ) -> None:
        """Report the numbers of objects in the cache from now on."""
        self._uploads.labels("pending").set_function(pending)
        self._uploads.labels("failed").set_function(failed)
        self._images.set_function(images)
