"""The specification's two client examples, to the letter, as node and React run them."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import JAVASCRIPT, NODE
from tests.support import photos


def run(script: str, installation: Mapping[str, str], photo: Path) -> dict[str, Any]:
    """Run one of the examples against the installation and return what it printed."""
    done = subprocess.run(
        [NODE, script, photo],
        cwd=JAVASCRIPT,
        env={
            "SAFELIGHT_URL": installation["SAFELIGHT_URL"],
            "SAFELIGHT_TOKEN": installation["SAFELIGHT_TOKEN"],
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo in a file, as a person chooses it."""
    path = tmp_path / "example.jpg"
    path.write_bytes(photos.photo(1600, 1200))
    return path


def check_calls(calls: list[dict[str, Any]], upload_id: str) -> None:
    """One POST, then polls that say nothing but 200."""
    assert calls[0] == {"method": "POST", "path": "/api/image-upload", "status": 201}
    assert len(calls) > 1
    for call in calls[1:]:
        status_path = f"/api/image-upload/{upload_id}/status"
        assert call == {"method": "GET", "path": status_path, "status": 200}


def test_javascript_example(installation: Mapping[str, str], photo: Path) -> None:
    """The example returns the image and two addresses."""
    printed = run("run_upload_and_poll.mjs", installation, photo)

    returned = printed["returned"]
    image = returned["availableImage"]
    assert returned["imageUrl"] == f"/api/available-image/{image['id']}/view"
    assert returned["downloadUrl"] == f"/api/available-image/{image['id']}/download"
    assert list(image)[:5] == ["id", "path", "comment", "created_at", "updated_at"]
    assert image["url"] == returned["imageUrl"]
    assert all(variant["url"].startswith(f"{image['url']}?") for variant in image["variants"])
    check_calls(printed["calls"], image["id"])


def test_javascript_example_ends_with_an_error_for_a_bad_image(
    installation: Mapping[str, str], photo: Path
) -> None:
    """The fourth status stops the example's loop, as every value but `processing` does."""
    photo.write_bytes(photo.read_bytes()[:-20_000])

    printed = run("run_upload_and_poll.mjs", installation, photo)

    assert printed["threw"] == "Image processing failed: failed", printed


@pytest.mark.usefixtures("node_modules")
def test_react_hook(installation: Mapping[str, str], photo: Path) -> None:
    """The component shows the success and the image's address."""
    printed = run("run_react_hook.mjs", installation, photo)

    assert printed["text"] == "Image processed successfully!"
    upload_id = printed["image"].split("/")[3]
    assert printed["image"] == f"/api/available-image/{upload_id}/view"
    check_calls(printed["calls"], upload_id)
