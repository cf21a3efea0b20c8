"""All measurements of docs/performance.md, in one run: `make bench`.

It brings the local cluster up, and fails if a bar is missed.
"""

import platform
import statistics
import sys
from collections.abc import Iterator
from typing import Final

from safelight_local import up
from safelight_local.progress import Progress
from tests.bench import processor_start, status_polls, upload_latency

UPLOADS: Final = 20
STARTS: Final = 20
POLL_SECONDS: Final = 3.0

UPLOAD_BAR_SECONDS: Final = 2.0
START_BAR_MS: Final = 200
POLLS_BAR: Final = 0.5


def run() -> Iterator[tuple[str, bool]]:
    """Measure one thing after the other; yield each bar and whether it was met."""
    env = up.up(Progress(), photo=None)
    _say("", f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")

    latencies = upload_latency.measure(env, UPLOADS)
    _say("12-megapixel JPEG, idle local cluster", *latencies.lines())
    met = statistics.median(latencies.uploads) <= UPLOAD_BAR_SECONDS
    yield f"POST to processed: p50 at most {UPLOAD_BAR_SECONDS} s", met

    starts = processor_start.measure(STARTS)
    _say("The processor's own start", *processor_start.lines(starts))
    met = statistics.median(starts) <= START_BAR_MS
    yield f"CPU until the first byte is read: at most {START_BAR_MS} ms", met

    polls = status_polls.measure(POLL_SECONDS)
    _say("Status polls from memory, 1,000 uploads pending", *status_polls.lines(polls))
    met = status_polls.ratio(polls) >= POLLS_BAR
    yield f"status polls: at least {POLLS_BAR} of a bare route's rate", met


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201 - printing is this program's purpose
    print()  # noqa: T201 - likewise


def main() -> int:
    """Measure, print, and return the exit status."""
    bars = list(run())
    for bar, met in bars:
        _say(f"{'met   ' if met else 'MISSED'}  {bar}")
    return int(not all(met for _, met in bars))


if __name__ == "__main__":
    sys.exit(main())
