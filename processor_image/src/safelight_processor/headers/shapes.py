"""How much of a coded picture is shown, and which way up: the boxes ispe, clap, irot and imir."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from safelight_contract.job import ExitCode
from safelight_processor.errors import ImageRejected
from safelight_processor.header import Crop, Data
from safelight_processor.headers.containers import Box, Item

_CLAP_BYTES: Final = 32
_FROM_ANGLE: Final = {0: 1, 1: 8, 2: 3, 3: 6}
_MIRRORED: Final = {
    (1, 0): 4,
    (1, 1): 2,
    (8, 0): 5,
    (8, 1): 7,
    (3, 0): 2,
    (3, 1): 4,
    (6, 0): 7,
    (6, 1): 5,
}
"""The orientation as EXIF counts it, after irot and then imir about an axis."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is to be done with the coded picture."""

    coded: tuple[int, int]
    crop: Crop | None = None
    orientation: int = 1


def shape_of(data: Data, item: Item) -> Shape:
    """Return how much of an item's picture is shown, and which way up.

    Raises:
        ImageRejected: it cannot be cut exactly as it says.
    """
    return transformed(data, item.properties, coded_size(data, item))


def coded_size(data: Data, item: Item) -> tuple[int, int]:
    """Return the size of an item's picture before anything is cut or turned; 0x0: it tells none."""
    for box in item.properties:
        if box.name == b"ispe":
            content = bytes(data[box.start + 4 : box.start + 12]).ljust(8, b"\0")
            width, height = struct.unpack(">II", content)
            return width, height
    return 0, 0


def transformed(data: Data, properties: Iterable[Box], size: tuple[int, int]) -> Shape:
    """Read clap, irot and imir, which apply in this order (MIAF, ISO/IEC 23000-22, 7.3.6.7).

    Args:
        data: the whole file.
        properties: of a picture.
        size: of it as coded, in pixels.

    Raises:
        ImageRejected: it cannot be cut exactly as it says.
    """
    found = {
        box.name: bytes(data[box.start : min(box.end, box.start + _CLAP_BYTES)])
        for box in properties
    }
    crop = _crop(found[b"clap"], size) if b"clap" in found else None
    orientation = _FROM_ANGLE[found.get(b"irot", b"\0")[:1].ljust(1, b"\0")[0] & 3]
    if b"imir" in found:
        axis = found[b"imir"][:1].ljust(1, b"\0")[0] & 1
        orientation = _MIRRORED[orientation, axis]
    return Shape(size, None if crop == (0, 0, *size) else crop, orientation)


def _crop(clean_aperture: bytes, size: tuple[int, int]) -> Crop:
    """Return what is to be shown of a picture of this size.

    Raises:
        ImageRejected: it is not made of whole pixels of the picture, so that showing more than
            was meant could not be avoided.
    """
    sides: list[tuple[int, int]] = []
    numbers = struct.unpack(">IIIIiIiI", clean_aperture.ljust(_CLAP_BYTES, b"\0"))
    for side, (length, divisor), (shift, shift_divisor) in (
        (size[0], numbers[0:2], numbers[4:6]),
        (size[1], numbers[2:4], numbers[6:8]),
    ):
        if not divisor or not shift_divisor or length % divisor:
            break
        kept = length // divisor
        start, rest = divmod(2 * shift + (side - kept) * shift_divisor, 2 * shift_divisor)
        if rest or kept < 1 or start < 0 or start + kept > side:
            break
        sides.append((start, start + kept))
    else:
        (left, right), (top, bottom) = sides
        return left, top, right, bottom
    raise ImageRejected(ExitCode.CORRUPT_IMAGE, "its clean aperture is not made of whole pixels")
