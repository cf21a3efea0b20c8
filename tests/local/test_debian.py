"""Programs out of Debian's packages: taken where they are, loaded once, never installed."""

from pathlib import Path

import pytest

from safelight_local import debian
from safelight_local.errors import LocalError
from safelight_local.progress import Progress


def programs(monkeypatch: pytest.MonkeyPatch, *there: str) -> None:
    """Let the machine have these programs, none of which works."""
    found = {name: f"/nowhere/{name}" for name in there}
    monkeypatch.setattr("shutil.which", found.get)


def test_the_machines_own_program_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    programs(monkeypatch, "promtool", "apt-get")
    assert debian.ensure_promtool(Progress()) == Path("/nowhere/promtool")


def test_one_that_was_loaded_before_needs_no_apt(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SAFELIGHT_CACHE", str(tmp_path))
    programs(monkeypatch)
    with pytest.raises(LocalError, match=r"install promtool first \(there is no apt-get here\)"):
        debian.ensure_promtool(Progress())
    (tmp_path / "debian" / "promtool").mkdir(parents=True)
    assert debian.ensure_promtool(Progress()) == tmp_path / "debian" / "promtool" / "promtool"


def test_packages_that_were_unpacked_before_need_no_apt(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SAFELIGHT_CACHE", str(tmp_path))
    programs(monkeypatch)
    with pytest.raises(LocalError, match=r"install nginx first \(there is no apt-get here\)"):
        debian.ensure_unpacked("nginx", ("nginx", "libpcre2-8-0"), Progress())
    files = tmp_path / "debian" / "nginx" / "files"
    files.mkdir(parents=True)
    assert debian.ensure_unpacked("nginx", ("nginx", "libpcre2-8-0"), Progress()) == files
