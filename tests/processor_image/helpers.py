"""Short ways to run the pipeline in a test."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from safelight_contract.policy import Format
from safelight_contract.recipe import Recipe
from safelight_processor.encoded import EncodedImage
from safelight_processor.log import Log
from safelight_processor.transform import Result, transform
from tests.support import images

BARE = Recipe(variants=())
"""The image alone."""


def made(data: bytes, image_format: Format, recipe: Recipe = BARE) -> Result:
    """Run the whole of the picture's way."""
    return transform(data, image_format, recipe, Log(io.StringIO()))


def transformed(
    data: bytes, image_format: Format, recipe: Recipe = BARE
) -> tuple[EncodedImage, Image.Image]:
    """Run the whole of the picture's way; return the image and its decoded pixels."""
    image = made(data, image_format, recipe).image
    picture = Image.open(io.BytesIO(image.data), formats=[image.format.name])
    picture.load()
    assert picture.size == (image.width, image.height)
    return image, picture


def mean_difference(one: Image.Image, other: Image.Image) -> float:
    """Return by how much two pictures differ, 0 to 255: the mean over all pixels and channels."""
    assert (one.mode, one.size) == (other.mode, other.size)
    pairs = zip(one.tobytes(), other.tobytes(), strict=True)
    return sum(abs(a - b) for a, b in pairs) / len(one.tobytes())


def worst_difference(one: Image.Image, other: Image.Image) -> int:
    """Return by how much two pictures differ at most, in any channel of any pixel."""
    assert (one.mode, one.size) == (other.mode, other.size)
    return max(abs(a - b) for a, b in zip(one.tobytes(), other.tobytes(), strict=True))


@contextmanager
def memory_growth() -> Iterator[list[float]]:
    """Measure by how many MiB the body's peak exceeds the memory in use before it."""
    measured: list[float] = []
    # The kernel then counts the peak anew.
    Path("/proc/self/clear_refs").write_text("5")
    before = _memory_mib("VmRSS")
    yield measured
    measured.append(_memory_mib("VmHWM") - before)


def _memory_mib(field: str) -> float:
    found = re.search(rf"{field}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def pixel(image: Image.Image, x: int = 0, y: int = 0) -> tuple[int, ...]:
    """Return the channels of one pixel, also if there is only one."""
    return tuple(image.crop((x, y, x + 1, y + 1)).tobytes())


def is_near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Say whether two pixels differ by no more than rounding may, twice over."""
    return len(one) == len(other) and all(abs(a - b) <= 2 for a, b in zip(one, other, strict=True))


def lossless(image: Image.Image, image_format: Format, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's options are of any type
    """Return a file that keeps every pixel, if the format can, else a very good one."""
    best: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 98, "subsampling": 0},
        "PNG": {},
        "WEBP": {"lossless": True, "exact": True},
        "AVIF": {"quality": 98, "subsampling": "4:4:4"},
        "GIF": {},
        "HEIF": {"quality": 98, "chroma": 444},
    }
    return images.encoded(image, image_format, **best[image_format.name], **options)
