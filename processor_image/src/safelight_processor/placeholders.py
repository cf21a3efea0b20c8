"""What to show while an image loads: a blurred picture in 25 bytes, and one colour."""

import base64
from typing import Final

from safelight_processor.engines import Engine
from safelight_processor.picture import Picture

_THUMBHASH_SIDE: Final = 100
"""The largest picture that the format is defined for."""
_SIDE: Final = 32
"""The most frequent colour of this many pixels a side is that of the picture, to the eye."""
_SHADES: Final = 4
"""Bits of a channel that tell colours apart: near ones are counted as one."""


def small(picture: Picture, engine: Engine) -> Picture:
    """Return the picture small enough for both placeholders."""
    width, height = picture.size
    longest = max(width, height)
    if longest <= _THUMBHASH_SIDE:
        return picture
    size = tuple(max(1, round(side * _THUMBHASH_SIDE / longest)) for side in (width, height))
    return engine.resize(picture, (size[0], size[1]))


def thumbhash(picture: Picture) -> str | None:
    """Return the ThumbHash of a picture in base64; None, if its library is absent.

    Args:
        picture: of `small`.
    """
    try:
        # One person keeps it, so everything works without it as well.
        from thumbhash import rgba_to_thumb_hash  # noqa: PLC0415 - see above
    except ImportError:
        return None
    pixels = picture.image().convert("RGBA").tobytes()
    return base64.b64encode(rgba_to_thumb_hash(*picture.size, pixels)).decode()


def dominant_colour(picture: Picture) -> str | None:
    """Return the most frequent colour as `#rrggbb`; None, if there is nothing to be seen.

    Near colours count as one, which is then their mean. Transparent pixels count as little as
    they show.

    Args:
        picture: of `small`.
    """
    image = picture.image().convert("RGBA")
    image.thumbnail((_SIDE, _SIDE))
    sums: dict[tuple[int, ...], list[int]] = {}
    pixels = image.tobytes()
    for red, green, blue, alpha in zip(*(pixels[band::4] for band in range(4)), strict=True):
        key = tuple(channel >> (8 - _SHADES) for channel in (red, green, blue))
        total = sums.setdefault(key, [0, 0, 0, 0])
        for index, amount in enumerate((red, green, blue, 1)):
            total[index] += amount * alpha
    *colour, weight = max(sums.values(), key=lambda total: total[3])
    if not weight:
        return None
    return "#" + bytes(round(amount / weight) for amount in colour).hex()
