"""Colour: from whatever profile a picture carries to sRGB, which is what browsers assume."""

import base64
import io
import struct
from typing import Final

from PIL import Image

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

_COLOUR_SPACES: Final = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
"""The colour space that a profile must be for, by the mode of the picture."""

_SRGB_COLORANTS: Final = {
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7139),
}
"""sRGB's primaries as profiles hold them: XYZ, adapted to D50."""


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the picture in sRGB, or in grey with sRGB's tone curve.

    A profile that is broken, or made for another kind of picture, is as if it were absent.

    Args:
        image: L, LA, RGB, RGBA or CMYK.
        profile: the ICC profile that the file holds.

    Returns:
        A picture in L, LA, RGB or RGBA.
    """
    if profile is None or (image.mode in {"RGB", "RGBA"} and is_srgb(profile)):
        return image.convert("RGB") if image.mode == "CMYK" else image
    if image.mode in {"LA", "RGBA"}:
        *bands, alpha = image.split()
        opaque = bands[0] if image.mode == "LA" else Image.merge("RGB", bands)
        return Image.merge(image.mode, (*_converted(opaque, profile).split(), alpha))
    return _converted(image, profile)


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert L, RGB or CMYK by Little CMS, or without a profile if this one cannot be used."""
    from PIL import ImageCms  # noqa: PLC0415 - most pictures are sRGB already

    without = image.convert("RGB") if image.mode == "CMYK" else image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != _COLOUR_SPACES[image.mode]:
            return without
        conversion = ImageCms.buildTransform(
            source,
            ImageCms.ImageCmsProfile(io.BytesIO(SRGB_PROFILE)),
            image.mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        converted = conversion.apply(image)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return without
    # Grey comes out with three equal channels.
    return converted.getchannel("G") if image.mode == "L" else converted


def is_srgb(profile: bytes) -> bool:
    """Say whether a profile has sRGB's primaries and tone curve.

    The description is no proof: "Display P3 Gamut with sRGB Transfer" exists. A wrong "no" costs
    time only, so anything unusual is a "no".
    """
    try:
        count = int.from_bytes(profile[128:132], "big")
        entries = (
            struct.unpack_from(">4sII", profile, 132 + 12 * n) for n in range(min(count, 64))
        )
        tags = {signature: offset for signature, offset, _ in entries}
        if profile[16:20] != b"RGB " or b"A2B0" in tags:
            return False
        for signature, expected in _SRGB_COLORANTS.items():
            found = struct.unpack_from(">3i", profile, tags[signature] + 8)
            if any(abs(f / 65536 - e) > 0.002 for f, e in zip(found, expected, strict=True)):  # noqa: PLR2004 - a tenth of what the eye can tell
                return False
        return all(_has_srgb_curve(profile, tags[s]) for s in (b"rTRC", b"gTRC", b"bTRC"))
    except (struct.error, KeyError):
        return False


def _has_srgb_curve(profile: bytes, offset: int) -> bool:
    """Check a tone curve: sRGB's formula, or a table with sRGB's value in its middle."""
    if profile[offset : offset + 4] == b"para":
        kind, gamma = struct.unpack_from(">H2xi", profile, offset + 8)
        return kind in {3, 4} and abs(gamma / 65536 - 2.4) < 0.01  # noqa: PLR2004 - from the standard
    (count,) = struct.unpack_from(">I", profile, offset + 8)
    if profile[offset : offset + 4] != b"curv" or count < 16:  # noqa: PLR2004 - shorter ones are too coarse to tell
        return False
    middle: int = struct.unpack_from(">H", profile, offset + 12 + 2 * round((count - 1) / 2))[0]
    return abs(middle / 65535 - 0.2140) < 0.004  # noqa: PLR2004 - sRGB's value of one half
