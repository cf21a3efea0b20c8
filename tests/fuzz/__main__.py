"""`make fuzz`: random changes to real pictures, for ten minutes.

With files as arguments it runs each of them once, as a finding is repeated.
"""

import os
import sys
import time
from pathlib import Path

from tests.fuzz import running, target

_SECONDS = 600.0


def main() -> int:
    """Fuzz, or repeat; return the exit code."""
    files = [Path(argument) for argument in sys.argv[1:]]
    if files:
        for file in files:
            start = time.process_time()
            ended = target.check(file.read_bytes())
            print(f"{file}: {ended}, {time.process_time() - start:.2f} s CPU")  # noqa: T201 - its purpose
        return 0
    seconds = float(os.environ.get("SAFELIGHT_FUZZ_SECONDS", _SECONDS))
    seed = running.seed_of()
    say(f"seed: SAFELIGHT_SEED={seed}, {seconds:g} s")
    outcomes = running.run(seconds, seed, running.FINDINGS, say)
    failed = [outcome for outcome in outcomes if outcome.findings or outcome.output]
    for outcome in failed:
        say(f"\n{outcome.output}")
        for finding in outcome.findings:
            say(f"repeat it: local/uv run python -m tests.fuzz {finding}")
    return 1 if failed else 0


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)  # noqa: T201 - a person is waiting


if __name__ == "__main__":
    sys.exit(main())
