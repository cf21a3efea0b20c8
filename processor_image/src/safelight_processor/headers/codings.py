"""How a picture of AVIF or HEIF is coded: depth, channels, colours (av1C, hvcC, pixi, colr)."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from safelight_processor import icc
from safelight_processor.header import Data
from safelight_processor.headers import budgets
from safelight_processor.headers.containers import Box

_SUBSAMPLINGS: Final = {(1, 1): "4:2:0", (1, 0): "4:2:2", (0, 0): "4:4:4"}
_HEVC_CHROMA: Final = {1: "4:2:0", 2: "4:2:2", 3: "4:4:4"}


@dataclass(frozen=True, slots=True)
class Coding:
    """How the pixels are coded."""

    bits: int = 8
    is_grey: bool = False
    subsampling: str | None = None


def coding_of(data: Data, properties: Iterable[Box]) -> Coding:
    """Read the depth and the channels from the codec's configuration, the depth also from pixi."""
    found: dict[bytes, bytes] = {}
    for box in properties:
        found.setdefault(box.name, bytes(data[box.start : min(box.end, box.start + 32)]))
    coding = Coding()
    if len(av1 := found.get(b"av1C", b"")) > 3:  # noqa: PLR2004 - the configuration's length
        flags = av1[2]
        bits = (12 if flags & 0x20 else 10) if flags & 0x40 else 8
        is_grey = bool(flags & 0x10)
        subsampling = None if is_grey else _SUBSAMPLINGS.get((flags >> 3 & 1, flags >> 2 & 1))
        coding = Coding(bits, is_grey, subsampling)
    elif len(hevc := found.get(b"hvcC", b"")) > 18:  # noqa: PLR2004 - up to both depths
        chroma = hevc[16] & 3
        coding = Coding((hevc[17] & 7) + 8, chroma == 0, _HEVC_CHROMA.get(chroma))
    if len(depths := found.get(b"pixi", b"")) > 5:  # noqa: PLR2004 - version, count, first depth
        coding = replace(coding, bits=depths[5])
    return coding


def colour_of(
    data: Data,
    properties: Iterable[Box],
    *,
    is_grey: bool,
) -> tuple[bytes | None, bool, bool]:
    """Return the profile, whether it is HDR, and whether it is embedded.

    An ICC profile decides; without one the code points do (MIAF, 7.3.6.4).
    """
    code_points = None
    for box in properties:
        if box.name != b"colr":
            continue
        kind = bytes(data[box.start : box.start + 4])
        if kind in {b"prof", b"rICC"}:
            is_whole = box.end - box.start - 4 <= budgets.MAX_PROFILE_BYTES
            return bytes(data[box.start + 4 : box.end]) if is_whole else None, False, True
        if kind == b"nclx":
            code_points = bytes(data[box.start + 4 : box.start + 8])
    if code_points is None or len(code_points) < 4:  # noqa: PLR2004 - two numbers of two bytes
        return None, False, False
    primaries, transfer = struct.unpack(">HH", code_points)
    profile = icc.from_code_points(primaries, transfer, is_grey=is_grey)
    return profile, icc.is_hdr(transfer), False
