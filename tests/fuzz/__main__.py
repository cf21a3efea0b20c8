"""`make fuzz`: random changes to real pictures, and random HTTP, for ten minutes.

With files as arguments it runs each of them once, as a finding is repeated.
"""

import os
import random
import sys
import time
from pathlib import Path

from tests.fuzz import framing, running, target

_SECONDS = 600.0
_HTTP_SHARE = 0.1


def main() -> int:
    """Fuzz, or repeat; return the exit code."""
    files = [Path(argument) for argument in sys.argv[1:]]
    if files:
        for file in files:
            if file.name.startswith(framing.PREFIX):
                choices = random.Random(running.seed_of())  # noqa: S311 - where it is cut
                found = framing.check(file.read_bytes(), choices, framing.Outcome())
                say(f"{file}: {found or 'read alike'}")
                continue
            start = time.process_time()
            ended = target.check(file.read_bytes())
            print(f"{file}: {ended}, {time.process_time() - start:.2f} s CPU")  # noqa: T201 - its purpose
        return 0
    seconds = float(os.environ.get("SAFELIGHT_FUZZ_SECONDS", _SECONDS))
    seed = running.seed_of()
    say(f"seed: SAFELIGHT_SEED={seed}, {seconds:g} s")
    http = framing.run(seconds * _HTTP_SHARE, seed, running.FINDINGS, say)
    outcomes = running.run(seconds * (1 - _HTTP_SHARE), seed, running.FINDINGS, say)
    say(http.output)
    failed = [outcome for outcome in outcomes if outcome.findings or outcome.output]
    for outcome in failed:
        say(f"\n{outcome.output}")
        for finding in outcome.findings:
            say(f"repeat it: local/uv run python -m tests.fuzz {finding}")
    return 1 if failed or http.findings else 0


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)  # noqa: T201 - a person is waiting


if __name__ == "__main__":
    sys.exit(main())
