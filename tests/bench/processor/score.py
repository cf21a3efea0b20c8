"""A child of the runner: opens the images that an engine made, checks them, and scores them.

`python -m tests.bench.processor.score ORIGINAL REFERENCES TOOL FILE...` prints a JSON list. The
reference for an image is the upright original in sRGB, reduced to the image's size by Lanczos in
floating point, over grey where it is transparent. Without the tool the score is plain SSIM on a
scale where 80 is an SSIM of 0.975, which is about as good.
"""

import hashlib
import io
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageCms, ImageOps

_GREY: Final = (127, 127, 127, 255)
_METADATA: Final = ("exif", "xmp", "comment", "photoshop")
_WINDOW: Final = 8
"""Pixels, of SSIM."""
_LEAST_ERROR: Final = 0.01
"""What counts as no error at all: a score of 100."""
_C1: Final = (0.01 * 255) ** 2
_C2: Final = (0.03 * 255) ** 2


def _flat(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    below = Image.new("RGBA", picture.size, _GREY)
    return Image.alpha_composite(below, picture.convert("RGBA")).convert("RGB")


def _in_srgb(picture: Image.Image) -> Image.Image:
    profile: bytes | None = picture.info.get("icc_profile")
    if picture.mode not in {"RGB", "RGBA"}:
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    if not profile:
        return picture
    there = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    srgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(picture, there, srgb, outputMode=picture.mode)
    if converted is None:
        raise AssertionError("only a conversion in place returns nothing")
    return converted


@cache
def _original(path: Path) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(path) as opened:
        return _flat(_in_srgb(ImageOps.exif_transpose(opened)))


def reference(original: Path, size: tuple[int, int], folder: Path) -> Path:
    """Return the file that images of this size are compared with; made if it is absent."""
    said = hashlib.sha256(original.read_bytes() + f":{size}".encode())
    path = folder / f"{said.hexdigest()[:24]}.png"
    if not path.exists():
        bands = [
            band.convert("F").resize(size, Image.Resampling.LANCZOS).point(lambda v: v * 1 + 0.5)
            for band in _original(original).split()
        ]
        merged = Image.merge("RGB", [band.convert("L") for band in bands])
        unfinished = _unfinished(path)
        merged.save(unfinished, "PNG", compress_level=1)
        unfinished.replace(path)
    return path


def _unfinished(path: Path) -> Path:
    """Return a name that no other process and no other thread uses."""
    return path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")


def ssim(left: Path, right: Path) -> float:
    """Return the mean structural similarity of two pictures' luma: 1 if they are the same."""
    windows = [_luma_windows(path) for path in (left, right)]
    return statistics.fmean(map(_similarity, *windows))


def _luma_windows(path: Path) -> list[bytes]:
    with Image.open(path) as opened:
        luma = opened.convert("L")
    across, down = (side // _WINDOW for side in luma.size)
    return [
        luma.crop((x, y, x + _WINDOW, y + _WINDOW)).tobytes()
        for y in range(0, down * _WINDOW, _WINDOW)
        for x in range(0, across * _WINDOW, _WINDOW)
    ]


def _similarity(left: bytes, right: bytes) -> float:
    mean_left, mean_right = statistics.fmean(left), statistics.fmean(right)
    count = len(left)
    variance_left = sum(v * v for v in left) / count - mean_left**2
    variance_right = sum(v * v for v in right) / count - mean_right**2
    both = sum(a * b for a, b in zip(left, right, strict=True)) / count - mean_left * mean_right
    return ((2 * mean_left * mean_right + _C1) * (2 * both + _C2)) / (
        (mean_left**2 + mean_right**2 + _C1) * (variance_left + variance_right + _C2)
    )


def _compared(tool: str, ideal: Path, image: Path) -> float:
    if not tool:
        # Tenfold decibels would be 160 for 0.975; half of it has steps like those of the tool.
        return -50 * math.log10(max(1 - ssim(ideal, image), _LEAST_ERROR))
    command = [tool, "image", str(ideal), str(image)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(said.split()[-1])


def examine(original: Path, references: Path, tool: str, image: Path) -> Mapping[str, Any]:
    """Return an image's format, size, bytes, score, and whether metadata was left in it.

    Scores are kept by the content of both, since the same bytes come up again and again.
    """
    data = image.read_bytes()
    with Image.open(io.BytesIO(data)) as opened:
        opened.load()
        found = str(opened.format).lower()
        left = bool(opened.getexif()) or any(key in opened.info for key in _METADATA)
        picture = _flat(_in_srgb(opened))
    ideal = reference(original, picture.size, references)
    kept = references / f"{ideal.stem}-{hashlib.sha256(data).hexdigest()[:24]}-{bool(tool):d}.score"
    if not kept.exists():
        with tempfile.NamedTemporaryFile(suffix=".png") as file:
            picture.save(file, "PNG", compress_level=1)
            file.flush()
            score = _compared(tool, ideal, Path(file.name))
        unfinished = _unfinished(kept)
        unfinished.write_text(str(score))
        unfinished.replace(kept)
    return {
        "file": image.name,
        "format": found,
        "width": picture.width,
        "height": picture.height,
        "bytes": len(data),
        "score": float(kept.read_text()),
        "metadata": left,
    }


def main() -> None:
    """Score what the arguments name."""
    original, references, tool, *images = sys.argv[1:]
    rows = [examine(Path(original), Path(references), tool, Path(image)) for image in images]
    sys.stdout.write(json.dumps(rows))


if __name__ == "__main__":
    main()
