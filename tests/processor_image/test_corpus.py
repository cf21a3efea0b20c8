"""Every file of the corpus, as its README says: what is good ends well, what is bad is refused."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from safelight_contract import policy
from safelight_contract.job import ExitCode, Manifest
from safelight_contract.recipe import Engine, Recipe
from safelight_processor.__main__ import run_on_files
from tests.processor_image.helpers import mean_difference
from tests.support import file_parts, images

REFUSALS = {
    ExitCode.UNSUPPORTED_FORMAT,
    ExitCode.CORRUPT_IMAGE,
    ExitCode.IMAGE_TOO_LARGE,
}
GROUPS = ("hopper-orient-jpg", "libvips-rotation", "avif-rotmir")
"""One picture in several orientations; those in formats that are not accepted are left out."""
DECODED_SINCE = {"HEIF"}
"""Formats of which the corpus says that nobody decodes them; somebody does now."""

Row = dict[str, str]

every_engine = pytest.mark.parametrize("engine", [Engine.VIPS, Engine.PILLOW])


def run(
    row: Row,
    target: Path,
    engine: Engine,
    capsys: pytest.CaptureFixture[str],
) -> tuple[int, str, str]:
    recipe = Recipe(engine=engine, variants=())
    code = run_on_files(["--recipe", recipe.encode(), row["path"], str(target)])
    printed, error = capsys.readouterr()
    return code, printed, error


def without_measures(printed: str) -> Manifest | None:
    """Return the manifest without times and memory, which differ from run to run."""
    if not printed:
        return None
    manifest = Manifest.decode(printed.encode())
    assert manifest.facts is not None
    facts = replace(manifest.facts, milliseconds={}, cpu_milliseconds=0, peak_memory_bytes=0)
    return replace(manifest, facts=facts)


@every_engine
def test_file_of_the_corpus(
    corpus_row: Row,
    engine: Engine,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = corpus_row
    code, printed, error = run(row, tmp_path / "first", engine, capsys)
    is_accepted = row["format"] in {accepted.name for accepted in policy.FORMATS}
    expected = row["expected"] if is_accepted else "must-fail-cleanly"
    match "either" if row["format"] in DECODED_SINCE else expected:
        case "ok":
            assert code == ExitCode.DONE, error
        case "must-fail-cleanly":
            assert code in REFUSALS
        case _:
            assert code in REFUSALS | {ExitCode.DONE}
    if code != ExitCode.DONE:
        assert not (tmp_path / "first").exists()
        assert error.startswith(f"{row['path']}: ")
        assert error.count("\n") == 1
        assert "Traceback" not in error
    else:
        check_result(row, Manifest.decode(printed.encode()), tmp_path / "first")
    again, printed_again, _ = run(row, tmp_path / "second", engine, capsys)
    assert again == code
    assert without_measures(printed_again) == without_measures(printed)


def check_result(row: Row, manifest: Manifest, folder: Path) -> None:
    """Check the size, the parts, and that the file opens with the right side up."""
    image_format = policy.format_of(manifest.media_type)
    data = (folder / f"image.{image_format.extension}").read_bytes()
    assert len(data) == manifest.size
    # Of others the decoders that made the corpus had different views.
    if row["fit_3840x2160"] and row["expected"] == "ok":
        expected = [int(side) for side in row["fit_3840x2160"].split("x")]
        found = (manifest.width, manifest.height)
        assert all(abs(a - b) <= 1 for a, b in zip(found, expected, strict=True))
    if image_format.name in file_parts.ALLOWED:
        assert set(file_parts.of(data, image_format)) <= file_parts.ALLOWED[image_format.name]
    picture = Image.open(io.BytesIO(data), formats=[image_format.name])
    picture.load()
    assert picture.size == (manifest.width, manifest.height)
    assert picture.mode in {"1", "L", "LA", "P", "RGB", "RGBA"}
    assert picture.getexif().get(images.ORIENTATION, 1) == 1


@every_engine
@pytest.mark.parametrize("group", GROUPS)
def test_all_orientations_of_a_picture_look_alike(
    group: str,
    engine: Engine,
    corpus: list[Row],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Mean difference of thumbnails: the originals differ by 3.5 themselves, wrong is 23 and up."""
    rows = [row for row in corpus if f"group {group}" in row["special"]]
    assert len(rows) >= 7
    thumbnails = []
    for number, row in enumerate(rows):
        code, printed, _ = run(row, tmp_path / str(number), engine, capsys)
        assert code == ExitCode.DONE
        media_type = json.loads(printed)["media_type"]
        file = tmp_path / str(number) / f"image.{policy.format_of(media_type).extension}"
        with Image.open(file) as picture:
            thumbnails.append(picture.convert("RGB").resize((64, 64)))
    assert max(mean_difference(thumbnails[0], other) for other in thumbnails[1:]) <= 5
