"""A child of the runner: makes the test photos from real ones, the same ones everywhere.

`python -m tests.bench.processor.originals PHOTOS TARGET`. Cameras' files of 24 Mpx that may be
fetched by anyone are rare, so real photos of 18 and 20 Mpx are enlarged a little, and get the
sensor's noise back that enlarging takes away: without it they would be too easy to encode.
"""

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

_TILE: Final = 512
"""Pixels of the side of a piece of noise."""
_UNIFORM_DEVIATION: Final = 255 / 12**0.5
_LANCZOS: Final = Image.Resampling.LANCZOS
Size = tuple[int, int]


def grain(size: Size, deviation: float, seed: int) -> Image.Image:
    """Return noise around 128, nearly Gaussian, the same for the same seed."""
    chosen = random.Random(seed)  # noqa: S311 - noise, and it is to be repeatable
    shape = (_TILE, _TILE)
    pieces = []
    for _ in range(6):
        four = [Image.frombytes("L", shape, chosen.randbytes(_TILE * _TILE)) for _ in range(4)]
        halves = [Image.blend(four[0], four[1], 0.5), Image.blend(four[2], four[3], 0.5)]
        mean = Image.blend(halves[0], halves[1], 0.5)
        factor = deviation / (_UNIFORM_DEVIATION / 2)
        pieces.append(mean.point(lambda v, f=factor: round(128 + (v - 127.5) * f)))
    whole = Image.new("L", size)
    for top in range(0, size[1], _TILE):
        for left in range(0, size[0], _TILE):
            whole.paste(chosen.choice(pieces), (left, top))
    return whole


def noisy(picture: Image.Image, deviation: float, seed: int) -> Image.Image:
    """Return an RGB picture with noise, each channel with its own."""
    bands = [
        ImageChops.add(band, grain(picture.size, deviation, seed + number), 1, -128)
        for number, band in enumerate(picture.split())
    ]
    return Image.merge("RGB", bands)


def enlarged(path: Path, size: Size) -> Image.Image:
    """Return the middle of a photo at this size."""
    with Image.open(path) as opened:
        have_width, have_height = opened.size
        scale = min(have_width / size[0], have_height / size[1])
        width, height = size[0] * scale, size[1] * scale
        left, top = (have_width - width) / 2, (have_height - height) / 2
        box = (left, top, left + width, top + height)
        return opened.convert("RGB").resize(size, _LANCZOS, box=box)


def with_alpha(picture: Image.Image) -> Image.Image:
    """Return a picture that is cut out: opaque in its middle, soft at the edge, clear outside."""
    width, height = picture.size
    small = Image.new("L", (width // 8, height // 8))
    draw = ImageDraw.Draw(small)
    edge = small.width // 20
    draw.ellipse((edge, edge, small.width - edge, small.height - edge), fill=255)
    draw.rectangle((small.width // 3, 0, small.width // 2, small.height // 2), fill=160)
    alpha = small.filter(ImageFilter.GaussianBlur(small.width / 60)).resize(picture.size)
    cut = picture.convert("RGBA")
    cut.putalpha(alpha)
    return cut


def _made(photos: Path) -> Iterator[tuple[str, Image.Image, dict[str, Any]]]:
    camera: dict[str, Any] = {"format": "JPEG", "quality": 92, "subsampling": "4:2:0"}
    mate = photos / "mate-backgrounds/usr/share/backgrounds/mate/abstract"
    lomiri = photos / "lomiri-wallpapers-20.04/usr/share/backgrounds"
    older = photos / "lomiri-wallpapers-16.04/usr/share/backgrounds"
    elephants = mate / "Elephants_5640x3172.jpg"
    bird = lomiri / "Kleiber_by_Lukas_Baubkus.jpg"
    yield "elephants-24.jpg", noisy(enlarged(elephants, (6000, 4000)), 3.0, 24), camera
    yield "bird-24.jpg", noisy(enlarged(bird, (6000, 4000)), 3.0, 42), camera
    large = noisy(enlarged(bird, (8640, 5760)), 2.0, 50)
    yield "bird-50.jpg", large, camera | {"quality": 88}
    yield "bird-50-progressive.jpg", large, camera | {"quality": 88, "progressive": True}
    sea = enlarged(lomiri / "Infinite-Sea_by_Aury88.jpg", (4096, 2930))
    yield "sea-rgba-12.png", with_alpha(sea), {"format": "PNG"}
    small = {
        "elephants": elephants,
        "bird": bird,
        "dandelions": older / "seeding_by_Clements_Engelhardt.jpg",
        "mountains": older / "picosdeeuropa_by_Aitzol_Berasategi.jpg",
        "stream": older / "life_by_Aitzol_Berasategi.jpg",
        "brushes": older / "Picture_1A_by_freespace.jpg",
    }
    for name, path in small.items():
        with Image.open(path) as opened:
            height = round(1280 * opened.height / opened.width)
            reduced = opened.convert("RGB").resize((1280, height), _LANCZOS)
        yield f"{name}-1280.png", reduced, {"format": "PNG"}


def main() -> None:
    """Make all of them."""
    photos, target = map(Path, sys.argv[1:])
    for name, picture, options in _made(photos):
        picture.save(target / name, **options)


if __name__ == "__main__":
    main()
