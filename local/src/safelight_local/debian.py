"""Programs out of Debian packages that are not to be installed: their services would start."""

import shutil
import tempfile
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


def _ensure(program: str, package: str, progress: Progress) -> Path:
    there = shutil.which(program)
    if there:
        return Path(there)
    target = paths.cache_directory() / "debian" / program
    if not target.is_dir():
        if not shutil.which("apt-get"):
            raise LocalError(f"install {program} first (there is no apt-get here)")
        target.parent.mkdir(parents=True, exist_ok=True)
        log = paths.LOGS / "apt.log"
        with progress.step(f"Load {program} from Debian's package {package}", log):
            cache.made_once(target, lambda unfinished: _extract(program, package, unfinished, log))
    return target / program


def _extract(program: str, package: str, target: Path, log: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # A source that cannot be reached fails the update; whether it matters, the download says.
        shell.run(*_APT, "update", log=log, may_fail=True)
        command = f'cd "$0" && {" ".join(_APT)} download {package} && dpkg-deb -x ./*.deb files'
        shell.run("sh", "-c", command, folder, log=log)
        shutil.move(Path(folder) / "files" / "usr" / "bin" / program, target / program)
