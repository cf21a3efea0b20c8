"""The questions: each to a registry, by its ordinary client where it has one for that."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import httpx

from safelight_local import go, paths
from safelight_local.errors import LocalError
from safelight_local.progress import Progress
from tests.audit import findings, pins
from tests.audit.findings import Finding, Json, NotAnsweredError, Package, Report

GOVULNCHECK: Final = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
_SIMPLE: Final = "application/vnd.pypi.simple.v1+json"
_SECONDS: Final = 600.0
_TIMEOUT: Final = 30.0


def python_packages() -> list[Package]:
    """Return the packages of others that are pinned: the lock's, and uv itself."""
    mirror = pins.mirror(os.environ)
    locked = list(pins.of_lock((paths.ROOT / "uv.lock").read_text(), mirror))
    bootstrap = (paths.LOCAL / "uv.txt").read_text()
    return [*locked, *pins.of_requirements(bootstrap, locked[0].registry)]


def client() -> httpx.Client:
    """Return a client of the package indexes: by the environment's proxy and certificates."""
    return httpx.Client(
        transport=httpx.HTTPTransport(retries=2), timeout=_TIMEOUT, follow_redirects=True
    )


def advisories(http: httpx.Client, packages: Sequence[Package]) -> Report:
    """Ask the package index for advisories."""
    return _of_each(
        "advisories of Python packages",
        packages,
        lambda package: findings.of_release(package, _json(http, pins.json_api(package))),
    )


def withdrawals(http: httpx.Client, packages: Sequence[Package]) -> Report:
    """Ask the package index for what was yanked or removed."""
    return _of_each(
        "withdrawn Python packages",
        packages,
        lambda package: findings.of_index(package, _json(http, pins.simple_api(package))),
    )


def npm(folder: Path) -> Report:
    """Ask the npm registry for advisories, by a folder's package-lock.json."""
    command = [str(Path(sys.executable).with_name("npm")), "audit", "--json", "--package-lock-only"]
    return _of_program(f"advisories of npm packages in {folder}", command, folder, findings.of_npm)


def govulncheck(folder: Path) -> Report:
    """Ask the Go vulnerability database (GOVULNDB names another), by a folder's go.mod."""
    question = f"advisories of Go modules in {folder}"
    try:
        compiler = go.ensure(go.wanted(folder), Progress())
    except LocalError as error:
        return Report(question, 0, unanswered=str(error))
    database = os.environ.get("GOVULNDB")
    command = [
        *(str(compiler), "run", GOVULNCHECK, "-scan", "module", "-format", "json"),
        *(("-db", database) if database else ()),
    ]
    return _of_program(question, command, folder, findings.of_govulncheck, fails_if_unanswered=True)


def tracked() -> list[str]:
    """Return the names of the repository's files.

    Raises:
        CalledProcessError: this is no clone of it.
    """
    command = ["git", "-C", str(paths.ROOT), "ls-files"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def _of_each(
    question: str, packages: Sequence[Package], ask: Callable[[Package], Iterator[Finding]]
) -> Report:
    found: list[Finding] = []
    for number, package in enumerate(packages):
        try:
            found += ask(package)
        except NotAnsweredError as error:
            # An index that does not answer one such question answers none.
            return Report(question, number, found, f"about {package}: {error}")
    return Report(question, len(packages), found)


def _json(http: httpx.Client, url: str) -> Json:
    try:
        answer = http.get(url, headers={"Accept": f"{_SIMPLE}, application/json;q=0.5"})
        answer.raise_for_status()
        found: Json = answer.json()
    except httpx.HTTPStatusError as error:
        raise NotAnsweredError(
            f"{error.response.status_code} from {error.request.url.host}"
        ) from error
    except httpx.HTTPError as error:
        raise NotAnsweredError(f"{type(error).__name__}: {error}") from error
    except ValueError:
        raise NotAnsweredError("the answer is no JSON") from None
    return found


def _of_program(
    question: str,
    command: Sequence[str],
    folder: Path,
    read: Callable[[str], Iterator[Finding]],
    *,
    fails_if_unanswered: bool = False,
) -> Report:
    """Ask by a program. npm's exit code says nothing that its output does not say better."""
    try:
        ended = subprocess.run(
            command,
            cwd=paths.ROOT / folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        if ended.returncode and fails_if_unanswered:
            said = ended.stderr.strip().splitlines() or ["it says nothing"]
            # The last line is `go run`'s, about the exit status.
            return Report(question, 0, unanswered=said[0 if len(said) == 1 else -2])
        return Report(question, 1, list(read(ended.stdout)))
    except (OSError, subprocess.TimeoutExpired, NotAnsweredError) as error:
        return Report(question, 0, unanswered=str(error))
