"""`make chaos`: the mix, for ten minutes, against the local cluster.

SAFELIGHT_SEED repeats a run; SAFELIGHT_CHAOS_SECONDS is how long faults happen; SAFELIGHT_HOSTILE=1
has a hostile client take part.
"""

import os
import signal
import sys

from tests.faults.chaos import mixing

_SECONDS = 600.0
_UPLOADS = 100


def main() -> int:
    """Run, print the summary, and return the exit status."""
    # An interrupted run must leave a cluster that works.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    seconds = float(os.environ.get("SAFELIGHT_CHAOS_SECONDS") or _SECONDS)
    return int(bool(mixing.chaos(mixing.seed(), seconds, _UPLOADS).wrong))


if __name__ == "__main__":
    sys.exit(main())
