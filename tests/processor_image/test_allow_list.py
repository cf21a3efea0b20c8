"""Hostile bytes meet the one decoder of their format and nothing else: no other parser, no program.

Each run is a process of its own, as a Job is. Python's audit events tell what it does, and what is
imported at its end tells which decoders were in reach; which were called, their own class does.

Pillow reads EXIF blocks with the directory reader of its TIFF plugin, in Python, so that plugin may
be imported where a file has one. It must never be asked for pixels.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_contract.policy import Format
from safelight_contract.recipe import Engine, Recipe
from tests.support import images

OBSERVED = """
import json, os, sys

done = []

def hook(event, arguments):
    if event.partition(".")[0] in {"subprocess", "socket", "urllib", "pty"}:
        done.append(event)
    if event in {"os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.spawn"}:
        done.append(event)
    if event == "open" and isinstance(arguments[1], str) and not arguments[1].startswith("r"):
        done.append(f"writes {os.path.basename(str(arguments[0]))}")

sys.addaudithook(hook)
from safelight_processor.__main__ import run_on_files

from PIL import ImageFile

called = set()

class Watched(ImageFile.ImageFile):
    def __init__(self, *arguments, **options):
        called.update(c.__module__ for c in type(self).__mro__ if c.__module__.endswith("Plugin"))
        original(self, *arguments, **options)

original = ImageFile.ImageFile.__init__
ImageFile.ImageFile.__init__ = Watched.__init__

recipe, folder, *files = sys.argv[1:]
codes = []
for number, file in enumerate(files):
    codes.append(run_on_files(["--recipe", recipe, file, f"{folder}/{number}"]))
plugins = [
    name for name in sys.modules
    if name.startswith("PIL.") and name.endswith("Plugin") or name == "pillow_heif"
]
sys.stderr.write(json.dumps([codes, plugins, sorted(called), done]))
"""

PLUGINS = {
    policy.JPEG: "PIL.JpegImagePlugin",
    policy.PNG: "PIL.PngImagePlugin",
    policy.WEBP: "PIL.WebPImagePlugin",
    policy.AVIF: "PIL.AvifImagePlugin",
    policy.GIF: "PIL.GifImagePlugin",
    policy.HEIF: "pillow_heif",
}
EXIF_READER = "PIL.TiffImagePlugin"
TIFF = b"II*\0\x08\0\0\0\0\0"
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'

every_engine = pytest.mark.parametrize("engine", [Engine.VIPS, Engine.PILLOW])


def observed(
    files: Sequence[Path], folder: Path, recipe: Recipe
) -> tuple[list[int], set[str], set[str], list[str]]:
    """Process files, one after the other in one process.

    Returns:
        The exit codes, the plugins that were imported, those that have opened a file, and all that
        the audit hook has seen.
    """
    ended = subprocess.run(
        [sys.executable, "-c", OBSERVED, recipe.encode(), str(folder), *map(str, files)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    told: list[Any] = json.loads(ended.stderr.splitlines()[-1])
    codes, plugins, called, done = told
    return codes, set(plugins), set(called), done


@every_engine
@pytest.mark.parametrize("image_format", policy.FORMATS, ids=lambda found: found.name)
def test_a_file_meets_the_decoder_of_its_format_alone(
    tmp_path: Path, image_format: Format, engine: Engine
) -> None:
    """The encoders of what is made of it are imported too; each of them can decode as well."""
    file = tmp_path / "file"
    file.write_bytes(images.encoded(images.picture(64, 48), image_format))
    codes, plugins, called, done = observed([file], tmp_path, Recipe(engine=engine))
    assert codes == [ExitCode.DONE]
    allowed = {PLUGINS[image_format], PLUGINS[policy.AVIF]}
    allowed |= {PLUGINS[family] for family in policy.family(image_format)}
    assert plugins <= allowed
    assert called <= {PLUGINS[image_format]}
    assert set(done) <= {f"writes {path.name}" for path in (tmp_path / "0").iterdir()}


@pytest.mark.parametrize("image_format", policy.FORMATS, ids=lambda found: found.name)
@pytest.mark.parametrize("hidden", [TIFF, POSTSCRIPT, SVG], ids=["TIFF", "EPS", "SVG"])
def test_another_format_behind_the_magic_bytes_is_damage(
    tmp_path: Path, image_format: Format, hidden: bytes
) -> None:
    """The start is that of an accepted format, the rest is for a parser that is not there."""
    start = images.encoded(images.picture(640, 480), image_format)[: policy.SNIFF_BYTES]
    file = tmp_path / "file"
    file.write_bytes(start + hidden)
    codes, plugins, called, done = observed([file], tmp_path, Recipe())
    assert codes[0] in {ExitCode.CORRUPT_IMAGE, ExitCode.IMAGE_TOO_LARGE}
    assert plugins | called <= {PLUGINS[image_format]}
    assert done == []


@pytest.mark.parametrize(
    "content",
    [TIFF, POSTSCRIPT, SVG, b"8BPS\0\1", b"BM", b"%PDF-1.7", b"\0\0\1\0", b"#!/bin/sh\nid\n", b""],
)
def test_what_is_not_accepted_meets_no_decoder(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "image.jpg"
    file.write_bytes(content)
    codes, plugins, called, done = observed([file], tmp_path, Recipe())
    assert codes == [ExitCode.UNSUPPORTED_FORMAT]
    assert (plugins, called, done) == (set(), set(), [])


@every_engine
def test_the_whole_corpus_starts_nothing(
    tmp_path: Path, corpus: list[dict[str, str]], engine: Engine
) -> None:
    """No other decoder is ever imported, no program started, no connection opened, no file left."""
    files = [Path(row["path"]) for row in corpus]
    codes, plugins, called, done = observed(files, tmp_path, Recipe(engine=engine, variants=()))
    assert len(codes) == len(files)
    assert plugins <= {*PLUGINS.values(), EXIF_READER}
    assert called <= set(PLUGINS.values())
    names = {f"image.{written.extension}" for written in policy.OUTPUTS} | {"manifest.json"}
    assert set(done) <= {f"writes {name}" for name in names}
