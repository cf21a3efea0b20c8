"""What registries say about what this repository pins: pure functions of their answers.

An answer that is none (a registry that does not know the question, a proxy that refuses it) is not
the answer "nothing is known": it raises `NotAnsweredError`, and the run is not green.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

Json = Mapping[str, Any]


class Exit(IntEnum):
    """How `make audit` ends."""

    CLEAN = 0
    FOUND = 1
    """Something is known against what is pinned."""
    NOT_ASKED = 2
    """Nothing is known, but not everybody could be asked."""


class NotAnsweredError(Exception):
    """A registry gave no answer to the question; the message says what it did instead."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package of the Python lock: what is installed of it is one of its files."""

    name: str
    version: str
    registry: str
    """The index that it comes from: the URL of its Simple API."""
    sha256: AbstractSet[str]
    """Of the files that the lock allows."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is known against what is pinned."""

    package: str
    what: str

    def __str__(self) -> str:
        return f"{self.package}: {self.what}"


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one question."""

    question: str
    asked: int
    """How many packages it was asked about."""
    findings: Sequence[Finding] = ()
    unanswered: str | None = None
    """Why the question has no answer, or not the whole one."""


def exit_code(reports: Sequence[Report]) -> Exit:
    """Return how the run ends: a finding weighs more than a question without an answer."""
    if any(report.findings for report in reports):
        return Exit.FOUND
    return Exit.NOT_ASKED if any(report.unanswered for report in reports) else Exit.CLEAN


def of_release(package: Package, answer: Json) -> Iterator[Finding]:
    """Yield the advisories in a package index's JSON API's answer about one version.

    Source: https://docs.pypi.org/api/json/ ("Known vulnerabilities"). One that was withdrawn was
    none.

    Raises:
        NotAnsweredError: the index answers about versions, but not about advisories.
    """
    if "vulnerabilities" not in answer:
        raise NotAnsweredError("its answers have no advisories")
    for advisory in answer["vulnerabilities"]:
        if advisory.get("withdrawn") is None:
            names = ", ".join((advisory["id"], *advisory.get("aliases", ())))
            yield Finding(str(package), f"{names}{_mended(advisory.get('fixed_in', ()))}")


def of_index(package: Package, answer: Json) -> Iterator[Finding]:
    """Yield what a package index's list of files says about those that the lock allows.

    Files of a release that was taken back are yanked (PEP 592). A release without any file left was
    removed, as those are that turn out to be malware.

    Args:
        package: of the lock.
        answer: of the Simple API as JSON (PEP 691).

    Raises:
        NotAnsweredError: the index does not say which file is which.
    """
    files = [file for file in answer["files"] if file.get("hashes", {}).get("sha256")]
    if answer["files"] and not files:
        raise NotAnsweredError("its lists of files have no SHA-256")
    ours = [file for file in files if file["hashes"]["sha256"] in package.sha256]
    if not ours:
        yield Finding(str(package), "its files are gone from the index")
    for yanked in sorted({str(file["yanked"]) for file in ours if file.get("yanked")}):
        yield Finding(str(package), f"yanked: {'no reason given' if yanked == 'True' else yanked}")


def of_npm(text: str) -> Iterator[Finding]:
    """Yield the advisories in the output of `npm audit --json`.

    What is vulnerable only because of what it depends on is not told a second time.

    Raises:
        NotAnsweredError: the registry has no advisories.
    """
    try:
        answer = json.loads(text)
    except ValueError:
        raise NotAnsweredError("npm audit failed") from None
    if "vulnerabilities" not in answer:
        raise NotAnsweredError(str(answer.get("message") or "npm audit failed"))
    for name, entry in sorted(answer["vulnerabilities"].items()):
        for advisory in entry["via"]:
            if isinstance(advisory, dict):
                yield Finding(
                    f"{name} {advisory['range']}", f"{advisory['title']} ({advisory['url']})"
                )


def of_govulncheck(text: str) -> Iterator[Finding]:
    """Yield the advisories in the output of `govulncheck -scan module -format json`.

    It is one JSON value after the other; source: golang.org/x/vuln/internal/govulncheck.

    Raises:
        NotAnsweredError: the output is cut off.
    """
    decoder = json.JSONDecoder()
    at, text = 0, text.strip()
    while at < len(text):
        try:
            message, at = decoder.raw_decode(text, at)
        except ValueError:
            raise NotAnsweredError("the output of govulncheck is cut off") from None
        at += len(text[at:]) - len(text[at:].lstrip())
        if finding := message.get("finding"):
            module = finding["trace"][0]
            fixed = [finding["fixed_version"]] if finding.get("fixed_version") else []
            yield Finding(
                f"{module['module']} {module['version']}", f"{finding['osv']}{_mended(fixed)}"
            )


def _mended(versions: Sequence[str]) -> str:
    return f"; mended in {', '.join(versions)}" if versions else "; not mended yet"
