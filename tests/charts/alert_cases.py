"""What happens to a system, and which alert tells of it; and what no alert tells of."""

from collections.abc import Mapping

from tests.charts.alerts import STEP, Case, series

HOUR = 3600
DAY = 24 * HOUR
FAILED_BEFORE = series(
    "safelight_uploads_total", pod="operator-0", result="failed", reason="OutOfMemory"
)
LEFT_OVER = series("safelight_orphan_objects", pod="operator-0", kind="original")
CASES = [
    Case(
        name="a missing image stalls three uploads",
        alert="SafelightUploadsStalled",
        series={series("safelight_uploads_stalled", reason="ImagePullFailed"): "3x99"},
        after=300,
        value="3",
        labels={"reason": "ImagePullFailed"},
    ),
    Case(
        name="the leader is gone and the standby does not take over",
        alert="SafelightNoLeader",
        series={series("safelight_leader", pod="operator-0"): "stale"},
        after=120,
    ),
    Case(
        name="no operator is left",
        alert="SafelightNoLeader",
        series={series("safelight_leader", pod=f"operator-{n}"): "stale" for n in (0, 1)},
        after=120,
    ),
    Case(
        name="no API pod is left",
        alert="SafelightApiAbsent",
        series={
            series("safelight_cache_synced", kind="ImageUpload", pod=f"api-{n}"): "stale"
            for n in (0, 1)
        },
        after=120,
    ),
    Case(
        name="a sweep misses an object of two images",
        alert="SafelightBytesLost",
        series={series("safelight_records_without_objects", pod="operator-0"): "2x9"},
        after=60,
        value="2",
    ),
    Case(
        name="the first alarming sweep of a process",
        alert="SafelightSweepAlarming",
        series={series("safelight_sweeps_total", result="alarming"): "1x1000"},
        after=0,
        ends=3 * HOUR,
    ),
    Case(
        name="an upload gets old",
        alert="SafelightUploadsWait",
        series={series("safelight_oldest_pending_seconds", pod="operator-0"): "600 630+30x99"},
        after=90,
        value="11m 30s",
    ),
    Case(
        name="the first good file of a process that fails",
        alert="SafelightGoodFilesFail",
        series={
            series("safelight_uploads_total", result="failed", reason="DeadlineExceeded"): "1x200",
        },
        after=0,
        labels={"reason": "DeadlineExceeded"},
        ends=15 * 60,
    ),
    Case(
        name="a good file fails for a reason that there was before",
        alert="SafelightGoodFilesFail",
        series={FAILED_BEFORE: "8x200"},
        after=0,
        labels={"reason": "OutOfMemory"},
        ends=15 * 60,
    ),
    Case(
        name="the API answers 503 again and again",
        alert="SafelightClientsRefused",
        series={series("safelight_http_requests_total", pod="api-0", code="503"): "1+1x99"},
        after=330,
        labels={"code": "503"},
    ),
    Case(
        name="the line is full",
        alert="SafelightClientsRefused",
        series={series("safelight_http_requests_total", pod="api-0", code="429"): "1+40x99"},
        after=330,
        labels={"code": "429"},
    ),
    Case(
        name="a watch of the API is silent",
        alert="SafelightApiLate",
        series={
            series(
                "safelight_watch_last_event_seconds", kind="ImageUpload", pod="api-0"
            ): "121+30x99"
        },
        after=120,
    ),
    Case(
        name="a new API pod cannot list",
        alert="SafelightApiLate",
        series={series("safelight_cache_synced", kind="ImageUpload", pod="api-2"): "0x99"},
        after=120,
    ),
    Case(
        name="the operator is restarted because its watch is dead",
        alert="SafelightWatchDead",
        series={
            series(
                "safelight_watch_overdue_seconds", kind="jobs", pod="operator-0"
            ): "151 181 211 0x200",
        },
        after=0,
        ends=15 * 60 + 2 * STEP,
    ),
    Case(
        name="a quota refuses Jobs",
        alert="SafelightJobsRefused",
        series={series("safelight_jobs_limit", pod="operator-0"): "10x200"},
        after=HOUR,
        value="10",
    ),
    Case(
        name="somebody writes nonsense into two uploads",
        alert="SafelightUnreadable",
        series={
            series("safelight_unreadable_objects", pod="operator-0", kind="ImageUpload"): "2x99"
        },
        after=900,
        value="2",
        labels={"kind": "ImageUpload"},
    ),
    Case(
        name="the images become many",
        alert="SafelightManyImages",
        series={series("safelight_available_images", pod="api-0"): "80001x200"},
        after=HOUR,
        value="80001",
    ),
    Case(
        name="more is left over than a day ago",
        alert="SafelightLeftovers",
        series={LEFT_OVER: "19x200"},
        after=HOUR,
        value="19",
        labels={"kind": "original"},
        healthy=DAY + HOUR,
    ),
]
HARMLESS: Mapping[str, Mapping[str, str]] = {
    "one answer of 503 and no more": {
        series("safelight_http_requests_total", pod="api-0", code="503"): "1x99",
    },
    "two answers of 503, a minute apart": {
        series("safelight_http_requests_total", pod="api-0", code="503"): "1x1 2x99",
    },
    "a minute and a half without a leader": {
        series("safelight_leader", pod="operator-0"): "0 0 0 1x99",
    },
    "a node that comes after four minutes": {
        series("safelight_uploads_stalled", reason="Unschedulable"): "1x8 stale",
    },
    "an API pod that lists for a minute": {
        series("safelight_cache_synced", kind="ImageUpload", pod="api-2"): "0 0 1x99",
    },
    "a quota that is full for half an hour": {
        series("safelight_jobs_limit", pod="operator-0"): "10x60 20x99",
    },
    "a scraper that is away for ten minutes": {
        FAILED_BEFORE: "_x20 7x99",
    },
    "the sweeper removes what was left over": {LEFT_OVER: "3x200"},
}
