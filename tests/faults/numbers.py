"""The numbers of a `metrics` line, from what the processes of the API expose."""

from collections.abc import Sequence
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from safelight_api.routes import images, uploads

_UPLOADS: Final = frozenset({uploads.PATH})
_DELETABLE: Final = frozenset({f"{uploads.PATH}/{{id}}", f"{images.PATH}/{{id}}"})


def numbers(exposed: Sequence[str], since: float) -> dict[str, int | None]:
    """Return how many uploads there were and what became of them, as the API counts them.

    Counters are null where a process has not lived since the run began: what another had counted
    before it is gone. Gauges are those of every process, so the last one speaks for all.

    Args:
        exposed: for each process, its metrics in Prometheus' text format.
        since: when the run began, Unix seconds.
    """
    samples = [list(_samples(text)) for text in exposed]
    started = [s.value for own in samples for s in own if s.name == "process_start_time_seconds"]
    is_whole = len(started) == len(exposed) and all(time <= since for time in started)
    requests = [s for own in samples for s in own if s.name == "safelight_http_requests_total"]
    accepted = sum(s.value for s in requests if _is(s, "POST", "201", _UPLOADS))
    deleted = sum(s.value for s in requests if _is(s, "DELETE", "204", _DELETABLE))
    gauges = {(s.name, s.labels.get("state")): int(s.value) for own in samples for s in own}
    return {
        "accepted": int(accepted) if is_whole else None,
        "deleted": int(deleted) if is_whole else None,
        "available": gauges["safelight_available_images", None],
        "failed": gauges["safelight_api_uploads", "failed"],
        "in_flight": gauges["safelight_api_uploads", "pending"],
    }


def _samples(text: str) -> list[Sample]:
    return [s for family in text_string_to_metric_families(text) for s in family.samples]


def _is(sample: Sample, method: str, code: str, routes: frozenset[str]) -> bool:
    labels = sample.labels
    return (labels["method"], labels["code"]) == (method, code) and labels["route"] in routes
