"""Pictures as cameras write them: with noise, so with as many bytes as a real photo has."""

from functools import cache
from typing import Final

from PIL import Image

from safelight_contract import policy
from safelight_contract.policy import Format
from tests.support import images

_NOISE: Final = 24
"""Standard deviation of the noise, of 255."""
_QUALITY: Final = 90


@cache
def photo(width: int, height: int, orientation: int | None = None) -> bytes:
    """Return a JPEG file with a camera's name and place in it.

    Args:
        width: pixels, as the sensor has them.
        height: pixels, likewise.
        orientation: how to turn it for viewing, as EXIF counts; None: upright, and not said.
    """
    grain = Image.effect_noise((width // 2, height // 2), _NOISE).resize((width, height))
    noisy = Image.blend(images.picture(width, height), grain.convert("RGB"), 0.3)
    exif = images.exif(orientation)
    return images.encoded(noisy, policy.JPEG, quality=_QUALITY, exif=exif)


@cache
def drawing(width: int, height: int, image_format: Format) -> bytes:
    """Return a picture with transparency, in a format that can hold it."""
    return images.encoded(images.picture(width, height, "RGBA"), image_format)
