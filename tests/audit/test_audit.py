"""The pure parts, on answers as the registries' own clients printed them."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from safelight_local import paths
from tests.audit import asking, findings, pins
from tests.audit.__main__ import lines
from tests.audit.findings import Exit, Finding, NotAnsweredError, Package, Report

DATA = Path(__file__).parent / "data"
OURS = "a" * 64
PACKAGE = Package("starlette", "0.40.0", "https://index.example/simple", frozenset({OURS}))
FINDING = Finding("starlette 0.40.0", "GHSA-1")


def advisory(**changed: object) -> dict[str, object]:
    return {
        "id": "PYSEC-2026-249",
        "aliases": ["CVE-2026-54283"],
        "fixed_in": ["1.3.1"],
        "withdrawn": None,
    } | changed


@pytest.mark.parametrize(
    ("advisories", "found"),
    [
        ([], []),
        ([advisory()], ["PYSEC-2026-249, CVE-2026-54283; mended in 1.3.1"]),
        ([advisory(aliases=[], fixed_in=[])], ["PYSEC-2026-249; not mended yet"]),
        ([advisory(withdrawn="2026-11-01T00:00:00Z")], []),
    ],
)
def test_advisories_of_a_release(advisories: list[object], found: list[str]) -> None:
    answer = {"info": {}, "urls": [], "vulnerabilities": advisories}
    assert [finding.what for finding in findings.of_release(PACKAGE, answer)] == found


def file(sha256: str = OURS, *, yanked: bool | str = False) -> dict[str, Any]:
    return {"filename": "x.whl", "hashes": {"sha256": sha256}, "yanked": yanked}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ([file()], []),
        ([file(), file("b" * 64, yanked="of another version")], []),
        ([file(yanked="breaks pickles")], ["yanked: breaks pickles"]),
        ([file(yanked=True)], ["yanked: no reason given"]),
        ([file("b" * 64)], ["its files are gone from the index"]),
        ([], ["its files are gone from the index"]),
    ],
)
def test_what_an_index_lists(files: list[object], found: list[str]) -> None:
    assert [finding.what for finding in findings.of_index(PACKAGE, {"files": files})] == found


def test_advisories_of_npm_packages() -> None:
    (found,) = findings.of_npm((DATA / "npm-audit.json").read_text())
    assert str(found) == (
        "esbuild <=0.99.0: A made-up fault of esbuild"
        " (https://github.com/advisories/GHSA-67mh-4wv8-2f99)"
    )


def test_advisories_of_go_modules() -> None:
    (found,) = findings.of_govulncheck((DATA / "govulncheck.json").read_text())
    assert str(found) == "github.com/spf13/cobra v1.10.2: GO-2026-0001; mended in v1.99.0"


def test_no_answer_is_not_the_answer_that_nothing_is_known() -> None:
    refused = (DATA / "npm-refused.json").read_text()
    with pytest.raises(NotAnsweredError, match="405 Method Not Allowed"):
        list(findings.of_npm(refused))
    with pytest.raises(NotAnsweredError):
        list(findings.of_npm(""))
    with pytest.raises(NotAnsweredError, match="cut off"):
        list(findings.of_govulncheck((DATA / "govulncheck.json").read_text()[:-10]))
    with pytest.raises(NotAnsweredError, match="no advisories"):
        list(findings.of_release(PACKAGE, {"info": {}, "urls": []}))
    with pytest.raises(NotAnsweredError, match="SHA-256"):
        list(findings.of_index(PACKAGE, {"files": [{"filename": "x.whl", "hashes": {}}]}))


@pytest.mark.parametrize(
    ("reports", "code"),
    [
        ([Report("a", 1), Report("b", 2)], Exit.CLEAN),
        ([Report("a", 1), Report("b", 2, [FINDING])], Exit.FOUND),
        ([Report("a", 1), Report("b", 0, unanswered="refused")], Exit.NOT_ASKED),
        ([Report("a", 1, [FINDING], "refused"), Report("b", 0)], Exit.FOUND),
    ],
)
def test_how_it_ends(reports: list[Report], code: Exit) -> None:
    assert findings.exit_code(reports) == code


def test_what_is_printed() -> None:
    assert list(lines(Report("a", 2))) == ["nothing known       a (2 asked)"]
    assert list(lines(Report("b", 1, [FINDING], "405"))) == [
        "COULD NOT BE ASKED  b: 405",
        "  starlette 0.40.0: GHSA-1",
    ]


def test_an_index_without_advisories_is_asked_once() -> None:
    """As many mirrors are: they answer 404 to every question about a version."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(404)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        report = asking.advisories(http, [PACKAGE, PACKAGE])
    assert asked == ["https://index.example/pypi/starlette/0.40.0/json"]
    assert report.unanswered == "about starlette 0.40.0: 404 from index.example"
    assert findings.exit_code([report]) == Exit.NOT_ASKED


def test_what_is_pinned_is_what_is_asked_about() -> None:
    packages = {package.name: package for package in asking.python_packages()}
    assert {"starlette", "kopf", "pillow", "pytest", "uv"} <= packages.keys()
    assert not any(name.startswith("safelight") for name in packages)
    assert all(package.sha256 for package in packages.values())
    uv = (paths.LOCAL / "uv.txt").read_text()
    assert all(f"--hash=sha256:{one}" in uv for one in packages["uv"].sha256)
    assert len(packages["uv"].sha256) == uv.count("--hash=")


def test_a_mirror_is_asked_in_place_of_the_index() -> None:
    mirror = pins.mirror({"UV_DEFAULT_INDEX": "https://mirror.example/simple/"})
    lock = (paths.ROOT / "uv.lock").read_text()
    first = next(pins.of_lock(lock, mirror))
    assert pins.simple_api(first) == f"https://mirror.example/simple/{first.name}/"
    assert pins.json_api(first).startswith("https://mirror.example/pypi/")
    assert pins.mirror({}) is None


def test_lock_files_are_found_wherever_they_are() -> None:
    tracked = ["a/go.mod", "a/b/package-lock.json", "go.mod", "a/go.mod.txt"]
    assert pins.folders(tracked, "go.mod") == [Path(), Path("a")]
    assert pins.folders(tracked, "package-lock.json") == [Path("a/b")]
