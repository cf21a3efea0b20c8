"""What a colour profile says of itself, without converting a pixel."""

import struct
from collections.abc import Mapping
from typing import Final

from safelight_contract.recipe import ColourSpace
from safelight_processor.header import Header

_MAX_TAGS: Final = 64
_HEADER_BYTES: Final = 128
_COLORANT_TAGS: Final = (b"rXYZ", b"gXYZ", b"bXYZ")
_CURVE_TAGS: Final = (b"rTRC", b"gTRC", b"bTRC")

Vector = tuple[float, float, float]

_SRGB: Final[tuple[Vector, ...]] = (
    (0.4361, 0.2225, 0.0139),
    (0.3851, 0.7169, 0.0971),
    (0.1431, 0.0606, 0.7139),
)
"""sRGB's primaries as profiles hold them: XYZ, adapted to D50."""
_DISPLAY_P3: Final[tuple[Vector, ...]] = (
    (0.5151, 0.2412, -0.0011),
    (0.2920, 0.6922, 0.0419),
    (0.1571, 0.0666, 0.7841),
)
_TO_SRGB: Final[tuple[Vector, ...]] = (
    (3.1339, -1.6169, -0.4906),
    (-0.9788, 1.9161, 0.0335),
    (0.0719, -0.2290, 1.4052),
)
"""From XYZ, adapted to D50, to sRGB's light."""
_OUTSIDE: Final = -0.1
"""A primary that needs less than this much of a colour of sRGB is far outside of it, as Display
P3's green is (-0.22); the primaries of European television (-0.04) are not worth a warning."""


def space_of_result(header: Header, wanted: ColourSpace) -> ColourSpace:
    """Return the space that a picture's images are in: Display P3 only where it is of use.

    Args:
        header: of the original.
        wanted: what the recipe says.
    """
    has_more = header.profile is not None and is_wide(header.profile)
    if wanted is ColourSpace.DISPLAY_P3 and has_more and not (header.is_grey or header.is_cmyk):
        return ColourSpace.DISPLAY_P3
    return ColourSpace.SRGB


def is_in(profile: bytes, space: ColourSpace) -> bool:
    """Say whether colours described by a profile need no conversion to be in a space."""
    return is_srgb(profile) if space is ColourSpace.SRGB else is_display_p3(profile)


def channels(profile: bytes) -> bytes:
    """Return which channels a profile is for: `RGB `, `GRAY`, `CMYK` or others."""
    return profile[16:20]


def is_srgb(profile: bytes) -> bool:
    """Say whether a profile has sRGB's primaries and tone curve.

    The description is no proof: "Display P3 Gamut with sRGB Transfer" exists. A wrong "no" costs
    time only, so anything unusual is a "no".
    """
    return _is(profile, _SRGB)


def is_display_p3(profile: bytes) -> bool:
    """Say whether a profile has Display P3's primaries and tone curve; see `is_srgb`."""
    return _is(profile, _DISPLAY_P3)


def is_wide(profile: bytes) -> bool:
    """Say whether a profile for RGB by three primaries has colours that sRGB does not have."""
    try:
        tags = _tags(profile)
        if channels(profile) != b"RGB " or b"A2B0" in tags:
            return False
        light = [
            sum(weight * part for weight, part in zip(row, colorant, strict=True))
            for colorant in _colorants(profile, tags)
            for row in _TO_SRGB
        ]
    except (struct.error, KeyError):
        return False
    return min(light) < _OUTSIDE


def _is(profile: bytes, colorants: tuple[Vector, ...]) -> bool:
    try:
        tags = _tags(profile)
        if channels(profile) != b"RGB " or b"A2B0" in tags:
            return False
        for found, expected in zip(_colorants(profile, tags), colorants, strict=True):
            if any(abs(f - e) > 0.002 for f, e in zip(found, expected, strict=True)):  # noqa: PLR2004 - a tenth of what the eye can tell
                return False
        return all(_has_srgb_curve(profile, tags[name]) for name in _CURVE_TAGS)
    except (struct.error, KeyError):
        return False


def _tags(profile: bytes) -> Mapping[bytes, int]:
    """Return where the tags are."""
    count = int.from_bytes(profile[_HEADER_BYTES : _HEADER_BYTES + 4], "big")
    entries = (
        struct.unpack_from(">4sII", profile, _HEADER_BYTES + 4 + 12 * number)
        for number in range(min(count, _MAX_TAGS))
    )
    return {name: offset for name, offset, _ in entries}


def _colorants(profile: bytes, tags: Mapping[bytes, int]) -> list[Vector]:
    found: list[Vector] = []
    for name in _COLORANT_TAGS:
        x, y, z = struct.unpack_from(">3i", profile, tags[name] + 8)
        found.append((x / 65536, y / 65536, z / 65536))
    return found


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
