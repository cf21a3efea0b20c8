"""The largest pictures that are accepted fit into the container's memory, whatever decodes them."""

import io
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from PIL import Image

from safelight_contract import policy
from safelight_contract.policy import Format
from safelight_contract.recipe import Engine, Recipe
from safelight_processor.engines import libvips
from safelight_processor.headers import read_header
from tests.support import images

LIMIT_MIB = 768 * 0.9
"""The container's limit, less a tenth."""
PHOTO_LIMIT_MIB = 160
"""What a photo of the most pixels may take where libvips decodes it row by row; variants in AVIF
add what their encoder needs."""
PHOTO_AND_VARIANTS_LIMIT_MIB = 200
SIZE = (8660, 5772)
NOISE = 24


def encoded(image_format: Format, mode: str = "RGB", **options: Any) -> bytes:  # noqa: ANN401 - Pillow's options are of any type
    return images.encoded(images.picture(*SIZE, mode), image_format, **options)


def photo() -> bytes:
    """Return a file that is about as large as is accepted, as a camera's is by its noise."""
    grain = Image.effect_noise(SIZE, NOISE).convert("RGB")
    noisy = Image.blend(images.picture(*SIZE), grain, 0.5)
    return images.encoded(noisy, policy.JPEG, quality=85)


def interlaced_png() -> bytes:
    """Return what Pillow does not write: all pixels have to be held at once, with 16 bits each."""
    raw = images.picture(*SIZE, "RGBA").tobytes()
    image = libvips.from_memory(raw, SIZE, 4).cast("ushort", shift=True)
    image = image.copy(interpretation="rgb16")
    return bytes(image.pngsave_buffer(interlace=True, compression=3, bitdepth=16))


def heic() -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(images.picture(*SIZE)).save(buffer, quality=40)
    return buffer.getvalue()


progressive = partial(encoded, policy.JPEG, quality=85, progressive=True)
webp = partial(encoded, policy.WEBP, "RGBA", method=0)
LARGEST: dict[str, Callable[[], bytes]] = {
    "JPEG": photo,
    "JPEG progressive 4:4:4": partial(progressive, subsampling="4:4:4"),
    "JPEG progressive CMYK": partial(progressive, "CMYK"),
    "PNG RGBA": partial(encoded, policy.PNG, "RGBA", compress_level=1),
    "PNG RGBA interlaced, 16 bit": interlaced_png,
    "WebP RGBA": partial(webp, quality=10, alpha_quality=10),
    "WebP RGBA lossless": partial(webp, lossless=True, quality=0),
    "AVIF RGBA": partial(encoded, policy.AVIF, "RGBA", quality=50, speed=10),
    "GIF": lambda: images.encoded(images.picture(*SIZE).quantize(200), policy.GIF),
    "HEIC": heic,
}


@cache
def largest(name: str) -> bytes:
    return LARGEST[name]()


def peak_mib(data: bytes, recipe: Recipe, folder: Path) -> float:
    """Return the peak memory of a process that makes all images of an original."""
    source = folder / "original"
    source.write_bytes(data)
    program = (
        "import sys\n"
        "from safelight_processor.__main__ import run_on_files\n"
        "code = run_on_files(sys.argv[1:])\n"
        "print(open('/proc/self/status').read())\n"
        "sys.exit(code)\n"
    )
    arguments = ["--recipe", recipe.encode(), str(source), str(folder / "target")]
    ended = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    # Not getrusage: a child's figure there starts from its parent's.
    peak = re.search(rb"VmHWM:\s*(\d+) kB", ended.stdout)
    assert peak is not None
    return int(peak[1]) / 1024


@pytest.mark.parametrize("engine", [Engine.VIPS, Engine.PILLOW])
@pytest.mark.parametrize("name", LARGEST)
def test_largest_picture_fits(name: str, engine: Engine, tmp_path: Path) -> None:
    data = largest(name)
    image_format = policy.sniff(data[: policy.SNIFF_BYTES])
    assert image_format is not None
    assert len(data) <= policy.MAX_UPLOAD_BYTES
    assert read_header(data, image_format).pixels > policy.MAX_PIXELS * 0.999
    assert peak_mib(data, Recipe(engine=engine), tmp_path) < LIMIT_MIB


def test_photo_streams(tmp_path: Path) -> None:
    data = largest("JPEG")
    alone = Recipe(engine=Engine.VIPS, variants=())
    assert peak_mib(data, alone, tmp_path) < PHOTO_LIMIT_MIB
    assert peak_mib(data, Recipe(engine=Engine.VIPS), tmp_path) < PHOTO_AND_VARIANTS_LIMIT_MIB
