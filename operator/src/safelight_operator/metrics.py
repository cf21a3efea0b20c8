"""The operator's metrics. No id, name or uid is ever a label: their number has no bound."""

from datetime import datetime
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_QUICK: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LONG: Final = (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 1800)

UPLOADS_ENDED = Counter(
    "safelight_uploads",
    "Uploads that ended, by result (available, failed, deleted) and reason.",
    ["result", "reason"],
)
UPLOADS_RETRIED = Counter(
    "safelight_uploads_retried",
    "Failed uploads that got another attempt because one was asked for.",
)
PHASE_SECONDS = Histogram(
    "safelight_upload_phase_seconds",
    "From the creation of an upload to its Job (queue), from there to its result (process), from"
    " there to its confirmed image (publish), and from its creation to that (total).",
    ["phase"],
    buckets=_LONG,
)
UPLOADS = Gauge("safelight_uploads_present", "ImageUploads by state.", ["state"])
UPLOADS_STALLED = Gauge(
    "safelight_uploads_stalled",
    "ImageUploads that cannot go on until an administrator looks, by reason of condition Stalled.",
    ["reason"],
)
OLDEST_PENDING_SECONDS = Gauge(
    "safelight_oldest_pending_seconds",
    "Age of the oldest upload that has not ended; 0 if there is none.",
)
JOBS_ACTIVE = Gauge("safelight_jobs_active", "Jobs that have not ended.")
JOBS_LIMIT = Gauge(
    "safelight_jobs_limit",
    "How many Jobs may be live at once: fewer for a while after the cluster has refused one.",
)
RECONCILES = Counter(
    "safelight_reconcile", "Looks at one id, by result (ok, retry, unreadable, error).", ["result"]
)
RECONCILE_SECONDS = Histogram(
    "safelight_reconcile_seconds",
    "Duration of one look at one id.",
    buckets=_QUICK,
)
QUEUE_DEPTH = Gauge("safelight_queue_depth", "Ids that wait to be looked at.")
QUEUE_RETRIES = Gauge("safelight_queue_retrying", "Ids whose last look failed.")
K8S_REQUESTS = Counter(
    "safelight_k8s_requests",
    "Requests to the Kubernetes API, by verb, resource and HTTP status (0: no answer).",
    ["verb", "resource", "code"],
)
K8S_SECONDS = Histogram(
    "safelight_k8s_request_seconds",
    "Duration of requests to the Kubernetes API.",
    ["verb", "resource"],
    buckets=_QUICK,
)
STORAGE_REQUESTS = Counter(
    "safelight_storage_requests",
    "Requests to the object storage, by operation and result (ok, absent, error).",
    ["operation", "code"],
)
WATCH_LAST_EVENT = Gauge(
    "safelight_watch_last_event_timestamp_seconds",
    "When a watch last heard from the server (Unix time).",
    ["kind"],
)
WATCH_OVERDUE = Gauge(
    "safelight_watch_overdue_seconds",
    "How long a watch has owed something that a full list has shown; 0 if it owes nothing.",
    ["kind"],
)
WATCH_RESTARTS = Counter("safelight_watch_restarts", "Watches that were started again.", ["kind"])
RESYNCS = Counter("safelight_resync", "Full lists, by result (ok, error).", ["result"])
LEADER = Gauge("safelight_leader", "1 while this process leads.")
UNREADABLE = Gauge(
    "safelight_unreadable_objects",
    "Objects that are set aside until they change, because they cannot be read.",
    ["kind"],
)
ORPHAN_OBJECTS = Gauge(
    "safelight_orphan_objects",
    "Objects older than a day that no record needs, by kind (original, result, attempt), and those"
    " whose keys are none of ours (foreign), as of the last sweep.",
    ["kind"],
)
RECORDS_WITHOUT_OBJECTS = Gauge(
    "safelight_records_without_objects",
    "AvailableImages of which an object, a variant's included, is missing or has changed, as of the"
    " last sweep.",
)
SWEEPS = Counter(
    "safelight_sweeps",
    "Sweeps, by result (ok, error, alarming: too much seemed to be left over).",
    ["result"],
)
SWEEP_LAST = Gauge(
    "safelight_sweep_last_timestamp_seconds",
    "When the last sweep ended (Unix time).",
)
SWEEP_SECONDS = Gauge("safelight_sweep_last_seconds", "Duration of the last sweep.")
SWEPT = Counter(
    "safelight_swept_ids",
    "Ids that a sweep gave to be looked at, and to have removed what nothing needs.",
)
INNER_CONNECTIONS = Gauge(
    "safelight_inner_connections",
    "Connections to an inner port (hints, health), and at most SAFELIGHT_INNER_CONNECTIONS.",
    ["port"],
)
INNER_DROPPED = Counter(
    "safelight_inner_dropped",
    "What an inner port refused or gave up, by reason (places, time, size, malformed, failed).",
    ["port", "reason"],
)


def observe_phase(phase: str, since: datetime | None, until: datetime) -> None:
    """Note how long a phase took, if it is known when it began."""
    if since is not None:
        PHASE_SECONDS.labels(phase).observe(max((until - since).total_seconds(), 0))
