"""What this repository pins, read from its lock files."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.audit.findings import Package

_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9._-]+)==([^\s;]+)")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_SHA256: Final = "sha256:"


def of_lock(text: str, index: str | None = None) -> Iterator[Package]:
    """Yield the packages of others in a `uv.lock`.

    Args:
        text: of the file.
        index: asked instead of the one in the lock: a mirror.
    """
    for package in tomllib.loads(text)["package"]:
        registry = package["source"].get("registry")
        if registry is None:
            continue
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        hashes = frozenset(file["hash"].removeprefix(_SHA256) for file in files)
        yield Package(package["name"], package["version"], index or registry, hashes)


def of_requirements(text: str, index: str) -> Iterator[Package]:
    """Yield the packages of a requirements file, each with an exact version and hashes."""
    for line in text.replace("\\\n", " ").splitlines():
        if found := _REQUIREMENT.match(line):
            yield Package(found[1], found[2], index, frozenset(_HASH.findall(line)))


def mirror(environment: Mapping[str, str]) -> str | None:
    """Return the package index that uv or pip is told to use instead of the lock's, if any."""
    names = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
    return next((environment[name].rstrip("/") for name in names if environment.get(name)), None)


def json_api(package: Package) -> str:
    """Return where an index tells about a version, beside its Simple API."""
    root = package.registry.rstrip("/").removesuffix("/simple")
    return f"{root}/pypi/{package.name}/{package.version}/json"


def simple_api(package: Package) -> str:
    """Return where an index lists the files of a package."""
    return f"{package.registry.rstrip('/')}/{package.name}/"


def folders(tracked: list[str], file_name: str) -> list[Path]:
    """Return the folders that have a lock file of a kind, below the root of the repository."""
    return sorted(Path(name).parent for name in tracked if Path(name).name == file_name)
