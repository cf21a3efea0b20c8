"""Colour profiles made from numbers, for files that give numbers in place of a profile.

PNG's gAMA and cHRM, and the code points of PNG's cICP and of AVIF's and HEIF's nclx (ITU-T H.273)
say the same as a small ICC profile does. As a profile, both engines convert it like any other.
"""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from safelight_processor.matrices import Matrix, Vector, inverse, times, transposed
from safelight_processor.tones import from_hlg, from_pq

Point = tuple[float, float]
"""A chromaticity: x and y of CIE 1931."""

D65: Final = (0.3127, 0.3290)
_D50_XYZ: Final = (0.9642, 1.0, 0.8249)
"""White of the profile connection space (ICC.1:2022, 7.2.16)."""

_BRADFORD: Final[Matrix] = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)


@dataclass(frozen=True, slots=True)
class Primaries:
    """The corners and the white of a colour space, as chromaticities."""

    red: Point
    green: Point
    blue: Point
    white: Point = D65


SRGB: Final = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3: Final = Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
BT2020: Final = Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))

PRIMARIES: Final = {
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: BT2020,
    11: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: P3,
}
"""By H.273's code point, where they are not sRGB's (1), or nobody says (2)."""

_SRGB_CURVE: Final = struct.pack(
    ">4s4xH2x5i",
    b"para",
    3,
    *(round(number * 65536) for number in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)),
)
_TABLE_ENTRIES: Final = 4096

PQ: Final = 16
HLG: Final = 18
_GAMMAS: Final = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}


def is_hdr(transfer: int) -> bool:
    """Say whether a transfer function of H.273 is one of HDR's."""
    return transfer in {PQ, HLG}


def from_code_points(primaries: int, transfer: int, *, is_grey: bool = False) -> bytes | None:
    """Return a profile for code points of H.273; None where that is sRGB, or nothing is said.

    The curve of television (BT.709, BT.601, BT.2020 for SDR) counts as sRGB's, as browsers and
    libavif's tools have it: cameras and encoders write it for pictures that were made in sRGB.

    Args:
        primaries: ColourPrimaries.
        transfer: TransferCharacteristics; for `PQ` and `HLG` the profile's curve also maps the
            tones to SDR.
        is_grey: there is one channel, and so no primaries.
    """
    if transfer == PQ:
        curve = _table(from_pq)
    elif transfer == HLG:
        curve = _table(from_hlg)
    elif transfer in _GAMMAS:
        curve = _gamma_curve(_GAMMAS[transfer])
    else:
        curve = None
    corners = PRIMARIES.get(primaries)
    if curve is None and (corners is None or is_grey):
        return None
    if is_grey:
        return grey_profile(curve or _SRGB_CURVE)
    return rgb_profile(corners or SRGB, curve or _SRGB_CURVE)


def from_gamma(
    gamma: float | None,
    primaries: Primaries | None,
    *,
    is_grey: bool = False,
) -> bytes | None:
    """Return a profile for what PNG's gAMA and cHRM chunks say; None where that is sRGB.

    Args:
        gamma: exponent from stored values to light, such as 2.2; None: sRGB's curve.
        primaries: None: sRGB's.
        is_grey: there is one channel, and so no primaries.
    """
    if gamma is not None and abs(gamma - 2.2) < 0.02:  # noqa: PLR2004 - written for sRGB by all (PNG, 11.3.2.2)
        gamma = None
    if primaries is not None and _is_srgb(primaries):
        primaries = None
    if gamma is None and (primaries is None or is_grey):
        return None
    curve = _SRGB_CURVE if gamma is None else _gamma_curve(gamma)
    return grey_profile(curve) if is_grey else rgb_profile(primaries or SRGB, curve)


def _is_srgb(primaries: Primaries) -> bool:
    pairs = zip(_corners(primaries), _corners(SRGB), strict=True)
    return all(math.dist(one, other) < 0.002 for one, other in pairs)  # noqa: PLR2004 - writers round to three digits


def _corners(primaries: Primaries) -> tuple[Point, Point, Point, Point]:
    return primaries.red, primaries.green, primaries.blue, primaries.white


def _gamma_curve(gamma: float) -> bytes:
    return struct.pack(">4s4xH2xi", b"para", 0, round(gamma * 65536))


def _table(function: Callable[[float], float]) -> bytes:
    last = _TABLE_ENTRIES - 1
    values = (min(65535, max(0, round(65535 * function(n / last)))) for n in range(last + 1))
    return struct.pack(f">4s4xI{_TABLE_ENTRIES}H", b"curv", _TABLE_ENTRIES, *values)


def rgb_profile(primaries: Primaries, curve: bytes) -> bytes:
    """Return an ICC profile of version 4 with three primaries and one curve.

    Args:
        primaries: their white is adapted to D50 by Bradford's matrix.
        curve: the data of a `para` or `curv` tag: from stored values to light.

    Raises:
        ValueError: the primaries lie on one line, or the white is none.
    """
    columns = _colorants(primaries)
    tags = [
        (name, _xyz(xyz)) for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)
    ]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return _profile(b"RGB ", tags)


def grey_profile(curve: bytes) -> bytes:
    """Return an ICC profile of version 4 for one channel; see `rgb_profile`."""
    return _profile(b"GRAY", [(b"kTRC", curve)])


def _profile(space: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    text = "numbers".encode("utf-16-be")
    words = struct.pack(">4s4xII4sII", b"mluc", 1, 12, b"enUS", len(text), 28) + text
    tags = [(b"desc", words), (b"cprt", words), (b"wtpt", _xyz(_D50_XYZ)), *tags]
    start = 128 + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    body = b""
    for _, data in tags:
        if data not in places:
            places[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
    directory = struct.pack(">I", len(tags)) + b"".join(
        struct.pack(">4sII", name, places[data], len(data)) for name, data in tags
    )
    head = struct.pack(">I4xI4s4s4s", start + len(body), 0x04200000, b"mntr", space, b"XYZ ")
    # A fixed date: the same file must always give the same bytes.
    head += struct.pack(">6H4s28x3i", 2000, 1, 1, 0, 0, 0, b"acsp", *map(_fixed, _D50_XYZ))
    return head.ljust(128, b"\0") + directory + body


def _fixed(number: float) -> int:
    return round(number * 65536)


def _xyz(xyz: Vector) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *map(_fixed, xyz))


def _colorants(primaries: Primaries) -> tuple[Vector, Vector, Vector]:
    """Return the three primaries as XYZ, adapted to D50."""
    white = _xyz_of(primaries.white)
    unscaled = transposed(tuple(map(_xyz_of, _corners(primaries)[:3])))  # type: ignore[arg-type]  # three of them
    scales = times(inverse(unscaled), white)
    adapted = _adaptation(white)
    columns = [
        times(adapted, tuple(scale * part for part in column))  # type: ignore[arg-type]  # three of them
        for scale, column in zip(scales, transposed(unscaled), strict=True)
    ]
    return columns[0], columns[1], columns[2]


def _xyz_of(point: Point) -> Vector:
    x, y = point
    if y <= 0:
        raise ValueError("a chromaticity without light")
    return x / y, 1.0, (1 - x - y) / y


def _adaptation(white: Vector) -> Matrix:
    """Return Bradford's matrix from this white to D50 (ICC.1:2022, annex E)."""
    source, target = times(_BRADFORD, white), times(_BRADFORD, _D50_XYZ)
    scaled = tuple(
        tuple(part * wanted / found for part in row)
        for row, wanted, found in zip(_BRADFORD, target, source, strict=True)
    )
    columns = map(partial(times, inverse(_BRADFORD)), transposed(scaled))  # type: ignore[arg-type]  # three by three
    return transposed(tuple(columns))  # type: ignore[arg-type]  # three of them
