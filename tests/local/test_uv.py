"""What the repository bootstraps itself with is taken by hash, and nothing else is."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from safelight_local import paths

PINS = (paths.LOCAL / "uv.txt").read_text()
DIGEST = "sha256:" + "0123456789abcdef" * 4


def test_the_pinned_version_is_one_that_the_workspace_accepts() -> None:
    settings = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["tool"]["uv"]
    (version,) = re.findall(r"^uv==([0-9.]+) ", PINS, re.MULTILINE)
    major, minor, _ = version.split(".")
    assert settings["required-version"] == f">={major}.{minor},<{major}.{int(minor) + 1}"


def test_another_file_than_the_pinned_ones_is_refused(tmp_path: Path) -> None:
    """Whatever an index offers under the pinned name and version."""
    (version,) = re.findall(r"^uv==([0-9.]+) ", PINS, re.MULTILINE)
    wheel = tmp_path / f"uv-{version}-py3-none-any.whl"
    wheel.write_bytes(b"something else")
    (tmp_path / "bin").mkdir()
    for name in ("python3", "dirname", "sed", "mkdir", "rm", "mv", "id"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    ended = subprocess.run(
        ["/bin/sh", str(paths.LOCAL / "uv"), "--version"],
        env={
            "PATH": str(tmp_path / "bin"),
            "SAFELIGHT_CACHE": str(tmp_path / "cache"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "DO NOT MATCH THE HASHES" in ended.stderr
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("unit", ["api", "operator", "processor_image"])
def test_an_image_is_built_from_pinned_things(unit: str) -> None:
    """The check of the base image is the Dockerfile's own command, run as the build runs it."""
    dockerfile = (paths.ROOT / unit / "Dockerfile").read_text()
    assert "--require-hashes --requirement=/tmp/uv.txt" in dockerfile
    (check,) = re.findall(r"^RUN (if .*REQUIRE_DIGEST.*)$", dockerfile, re.MULTILINE)

    def passes(base: str, require: str) -> bool:
        variables = {"PATH": os.environ["PATH"], "BASE_IMAGE": base, "REQUIRE_DIGEST": require}
        ended = subprocess.run(
            ["/bin/sh", "-c", check], env=variables, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0 or "name it by digest" in ended.stderr
        return ended.returncode == 0

    assert passes("docker.io/library/python:3.11-slim-bookworm", "0")
    assert not passes("docker.io/library/python:3.11-slim-bookworm", "1")
    assert not passes("docker.io/library/python@sha256:0123", "1")
    assert passes(f"docker.io/library/python@{DIGEST}", "1")
    assert passes(f"docker.io/library/python:3.11@{DIGEST}", "1")
