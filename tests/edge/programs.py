"""Other people's programs: proxies and libraries, built or unpacked once, kept in the cache.

The proxies in Go are built from `binaries/`, whose go.mod and go.sum pin every module; nginx and
HAProxy are Debian's, unpacked and not installed, since their services would start.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from safelight_local import cache, debian, go, paths
from safelight_local.errors import LocalError
from safelight_local.progress import Progress

SOURCES: Final = Path(__file__).parent / "binaries"
_BUILD: Final = ("build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w")
_NGINX: Final = ("nginx", "libpcre2-8-0")
_HAPROXY: Final = (
    "haproxy",
    "liblua5.3-0",
    "libopentracing-c-wrapper0",
    "libopentracing1",
    "libpcre2-8-0",
)
CLIENTS: Final = {"curl": "curl", "javac": "default-jdk-headless"}
"""Programs that clients need, and the Debian packages that bring them; none starts a service."""
_OKHTTP: Final = ("libokhttp-java", "libokio-java")


@dataclass(frozen=True, slots=True)
class Program:
    """A program, and the folder of the libraries that came with it."""

    path: Path
    libraries: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that it needs."""
        return {"LD_LIBRARY_PATH": str(self.libraries)} if self.libraries else {}


def go_programs(progress: Progress) -> Path:
    """Return the folder of `caddy` and `reverseproxy`.

    The first build takes two minutes of two cores; `logs/edge-binaries.log` in the cache has the
    compiler's output.

    Raises:
        LocalError: there is no Go compiler and none could be installed, or the build failed.
    """
    key = cache.content_key(SOURCES, [SOURCES], *_BUILD, os.uname().machine)
    target = paths.cache_directory() / "edge-binaries" / key
    if target.is_dir():
        return target
    log = paths.cache_directory() / "logs" / "edge-binaries.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    compiler = go.ensure(go.wanted(SOURCES), progress)
    with progress.step("Build Caddy and a ReverseProxy for tests (once, ~3 min)", log):
        return cache.made_once(target, lambda unfinished: _build(compiler, unfinished, log))


def _build(compiler: Path, target: Path, log: Path) -> None:
    command = ["nice", "-n", "5", str(compiler), *_BUILD, "-o", f"{target}/", "./..."]
    with log.open("w") as output:
        ended = subprocess.run(
            command,
            cwd=SOURCES,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    if ended.returncode:
        raise LocalError(f"the Go build failed; its output is in {log}")


def _debian(name: str, packages: tuple[str, ...], progress: Progress) -> Program:
    files = debian.ensure_unpacked(name, packages, progress)
    (libraries,) = (files / "usr" / "lib").glob("*-linux-gnu")
    return Program(files / "usr" / "sbin" / name, libraries)


@dataclass(frozen=True, slots=True)
class Programs:
    """All proxies."""

    nginx: Program
    haproxy: Program
    """2.6 in Debian 12."""
    caddy: Program
    reverseproxy: Program

    @classmethod
    def ensure(cls, progress: Progress) -> Self:
        """Build and unpack what the cache lacks.

        Raises:
            LocalError: one could not be had.
        """
        built = go_programs(progress)
        return cls(
            _debian("nginx", _NGINX, progress),
            _debian("haproxy", _HAPROXY, progress),
            Program(built / "caddy"),
            Program(built / "reverseproxy"),
        )


def okhttp(progress: Progress) -> str:
    """Return the class path of Debian's OkHttp."""
    java = debian.ensure_unpacked("okhttp", _OKHTTP, progress) / "usr" / "share" / "java"
    return f"{java / 'okhttp.jar'}:{java / 'okio.jar'}"
