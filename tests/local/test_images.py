import re
import shutil
from pathlib import Path

import pytest

from safelight_local import images, paths

DOCKERFILES = {image.name: paths.ROOT / image.folder / "Dockerfile" for image in images.OURS}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the images are built from."""
    for name in ("api", "operator", "processor_image", "contract", "adapters"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(paths.ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("pyproject.toml", "uv.lock", ".dockerignore"):
        shutil.copy(paths.ROOT / name, tmp_path / name)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    return tmp_path


def _tags() -> dict[str, str]:
    return {image.name: images.tag(image) for image in images.OURS}


@pytest.mark.parametrize(
    ("changed", "rebuilt"),
    [
        ("api/src/safelight_api/__main__.py", {"api"}),
        ("operator/Dockerfile", {"operator"}),
        ("processor_image/pyproject.toml", {"processor"}),
        ("contract/src/safelight_contract/policy.py", {"api", "operator", "processor"}),
        ("adapters/src/safelight_adapters/server.py", {"api", "operator"}),
        ("uv.lock", {"api", "operator", "processor"}),
        ("README.md", set()),
        ("api/src/safelight_api/__pycache__/x.pyc", set()),
    ],
)
def test_a_change_rebuilds_the_images_that_have_it(
    checkout: Path,
    changed: str,
    rebuilt: set[str],
) -> None:
    before = _tags()
    file = checkout / changed
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as appended:
        appended.write("\n")
    after = _tags()
    assert {name for name in before if before[name] != after[name]} == rebuilt


@pytest.mark.parametrize("image", images.OURS, ids=lambda image: image.name)
def test_the_key_covers_all_that_a_dockerfile_copies(image: images.Image) -> None:
    text = DOCKERFILES[image.name].read_text()
    copied = {
        source if source == "local/uv.txt" else source.split("/")[0]
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == {
        "pyproject.toml",
        "uv.lock",
        "local/uv.txt",
        "contract",
        *image.shared,
        image.folder,
    }


@pytest.mark.parametrize("image", images.OURS, ids=lambda image: image.name)
def test_an_image_is_its_environment_and_an_unprivileged_user(image: images.Image) -> None:
    stages = DOCKERFILES[image.name].read_text().split("\nFROM ")
    assert len(stages) == 3
    final = stages[-1]
    assert "COPY --from=build /app/.venv /app/.venv" in final
    assert final.count("COPY") == 1
    assert "\nRUN" not in final
    assert "USER 65532:65532" in final
    assert "ssl" not in final.lower()
