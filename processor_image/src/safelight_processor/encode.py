"""Encoding: from pixels, with nothing beside them but a small sRGB profile."""

import io
import zlib
from typing import Any, Final

from PIL import Image

from safelight_contract import policy
from safelight_contract.policy import Format
from safelight_processor.colour import SRGB_PROFILE

_JPEG: Final[dict[str, Any]] = {
    # At full size 83 scores about 80 in SSIMULACRA2 ("high quality") for photos; a progressive
    # file with fitted tables is 6 % smaller than a plain one.
    "quality": 83,
    "progressive": True,
    "optimize": True,
    "subsampling": "4:2:0",
}
_WEBP_LOSSY: Final[dict[str, Any]] = {"quality": 80, "method": 4}
_WEBP_LOSSLESS: Final[dict[str, Any]] = {"lossless": True, "quality": 50, "method": 1}
_PNG_PHOTO: Final[dict[str, Any]] = {"compress_type": zlib.Z_RLE}
"""For photos: within 3 % of the best level in a third of its time, since the filtered pixels of a
photo hardly repeat, and the search for repetition is what costs."""
_PNG_DRAWN: Final[dict[str, Any]] = {"compress_level": 6}
"""For drawings and screenshots, which repeat much: up to seven times smaller, and quick there."""
_DRAWN_RATIO: Final = 0.9
_SAMPLES: Final = 3
_SAMPLE_ROWS: Final = 32


class _Buffer(io.BytesIO):
    """Memory with a file's name: by its extension Pillow imports one plugin, by a format five."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def encode(image: Image.Image, image_format: Format, *, is_lossless: bool) -> bytes:
    """Encode a picture; the same picture always gives the same bytes.

    Args:
        image: L, LA, RGB or RGBA, made by us: its `info` is empty.
        image_format: of the result.
        is_lossless: whether the original was; WebP then stays lossless.
    """
    if image_format is policy.JPEG:
        return _save(image, image_format, _JPEG)
    if image_format is policy.AVIF:
        return _save(image, image_format, {"quality": 71, "speed": 9, "max_threads": 1})
    if image_format is policy.WEBP:
        return _save(image, image_format, _WEBP_LOSSLESS if is_lossless else _WEBP_LOSSY)
    return _save(image, image_format, _PNG_DRAWN if _is_drawn(image) else _PNG_PHOTO)


def _is_drawn(image: Image.Image) -> bool:
    """Tell a drawing from a photo: compress three strips of it both ways.

    The number of colours or the size of one result do not tell: text on white, smoothed, has
    thousands of colours and is as large as a photo until repetition is searched for.
    """
    strips = image
    if image.height > _SAMPLES * _SAMPLE_ROWS:
        strips = Image.new(image.mode, (image.width, _SAMPLES * _SAMPLE_ROWS))
        for sample in range(_SAMPLES):
            top = (image.height - _SAMPLE_ROWS) * (sample + 1) // (_SAMPLES + 1)
            strip = image.crop((0, top, image.width, top + _SAMPLE_ROWS))
            strips.paste(strip, (0, sample * _SAMPLE_ROWS))
    drawn = len(_save(strips, policy.PNG, _PNG_DRAWN))
    return drawn < _DRAWN_RATIO * len(_save(strips, policy.PNG, _PNG_PHOTO))


def _save(image: Image.Image, image_format: Format, options: dict[str, Any]) -> bytes:
    buffer = _Buffer(f"image.{image_format.extension}")
    # Grey needs no profile: without one it is read with sRGB's curve, and this one is for colour.
    profile = SRGB_PROFILE if image.mode in {"RGB", "RGBA"} else None
    image.save(buffer, icc_profile=profile, **options)
    return buffer.getvalue()
