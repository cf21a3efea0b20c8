"""The same pixels in fewer bytes: without alpha that hides nothing, in grey, or with a palette."""

from typing import Final

from PIL import Image, ImageChops

from safelight_processor.picture import Picture

_COLOURS: Final = 256
"""What a palette holds."""
_NIBBLE_COLOURS: Final = 16
"""What a palette of four bits holds; for grey, eight bits need no palette."""
_SAMPLE_ROWS: Final = 8


def visible(picture: Picture, *, is_resized: bool = False) -> Picture:
    """Return only what can be seen of a picture.

    An alpha channel that is opaque everywhere goes. So does the colour of wholly transparent
    pixels: nobody sees it, it costs bytes, and it may be what somebody meant to erase.

    Args:
        picture: stays as it is.
        is_resized: whether an engine has resized it, which leaves invisible pixels no colour.
    """
    if not picture.has_alpha:
        return picture
    image = picture.image()
    alpha = image.getchannel("A")
    match alpha.getextrema():
        case (255, _):
            return Picture.from_pillow(image.convert("L" if picture.mode == "LA" else "RGB"))
        case (0, _) if not is_resized:
            cleared = image.copy()
            nothing = (0,) * len(picture.mode)
            cleared.paste(nothing, mask=alpha.point([255, *[0] * 255]))
            return Picture.from_pillow(cleared)
        case _:
            return picture


def reduced(picture: Picture) -> Image.Image:
    """Return an image of exactly these pixels for PNG: L, LA, RGB, RGBA or P.

    A palette with transparency has it in `info`.
    """
    image = picture.image()
    if image.mode in {"RGB", "RGBA"} and _is_grey(image):
        image = image.convert("L" if image.mode == "RGB" else "LA")
    if image.mode == "L":
        return _grey_palette(image)
    return _with_palette(image) or image


def _is_grey(image: Image.Image) -> bool:
    """Say whether all colours are grey: first in a few rows, which settles it for most pictures."""
    step = max(1, image.height // _SAMPLE_ROWS)
    rows = (image.crop((0, y, image.width, y + 1)) for y in range(0, image.height, step))
    return all(_has_equal_bands(row) for row in rows) and _has_equal_bands(image)


def _has_equal_bands(image: Image.Image) -> bool:
    red, green, blue, *_ = image.split()
    return not any(ImageChops.difference(red, other).getbbox() for other in (green, blue))


def _grey_palette(image: Image.Image) -> Image.Image:
    """Return grey with a palette of at most four bits, or as it is."""
    levels = [level for level, count in enumerate(image.histogram()) if count]
    if len(levels) > _NIBBLE_COLOURS:
        return image
    table = [0] * 256
    for index, level in enumerate(levels):
        table[level] = index
    palette = b"".join(bytes((level,)) * 3 for level in levels)
    return _palette_image(image.point(table), palette)


def _with_palette(image: Image.Image) -> Image.Image | None:
    """Return LA, RGB or RGBA with a palette, if it has few enough colours."""
    # This gives up at the first colour too many: at once, for a photo.
    if image.getcolors(_COLOURS) is None:
        return None
    bands = image.split()
    alpha = bands[-1] if image.mode != "RGB" else None
    bands = bands[:3] if image.mode != "LA" else bands[:1] * 3
    colours = Image.merge("RGB", bands)
    indexed = colours.quantize(_COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    # Exact as a rule, since each colour gets a box of its own; but that is nobody's promise.
    if ImageChops.difference(indexed.convert("RGB"), colours).getbbox():
        return None
    palette = indexed.getpalette() or []
    if alpha is None:
        return _palette_image(_indices(indexed), bytes(palette))
    return _with_alpha(_indices(indexed), alpha, palette)


def _with_alpha(indices: Image.Image, alpha: Image.Image, palette: list[int]) -> Image.Image | None:
    """Give each pair of a colour and an alpha value an index of its own."""
    pairs = Image.frombytes("I;16", indices.size, Image.merge("LA", (indices, alpha)).tobytes())
    wide = pairs.convert("I")
    found = wide.getcolors(_COLOURS)
    if found is None:
        return None
    # The opaque ones last, since their alpha values need not be written.
    values = (value for _, value in found if isinstance(value, int))
    order = sorted(values, key=lambda pair: (pair >> 8 == 255, pair))  # noqa: PLR2004 - opaque
    table = [0] * 65536
    for index, pair in enumerate(order):
        table[pair] = index
    image = _palette_image(
        wide.point(table, "L"),
        b"".join(bytes(palette[3 * (pair & 255) :][:3]) for pair in order),
    )
    image.info["transparency"] = bytes(pair >> 8 for pair in order).rstrip(b"\xff")
    return image


def _indices(indexed: Image.Image) -> Image.Image:
    """Return a palette image's indices as amounts."""
    return Image.frombytes("L", indexed.size, indexed.tobytes())


def _palette_image(indices: Image.Image, palette: bytes) -> Image.Image:
    """Return an image of these indices; Pillow writes them with 1, 2, 4 or 8 bits."""
    image = Image.frombytes("P", indices.size, indices.tobytes())
    image.putpalette(palette)
    return image
