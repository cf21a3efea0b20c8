"""The command line behind `make up` and `make down`; make passes settings as variables."""

import argparse
import os
import sys
from pathlib import Path

from safelight_local import existing, sample, up
from safelight_local.errors import LocalError
from safelight_local.progress import Progress


def main() -> int:
    """Run a command; return the exit status."""
    parser = argparse.ArgumentParser(prog="safelight-local", description=__doc__)
    parser.add_argument("command", choices=("up", "down"))
    command = parser.parse_args().command
    progress = Progress()
    try:
        if command == "up":
            _up(progress)
        else:
            _down(progress)
    except LocalError as error:
        print(f"\nError: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


def _up(progress: Progress) -> None:
    photo = Path(os.environ.get("PHOTO") or sample.PHOTO)
    if not photo.is_file():
        raise LocalError(f"there is no photo {photo}")
    if os.environ.get("KUBE_CONTEXT"):
        existing.up(os.environ, progress, photo)
    else:
        up.up(progress, photo)


def _down(progress: Progress) -> None:
    if os.environ.get("KUBE_CONTEXT"):
        existing.down(os.environ, progress)
    else:
        up.down(progress, purge=os.environ.get("PURGE", "") not in {"", "0"})


if __name__ == "__main__":
    sys.exit(main())
