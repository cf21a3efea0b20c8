"""Programs out of Debian packages that are not to be installed: their services would start."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from safelight_local import cache, paths, shell
from safelight_local.errors import LocalError
from safelight_local.progress import Progress

_APT: Final = ("apt-get", "-o", "DPkg::Lock::Timeout=300")


def ensure_promtool(progress: Progress) -> Path:
    """Return Prometheus' tool for rules: the machine's own, or Debian's, kept in the cache.

    Raises:
        LocalError: there is none, and no apt-get, or the package could not be loaded.
    """
    return _ensure("promtool", "prometheus", progress)


def ensure_unpacked(name: str, packages: Sequence[str], progress: Progress) -> Path:
    """Return a folder with the files of Debian packages, kept in the cache.

    Args:
        name: of the folder.
        packages: with the libraries that the machine may lack; of the same Debian.
        progress: is told each step.

    Raises:
        LocalError: there is no apt-get, or a package could not be loaded.
    """
    target = paths.cache_directory() / "debian" / name
    if not target.is_dir():
        _make(target, packages, progress, lambda files, folder: files.rename(folder / "files"))
    return target / "files"


def _ensure(program: str, package: str, progress: Progress) -> Path:
    there = shutil.which(program)
    if there:
        return Path(there)
    target = paths.cache_directory() / "debian" / program
    if not target.is_dir():
        _make(
            target,
            [package],
            progress,
            lambda files, folder: (files / "usr" / "bin" / program).rename(folder / program),
        )
    return target / program


def _make(
    target: Path,
    packages: Sequence[str],
    progress: Progress,
    take: Callable[[Path, Path], object],
) -> None:
    if not shutil.which("apt-get"):
        raise LocalError(f"install {target.name} first (there is no apt-get here)")
    target.parent.mkdir(parents=True, exist_ok=True)
    log = paths.LOGS / "apt.log"

    def fill(unfinished: Path) -> None:
        # On the same file system, so that what is taken is moved, not copied.
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            _unpack(packages, Path(folder), log)
            take(Path(folder) / "files", unfinished)

    with progress.step(f"Load {target.name} from Debian's packages {', '.join(packages)}", log):
        cache.made_once(target, fill)


def _unpack(packages: Sequence[str], folder: Path, log: Path) -> None:
    # A source that cannot be reached fails the update; whether it matters, the download says.
    shell.run(*_APT, "update", log=log, may_fail=True)
    command = (
        f'cd "$0" && {" ".join(_APT)} download "$@"'
        ' && for package in *.deb; do dpkg-deb -x "./$package" files || exit 1; done'
    )
    shell.run("sh", "-c", command, folder, *packages, log=log)
