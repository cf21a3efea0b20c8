"""All measurements of docs/performance.md, in one run: `make bench`.

It brings the local cluster up where a measurement needs it, and fails if a bar is missed.
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Final

from safelight_local import up
from safelight_local.progress import Progress
from tests.bench import (
    attacks,
    burst,
    figures,
    many_images,
    processor_start,
    status_polls,
    upload_latency,
)
from tests.support import memory

UPLOADS: Final = 50
UPLOADS_AT_ONCE: Final = 200
IMAGES: Final = 20_000
STARTS: Final = 20
POLL_SECONDS: Final = 3.0
ATTACK_SECONDS: Final = 60.0

UPLOAD_P50_SECONDS: Final = 1.3
UPLOAD_P99_SECONDS: Final = 2.5
UPLOAD_WRITES: Final = 7
BURST_RATIO: Final = 0.8
BURST_POLL_MS: Final = 100
API_MIB: Final = 250
OPERATOR_MIB: Final = 200
READY_SECONDS: Final = 15
SLOWDOWN: Final = 1.2
START_MS: Final = 150
POLLS_RATIO: Final = 0.5

Bars = Iterator[tuple[str, bool]]
"""What must hold, and whether it does."""


def _latency(arguments: argparse.Namespace) -> Bars:
    measured = upload_latency.measure(_installation(), arguments.uploads)
    _say("12-megapixel JPEG, idle local cluster", *measured.lines())
    met = figures.median(measured.uploads) <= UPLOAD_P50_SECONDS
    yield f"POST to processed: p50 at most {UPLOAD_P50_SECONDS} s", met
    met = figures.p99(measured.uploads) <= UPLOAD_P99_SECONDS
    yield f"POST to processed: p99 at most {UPLOAD_P99_SECONDS} s", met
    yield f"writes for an upload: at most {UPLOAD_WRITES}", measured.writes <= UPLOAD_WRITES
    yield "reads for a status poll: none", measured.reads_of_polls == 0
    yield "API and operator ran through", measured.counted.ran_through


def _burst(arguments: argparse.Namespace) -> Bars:
    measured = burst.measure(_installation(), arguments.uploads_at_once)
    _say(f"{measured.count} 12-megapixel JPEGs at once", *measured.lines())
    yield f"uploads at once: at least {BURST_RATIO} of a bare loop", measured.ratio >= BURST_RATIO
    yield "live Jobs: never above the cap", measured.most_live <= measured.cap
    met = figures.p99(measured.polls) <= BURST_POLL_MS
    yield f"status polls meanwhile: p99 at most {BURST_POLL_MS} ms", met
    yield "API and operator ran through the uploads at once", measured.counted.ran_through


def _start(_: argparse.Namespace) -> Bars:
    starts = processor_start.measure(STARTS)
    _say("The processor's own start", *processor_start.lines(starts))
    met = figures.median(starts) <= START_MS
    yield f"CPU until the first byte is read: at most {START_MS} ms", met


def _polls(_: argparse.Namespace) -> Bars:
    polls = status_polls.measure(POLL_SECONDS)
    title = f"Status polls from memory, {status_polls.PENDING:,} uploads pending"
    _say(title, *status_polls.lines(polls))
    met = status_polls.ratio(polls) >= POLLS_RATIO
    yield f"status polls: at least {POLLS_RATIO} of a bare route's rate", met


def _attacks(arguments: argparse.Namespace) -> Bars:
    measured = attacks.measure(arguments.attack_seconds)
    _say(f"Under attack, {arguments.attack_seconds:.0f} s each", *measured.lines())
    yield from measured.bars()


def _images(arguments: argparse.Namespace) -> Bars:
    measured = many_images.measure(arguments.images)
    _say(f"{arguments.images:,} images present", *measured.lines())
    for unit, most_mib in (("API", API_MIB), ("operator", OPERATOR_MIB)):
        _, most = measured.many.memory[unit]
        yield f"memory of the {unit}: at most {most_mib} MiB", most <= most_mib * memory.MIB
        met = measured.many.seconds[unit] <= READY_SECONDS
        yield f"the {unit} is ready after at most {READY_SECONDS} s", met
    for asked in measured.many.p50:
        met = measured.slowdown(asked) <= SLOWDOWN
        yield f"{asked}: p50 and p99 at most {SLOWDOWN} of those with few images", met


PARTS: Final[Mapping[str, Callable[[argparse.Namespace], Bars]]] = {
    "latency": _latency,
    "burst": _burst,
    "images": _images,
    "start": _start,
    "polls": _polls,
    "attacks": _attacks,
}


@cache
def _installation() -> Mapping[str, str]:
    return up.up(Progress(), photo=None)


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201 - printing is this program's purpose
    print()  # noqa: T201 - likewise


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}; none: all")
    parser.add_argument("--uploads", type=int, default=UPLOADS, metavar="NUMBER")
    parser.add_argument("--uploads-at-once", type=int, default=UPLOADS_AT_ONCE, metavar="NUMBER")
    parser.add_argument("--images", type=int, default=IMAGES, metavar="NUMBER")
    parser.add_argument("--attack-seconds", type=float, default=ATTACK_SECONDS, metavar="SECONDS")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return arguments


def main() -> int:
    """Measure, print, and return the exit status."""
    arguments = _arguments()
    began = time.monotonic()
    _say(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    bars = [bar for part in arguments.parts or PARTS for bar in PARTS[part](arguments)]
    _say(*(f"{'met   ' if met else 'MISSED'}  {bar}" for bar, met in bars))
    _say(f"{(time.monotonic() - began) / 60:.1f} minutes in all")
    return int(not all(met for _, met in bars))


if __name__ == "__main__":
    sys.exit(main())
