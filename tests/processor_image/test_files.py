"""File mode: the Job's pipeline for people and benchmarks."""

import hashlib
import json
from pathlib import Path

import pytest

from safelight_contract import policy
from safelight_contract.job import ExitCode, Manifest
from safelight_contract.policy import Format
from safelight_contract.recipe import Recipe
from safelight_processor.__main__ import run_on_files
from tests.processor_image.helpers import BARE
from tests.support import images

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("image_format", policy.FORMATS, ids=lambda f: f.name)
def test_result_and_manifest_are_written(
    image_format: Format,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    source, target = tmp_path / "Été.bin", tmp_path / "new" / "folder"
    source.write_bytes(images.photo(4000, 100, image_format))
    assert run_on_files(["--recipe", BARE.encode(), str(source), str(target)]) == ExitCode.DONE
    written = policy.family(image_format)[0]
    image = target / f"image.{written.extension}"
    assert {file.name for file in target.iterdir()} == {image.name, "manifest.json"}
    printed, logged = capsys.readouterr()
    assert printed == (target / "manifest.json").read_text()
    manifest = Manifest.decode(printed.encode())
    assert manifest.file_name == "Été.bin"
    assert manifest.source_sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert manifest.sha256 == hashlib.sha256(image.read_bytes()).hexdigest()
    assert manifest.size == image.stat().st_size
    assert (manifest.width, manifest.height) == (3840, 96)
    assert manifest.media_type == written.media_type
    assert manifest.facts is not None
    assert manifest.facts.original_media_type == image_format.media_type
    assert manifest.facts.peak_memory_bytes > 10_000_000
    fetched, processed = (json.loads(line) for line in logged.splitlines())
    assert fetched["cpu_ms_before_first_byte"] > 0
    assert set(processed["ms"]) == {"fetch", "import", "decode", "encode", "store"}


def refusal(source: Path, target: Path, capsys: Capture) -> tuple[int, str]:
    """Run it; return the exit code and the one line that it printed."""
    code = run_on_files([str(source), str(target)])
    printed, error = capsys.readouterr()
    assert printed == ""
    assert error.count("\n") == 1
    return code, error


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", ExitCode.UNSUPPORTED_FORMAT, "no accepted format"),
        (b"GIF88a and more", ExitCode.UNSUPPORTED_FORMAT, "no accepted format"),
        (b"%!PS-Adobe-3.0 EPSF", ExitCode.UNSUPPORTED_FORMAT, "no accepted format"),
        (images.photo(50, 50)[:500], ExitCode.CORRUPT_IMAGE, "the decoder refused it"),
        (images.png_of_size(65536, 65536), ExitCode.IMAGE_TOO_LARGE, "65536x65536 pixels"),
        (b"\xff\xd8\xff" + bytes(policy.MAX_UPLOAD_BYTES), ExitCode.IMAGE_TOO_LARGE, "bytes"),
    ],
    ids=["empty", "no GIF", "EPS", "truncated", "bomb", "long"],
)
def test_refusal_is_one_line_and_leaves_nothing(
    data: bytes,
    code: ExitCode,
    words: str,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    source, target = tmp_path / "source.jpg", tmp_path / "target"
    source.write_bytes(data)
    ended, line = refusal(source, target, capsys)
    assert ended == code
    assert words in line
    assert not target.exists()


def test_missing_file(tmp_path: Path, capsys: Capture) -> None:
    code, line = refusal(tmp_path / "absent.jpg", tmp_path / "target", capsys)
    assert code == ExitCode.SOURCE_MISSING
    assert "absent.jpg: No such file or directory" in line


def test_folder_that_cannot_be_written_to(tmp_path: Path, capsys: Capture) -> None:
    source, target = tmp_path / "source.jpg", tmp_path / "target"
    source.write_bytes(images.photo(20, 20))
    target.write_text("a file is in the way")
    code, line = refusal(source, target, capsys)
    assert code == ExitCode.STORAGE_UNAVAILABLE
    assert "File exists" in line


@pytest.mark.parametrize("arguments", [["one"], ["one", "two", "three"], ["--help", "x"]], ids=str)
def test_wrong_usage_says_the_right_one(arguments: list[str], capsys: Capture) -> None:
    assert run_on_files(arguments) == 2
    assert capsys.readouterr().err.startswith("usage: safelight-process [--recipe JSON] IN OUT_DIR")


def test_a_malformed_recipe_is_named(capsys: Capture) -> None:
    assert run_on_files(["--recipe", '{"quality": 200}', "one", "two"]) == 2
    assert capsys.readouterr().err == "recipe.quality must be a whole number from 40 to 95\n"


def test_a_format_that_the_recipe_does_not_accept_is_refused(
    tmp_path: Path, capsys: Capture
) -> None:
    source = tmp_path / "photo.png"
    source.write_bytes(images.photo(20, 20, policy.PNG))
    recipe = Recipe(accepted=("jpeg",)).encode()
    code = run_on_files(["--recipe", recipe, str(source), str(tmp_path / "target")])
    assert code == ExitCode.UNSUPPORTED_FORMAT
    assert "no accepted format" in capsys.readouterr().err
