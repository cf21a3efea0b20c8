"""Colour: from whatever profile a picture carries to sRGB, or to Display P3 where that is kept.

sRGB is what browsers assume. Conversions are relative colorimetric with black point compensation,
by Little CMS: what photo editors do by default.
"""

import base64
import io
from typing import TYPE_CHECKING, Final

from PIL import Image

from safelight_contract.recipe import ColourSpace
from safelight_processor.profile_reader import is_in
from safelight_processor.profiles import DISPLAY_P3_PROFILE

if TYPE_CHECKING:
    from PIL import ImageCms

SRGB_PROFILE: Final = base64.b64decode(
    "AAACTGxjbXMEQAAAbW50clJHQiBYWVogB9AAAQABAAAAAAAAYWNzcEFQUEwAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAPbWAAEAAAAA0y1sY21zAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAL"
    "ZGVzYwAAAQgAAAA2Y3BydAAAAUAAAABMd3RwdAAAAYwAAAAUY2hhZAAAAaAAAAAsclhZWgAAAcwAAAAUYlhZWgAA"
    "AeAAAAAUZ1hZWgAAAfQAAAAUclRSQwAAAggAAAAgZ1RSQwAAAggAAAAgYlRSQwAAAggAAAAgY2hybQAAAigAAAAk"
    "bWx1YwAAAAAAAAABAAAADGVuVVMAAAAaAAAAHABzAFIARwBCACAAYgB1AGkAbAB0AC0AaQBuAABtbHVjAAAAAAAA"
    "AAEAAAAMZW5VUwAAADAAAAAcAE4AbwAgAGMAbwBwAHkAcgBpAGcAaAB0ACwAIAB1AHMAZQAgAGYAcgBlAGUAbAB5"
    "WFlaIAAAAAAAAPbWAAEAAAAA0y1zZjMyAAAAAAABDEIAAAXe///zJQAAB5MAAP2Q///7of///aIAAAPcAADAblhZ"
    "WiAAAAAAAABvoAAAOPUAAAOQWFlaIAAAAAAAACSfAAAPhAAAtsNYWVogAAAAAAAAYpcAALeHAAAY2XBhcmEAAAAA"
    "AAMAAAACZmYAAPKnAAANWQAAE9AAAApbY2hybQAAAAAAAwAAAACj1wAAVHsAAEzNAACZmgAAJmYAAA9c",
)
"""The profile that results carry: 588 bytes, by Little CMS, with a fixed date.

Made once and kept, since Little CMS writes the time into each one, and the same picture must give
the same bytes.
"""

_CHANNELS: Final = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
"""What a profile must be for, by the mode of the picture."""


def convert(
    image: Image.Image,
    profile: bytes | None,
    space: ColourSpace = ColourSpace.SRGB,
) -> Image.Image:
    """Return the picture in a colour space; grey stays grey, with sRGB's tone curve.

    A profile that is broken, or made for another kind of picture, is as if it were absent: the
    picture is taken for one in sRGB.

    Args:
        image: L, LA, RGB, RGBA or CMYK.
        profile: of the picture; see `Header.profile`.
        space: where to; see `profile_reader.space_of_result`.

    Returns:
        A picture in L, LA, RGB or RGBA.
    """
    if profile is None or (image.mode in {"RGB", "RGBA"} and is_in(profile, space)):
        return image.convert("RGB") if image.mode == "CMYK" else image
    if image.mode in {"LA", "RGBA"}:
        *bands, alpha = image.split()
        opaque = bands[0] if image.mode == "LA" else Image.merge("RGB", bands)
        return Image.merge(image.mode, (*_converted(opaque, profile, space).split(), alpha))
    return _converted(image, profile, space)


def is_usable(profile: bytes, mode: str) -> bool:
    """Say whether a profile can be used for a picture.

    Args:
        profile: of the picture.
        mode: L, LA, RGB, RGBA or CMYK.
    """
    opaque = {"LA": "L", "RGBA": "RGB"}.get(mode, mode)
    if opaque == "RGB" and is_in(profile, ColourSpace.SRGB):
        return True
    return _conversion(profile, opaque, ColourSpace.SRGB) is not None


def _converted(image: Image.Image, profile: bytes, space: ColourSpace) -> Image.Image:
    """Convert L, RGB or CMYK by Little CMS, or without a profile if this one cannot be used."""
    conversion = _conversion(profile, image.mode, space)
    if conversion is None:
        return image.convert("RGB") if image.mode == "CMYK" else image
    converted = conversion.apply(image)
    # Grey comes out with three equal channels.
    return converted.getchannel("G") if image.mode == "L" else converted


def _conversion(
    profile: bytes, mode: str, space: ColourSpace
) -> "ImageCms.ImageCmsTransform | None":
    """Return the conversion from a profile, for L, RGB or CMYK; None if it cannot be used."""
    from PIL import ImageCms  # noqa: PLC0415 - most pictures are sRGB already

    wanted = SRGB_PROFILE if space is ColourSpace.SRGB else DISPLAY_P3_PROFILE
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != _CHANNELS[mode]:
            return None
        return ImageCms.buildTransform(
            source,
            ImageCms.ImageCmsProfile(io.BytesIO(wanted)),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
