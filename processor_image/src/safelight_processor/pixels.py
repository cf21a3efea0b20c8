"""Modes, sizes and directions: pure functions from one picture to the next."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from PIL import Image

_BAND_ROWS: Final = 256
"""Rows of the result that are made at a time: the intermediate picture stays small."""
_THREADS: Final = 2
"""Bands that are made at a time: as many as the default limit of a Job has processors."""
_SIXTEEN_BITS: Final = 65536

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What puts a picture upright, by its EXIF orientation."""


def to_eight_bits(image: Image.Image) -> Image.Image:
    """Return the picture in a mode that can be resized: L, LA, RGB, RGBA or CMYK, 8 bits each.

    A transparent colour becomes an alpha channel; grey stays grey.
    """
    has_transparency = image.has_transparency_data
    wanted: str
    match image.mode:
        case "LA" | "RGBA" | "CMYK":
            wanted = image.mode
        case "1" | "L":
            wanted = "LA" if has_transparency else "L"
        case "I" | "I;16" | "I;16B" | "I;16L":
            return _sixteen_to_eight(image)
        case _:
            wanted = "RGBA" if has_transparency else "RGB"
    # Pillow copies the picture even if there is nothing to convert.
    return image if image.mode == wanted else image.convert(wanted)


def _sixteen_to_eight(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits. Pillow's own conversion clips everything above 255 to white."""
    transparent = image.info.get("transparency")
    wide = image if image.mode == "I" else image.convert("I")
    grey = wide.point([(value * 255 + 32767) // 65535 for value in range(_SIXTEEN_BITS)], "L")
    if not isinstance(transparent, int):
        return grey
    alpha = wide.point([0 if value == transparent else 255 for value in range(_SIXTEEN_BITS)], "L")
    return Image.merge("LA", (grey, alpha))


def resize(
    image: Image.Image,
    size: tuple[int, int],
    box: tuple[float, float, float, float],
    threads: int = _THREADS,
) -> Image.Image:
    """Return a new picture of this size, with nothing of the old one but its pixels.

    Done in bands, which gives the same pixels as one call and needs half the memory.

    Args:
        image: in a mode of `to_eight_bits`.
        size: of the result, in pixels.
        box: the part of `image` to use.
        threads: bands that are made at a time.
    """
    mode = image.mode
    if image.size == size:
        canvas = Image.new(mode, size)
        canvas.paste(image)
        return canvas
    # Transparent pixels have a colour too; unless it is weighted, it bleeds into their neighbours.
    weighted = {"LA": "La", "RGBA": "RGBa"}.get(mode, mode)
    if weighted != mode:
        image = image.convert(weighted)
    canvas = Image.new(mode, size)
    width, height = size
    left, top, right, bottom = box
    rows = (bottom - top) / height

    def band(start: int) -> Image.Image:
        end = min(height, start + _BAND_ROWS)
        part = (left, top + start * rows, right, min(bottom, top + end * rows))
        made = image.resize((width, end - start), Image.Resampling.LANCZOS, box=part)
        # Pillow copies the picture even if there is nothing to convert.
        return made if made.mode == mode else made.convert(mode)

    starts = range(0, height, _BAND_ROWS)
    with ThreadPoolExecutor(threads) as pool:
        for start, made in zip(starts, pool.map(band, starts), strict=True):
            canvas.paste(made, (0, start))
    return canvas


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return the picture as it is to be seen."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)
