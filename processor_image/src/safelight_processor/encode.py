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
"""For photos as small as level 9 for a twentieth of its time: filtered pixels of a photo hardly
repeat, and deflate's search for repetition is what costs."""
_PNG_FLAT: Final[dict[str, Any]] = {"compress_level": 9}
_FLAT_BITS: Final = 1.0
"""Bits for each channel of a pixel below which a picture is drawn rather than taken: there the
search for repetition pays, and is quick."""


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
    if image_format is policy.WEBP:
        return _save(image, image_format, _WEBP_LOSSLESS if is_lossless else _WEBP_LOSSY)
    data = _save(image, image_format, _PNG_PHOTO)
    channels = image.width * image.height * len(image.getbands())
    if len(data) * 8 < _FLAT_BITS * channels:
        data = min(data, _save(image, image_format, _PNG_FLAT), key=len)
    return data


def _save(image: Image.Image, image_format: Format, options: dict[str, Any]) -> bytes:
    buffer = _Buffer(f"image.{image_format.extension}")
    # Grey needs no profile: without one it is read with sRGB's curve, and this one is for colour.
    profile = SRGB_PROFILE if image.mode in {"RGB", "RGBA"} else None
    image.save(buffer, icc_profile=profile, **options)
    return buffer.getvalue()
