"""Whatever a decoder raises, wherever it does: the Job ends with a code of the closed list.

The program is run as on files, down to its exit code; only the decoder's own call is made to fail.
"""

import itertools
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pillow_heif
import pytest
from PIL import Image, UnidentifiedImageError
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_contract.policy import Format
from safelight_contract.recipe import Engine, Recipe
from safelight_processor.__main__ import run_on_files
from safelight_processor.engines import libvips
from tests.support import images

RAISED: list[tuple[BaseException, ExitCode]] = [
    (OSError("broken data stream"), ExitCode.CORRUPT_IMAGE),
    (SyntaxError("not a PNG file"), ExitCode.CORRUPT_IMAGE),
    (ValueError("buffer is not large enough"), ExitCode.CORRUPT_IMAGE),
    (TypeError("an integer is required"), ExitCode.CORRUPT_IMAGE),
    (EOFError("no more images"), ExitCode.CORRUPT_IMAGE),
    (RuntimeError("decoder failed"), ExitCode.CORRUPT_IMAGE),
    (NotImplementedError("unknown mode"), ExitCode.CORRUPT_IMAGE),
    (KeyError("mode"), ExitCode.CORRUPT_IMAGE),
    (IndexError("list index out of range"), ExitCode.CORRUPT_IMAGE),
    (AttributeError("no attribute"), ExitCode.CORRUPT_IMAGE),
    (OverflowError("too large to convert"), ExitCode.CORRUPT_IMAGE),
    (ZeroDivisionError("division by zero"), ExitCode.CORRUPT_IMAGE),
    (AssertionError("no palette"), ExitCode.CORRUPT_IMAGE),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), ExitCode.CORRUPT_IMAGE),
    (RecursionError("maximum recursion depth exceeded"), ExitCode.CORRUPT_IMAGE),
    (struct.error("unpack requires a buffer of 4 bytes"), ExitCode.CORRUPT_IMAGE),
    (zlib.error("incorrect data check"), ExitCode.CORRUPT_IMAGE),
    (UnidentifiedImageError("cannot identify image file"), ExitCode.CORRUPT_IMAGE),
    (Image.DecompressionBombError("could be a bomb"), ExitCode.IMAGE_TOO_LARGE),
    (Image.DecompressionBombWarning("could be a bomb"), ExitCode.IMAGE_TOO_LARGE),
    (MemoryError(), ExitCode.OUT_OF_MEMORY),
]
"""All that Pillow's decoders were seen to raise, or may."""
CLASSES: dict[Format, type[ImageFile]] = {
    policy.JPEG: JpegImageFile,
    policy.PNG: PngImageFile,
    policy.WEBP: WebPImageFile,
    policy.AVIF: AvifImageFile,
    policy.GIF: GifImageFile,
}

every_error = pytest.mark.parametrize(
    "raised", RAISED, ids=[repr(type(error)).split("'")[1] for error, _ in RAISED]
)


def raising(error: BaseException) -> Callable[..., NoReturn]:
    """Return what raises it, however it is called."""

    def fail(*_arguments: Any, **_options: Any) -> NoReturn:  # noqa: ANN401 - as it is called
        raise error

    return fail


def ends(data: bytes, folder: Path, engine: Engine = Engine.PILLOW) -> int:
    """Return the exit code for a file."""
    file = folder / "file"
    file.write_bytes(data)
    recipe = Recipe(engine=engine, variants=())
    return run_on_files(["--recipe", recipe.encode(), str(file), str(folder / "out")])


@every_error
@pytest.mark.parametrize("call", ["_open", "load"])
@pytest.mark.parametrize("image_format", CLASSES, ids=lambda found: found.name)
def test_what_a_plugin_raises(
    image_format: Format,
    call: str,
    raised: tuple[BaseException, ExitCode],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = images.encoded(images.picture(32, 24), image_format)
    monkeypatch.setattr(CLASSES[image_format], call, raising(raised[0]))
    assert ends(data, tmp_path) == raised[1]
    assert not (tmp_path / "out").exists()


@every_error
@pytest.mark.parametrize(
    ("image_format", "call"),
    [(policy.GIF, "_open"), (policy.PNG, "_open"), (policy.WEBP, "seek")],
    ids=["GIF", "PNG", "WEBP"],
)
def test_what_a_plugin_raises_at_a_later_picture(
    image_format: Format,
    call: str,
    raised: tuple[BaseException, ExitCode],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first picture of an animation is good, the second is not."""
    pictures = [Image.new("RGB", (32, 24), (shade, 0, 0)) for shade in (10, 90, 200)]
    data = images.encoded(
        pictures[0], image_format, save_all=True, append_images=pictures[1:], duration=50
    )
    plugin, calls = CLASSES[image_format], itertools.count()
    fail, real = raising(raised[0]), getattr(plugin, call)
    monkeypatch.setattr(plugin, call, lambda *rest: fail() if next(calls) else real(*rest))
    assert ends(data, tmp_path) == raised[1]
    assert next(calls) > 1


@every_error
def test_what_libheif_raises(
    raised: tuple[BaseException, ExitCode], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = images.encoded(images.picture(32, 24), policy.HEIF)
    monkeypatch.setattr(pillow_heif, "open_heif", raising(raised[0]))
    assert ends(data, tmp_path) == raised[1]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("VipsJpeg: premature end of JPEG image", ExitCode.CORRUPT_IMAGE),
        ("pngload_buffer: libspng read error", ExitCode.CORRUPT_IMAGE),
        ("webp2vips: unable to read pixels", ExitCode.CORRUPT_IMAGE),
        ("vips_tracked: out of memory --- size == 47MB", ExitCode.OUT_OF_MEMORY),
        ("VipsJpeg: Insufficient memory (case 4)", ExitCode.OUT_OF_MEMORY),
    ],
)
def test_what_libvips_raises(
    message: str, code: ExitCode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = libvips.library().Error("unable to call", message)
    error.detail = message
    monkeypatch.setattr(libvips, "load", raising(error))
    data = images.encoded(images.picture(32, 24), policy.PNG)
    assert ends(data, tmp_path, Engine.VIPS) == code
