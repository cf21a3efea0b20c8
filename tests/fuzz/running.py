"""A fuzzing run: one worker for each format, one after the other, within a time for all."""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from safelight_contract import policy
from safelight_contract.policy import Format
from safelight_local import paths
from tests.support import corpus, images

FORMATS = policy.FORMATS
FINDINGS: Final = paths.STATE / "fuzz"
"""Where findings are left; git ignores it."""
FOUND: Final = Path(__file__).parent / "found"
"""What was found and mended: it stays so."""
_MOST_SEED_BYTES: Final = 64 * 1024
"""Of a file that mutations start from: larger ones are slow, and hold no other parts."""
_SEEDS_PER_SECOND: Final = 4
_MOST_OUTPUT: Final = 4000
_START_SECONDS: Final = 300
"""What a worker may take beside its time: it imports, and runs all seeds once."""
_LIMITS: Final = (
    "-timeout=120",
    "-rss_limit_mb=2048",
    f"-max_len={2 * _MOST_SEED_BYTES}",
)
"""Last resorts, by the clock and by the machine's memory; `target` and `worker` are stricter."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one format fared."""

    format: Format
    seeds: int
    findings: list[Path]
    output: str
    """The worker's last words, if it found something."""
    ends: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    """CPU time of the slowest input."""
    peak_bytes: int = 0
    """Above what the fuzzer holds itself."""

    def line(self) -> str:
        """Return it as a line of a table."""
        ends = ", ".join(f"{count} {name}" for name, count in sorted(self.ends.items()))
        return (
            f"{self.format.name:5} {self.seeds:4} seeds, {sum(self.ends.values()):7} inputs,"
            f" slowest {self.seconds:5.2f} s CPU, peak {self.peak_bytes >> 20:4} MiB: {ends}"
        )


def seeds(image_format: Format) -> list[bytes]:
    """Return files of a format to start from: small ones of the corpus, and some of our own."""
    found = [Path(row["path"]).read_bytes() for row in corpus.rows(corpus.directory())]
    found += [file.read_bytes() for file in sorted(FOUND.iterdir())]
    own = [images.encoded(images.picture(16, 12), image_format)]
    if image_format is not policy.GIF:
        own.append(images.with_metadata(images.picture(16, 12, "RGB"), image_format))
    if image_format is not policy.JPEG:
        own.append(images.encoded(images.picture(16, 12, "RGBA"), image_format))
    small = [data for data in (*found, *own) if len(data) <= _MOST_SEED_BYTES]
    return [data for data in small if policy.sniff(data[: policy.SNIFF_BYTES]) is image_format]


def run(seconds: float, seed: int, folder: Path, say: Callable[[str], None]) -> list[Outcome]:
    """Fuzz all formats.

    Args:
        seconds: for all of them together, without their starts.
        seed: of all random choices; coverage, and with it the way that is taken, is much the same
            for the same seed on the same machine, but time is part of it.
        folder: where findings are left.
        say: takes a line for each format.
    """
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for image_format in FORMATS:
        outcome = _run_one(image_format, seconds / len(policy.FORMATS), seed, folder)
        say(outcome.line())
        outcomes.append(outcome)
    return outcomes


def _run_one(image_format: Format, seconds: float, seed: int, folder: Path) -> Outcome:
    before = set(folder.iterdir())
    found = seeds(image_format)
    # All seeds are run once before any mutation: a short run would do nothing else.
    random.Random(seed).shuffle(found)  # noqa: S311 - so that the same seed takes the same ones
    found = found[: max(1, round(seconds * _SEEDS_PER_SECOND))]
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        start = work / "seeds"
        start.mkdir()
        (work / "new").mkdir()
        for number, data in enumerate(found):
            (start / str(number)).write_bytes(data)
        tally = work / "tally"
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "tests.fuzz.worker", str(tally)),
                *(f"-max_total_time={max(round(seconds), 1)}", f"-seed={seed}", *_LIMITS),
                f"-artifact_prefix={folder}/{image_format.word}-",
                *(str(work / "new"), str(start)),
            ],
            cwd=paths.ROOT,
            env={**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONMALLOC": "malloc"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds + _START_SECONDS,
        )
        told: dict[str, Any] = json.loads(tally.read_text()) if tally.exists() else {}
    return Outcome(
        image_format,
        len(found),
        sorted(set(folder.iterdir()) - before),
        ended.stdout[-_MOST_OUTPUT:] if ended.returncode else "",
        ends=told.get("ends", {}),
        seconds=told.get("seconds", 0.0),
        peak_bytes=told.get("bytes", 0),
    )


def seed_of(environment: Mapping[str, str] = os.environ) -> int:
    """Return SAFELIGHT_SEED, or a number by chance."""
    given = environment.get("SAFELIGHT_SEED")
    return int(given) if given else random.SystemRandom().randrange(1, 2**31)
