"""One format's fuzzing, in a process of its own: atheris around `target.check`.

Usage: python -m tests.fuzz.worker TALLY LIBFUZZER-ARGUMENTS...
"""

import importlib
import json
import os
import pkgutil
import sys
import time
from collections import Counter
from pathlib import Path

import atheris

# Only what is imported in here tells the fuzzer which ways an input has taken. Decoders in C do
# not, but what Pillow and our readers do with their files is Python.
with atheris.instrument_imports(include=["safelight_processor", "PIL"]):
    import safelight_processor

    for module in pkgutil.walk_packages(safelight_processor.__path__, "safelight_processor."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    from PIL import (  # noqa: F401 - imported to be watched
        AvifImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        WebPImagePlugin,
    )

    from tests.fuzz import mutating, target

MOST_BYTES = 768 * 1024 * 1024
"""A Job's memory by the chart's default, beside what the fuzzer itself holds."""
REJECTS = os.environ.get("SAFELIGHT_FUZZ_REJECTS", "").split()
"""Ends to find fault with, for a test of what becomes of findings."""


class Tally:
    """Counts how inputs ended, and writes it down every second: the end of a run is abrupt."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._before = target.peak_bytes()
        self._written = 0.0
        self._ends: Counter[str] = Counter()
        self._slowest = 0.0

    def one(self, data: bytes) -> None:
        """Process one input; whatever is raised is a finding."""
        start = time.process_time()
        ended = target.check(data)
        assert ended not in REJECTS, ended
        self._ends[ended] += 1
        self._slowest = max(self._slowest, time.process_time() - start)
        peak = target.peak_bytes() - self._before
        assert peak < MOST_BYTES, f"it took {peak >> 20} MiB"
        if time.monotonic() - self._written > 1:
            self._written = time.monotonic()
            told = {"ends": self._ends, "seconds": self._slowest, "bytes": peak}
            self._file.write_text(json.dumps(told))


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """Return another input, as atheris asks for it."""
    return mutating.mutated(data, most, seed, atheris.Mutate)


def main() -> None:
    """Fuzz until libFuzzer's arguments say that it is enough."""
    file, *arguments = sys.argv[1:]
    atheris.Setup([sys.argv[0], *arguments], Tally(Path(file)).one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
