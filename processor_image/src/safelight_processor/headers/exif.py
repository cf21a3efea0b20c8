"""EXIF: the few facts that are believed, read without ever failing.

A block is untrusted and often odd: cameras, phones and editors write orientations as bytes, blocks
with a prefix where there should be none, and offsets that point nowhere. What cannot be read is as
if it were absent; it never makes a picture bad.
"""

import struct
from dataclasses import dataclass
from typing import Final

ORIENTATION: Final = 0x0112
ARTIST: Final = 0x013B
COPYRIGHT: Final = 0x8298
_GPS: Final = 0x8825
_EXIF: Final = 0x8769
_MAKER_NOTE: Final = 0x927C
_USER_COMMENT: Final = 0x9286

_PREFIX: Final = b"Exif\0\0"
_MAX_ENTRIES: Final = 500
_MAX_TEXT: Final = 4096
_ORIENTATIONS: Final = range(1, 9)
_INTEGERS: Final = {1: "B", 3: "H", 4: "I"}
_ASCII_TYPES: Final = {2, 7, 129}
"""ASCII, UNDEFINED, and EXIF 3.0's UTF-8."""


@dataclass(frozen=True, slots=True)
class Exif:
    """What a block says."""

    orientation: int | None = None
    """1 to 8; None: it says none, or none that makes sense."""
    has_gps: bool = False
    has_maker_note: bool = False
    has_thumbnail: bool = False
    has_comment: bool = False
    artist: bytes = b""
    copyright: bytes = b""


NONE: Final = Exif()


def parse(block: bytes) -> Exif:
    """Read a block; one that cannot be read says nothing.

    Args:
        block: a TIFF header and what follows, with or without the prefix of JPEG's APP1.
    """
    block = block.removeprefix(_PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return NONE
    first, after = _directory(block, order, _number(block, order, 4))
    inner, _ = _directory(block, order, _value(block, order, first.get(_EXIF)))
    gps, _ = _directory(block, order, _value(block, order, first.get(_GPS)))
    thumbnail, _ = _directory(block, order, after)
    orientation = _value(block, order, first.get(ORIENTATION))
    return Exif(
        orientation=orientation if orientation in _ORIENTATIONS else None,
        has_gps=bool(gps),
        has_maker_note=_MAKER_NOTE in inner,
        has_thumbnail=bool(thumbnail),
        has_comment=bool(_text(block, order, inner.get(_USER_COMMENT)).strip(b"\0 ")),
        artist=_text(block, order, first.get(ARTIST)),
        copyright=_text(block, order, first.get(COPYRIGHT)),
    )


Entry = tuple[int, int, int]
"""Type, count, and where the four bytes of the value are."""


def _directory(block: bytes, order: str, offset: int | None) -> tuple[dict[int, Entry], int | None]:
    """Return the entries of a directory by tag, and where the next directory is."""
    entries: dict[int, Entry] = {}
    if not offset or offset + 2 > len(block):
        return entries, None
    (count,) = struct.unpack_from(order + "H", block, offset)
    position = offset + 2
    for _ in range(min(count, _MAX_ENTRIES)):
        if position + 12 > len(block):
            return entries, None
        tag, kind, length = struct.unpack_from(order + "HHI", block, position)
        entries.setdefault(tag, (kind, length, position + 8))
        position += 12
    return entries, _number(block, order, position) if count <= _MAX_ENTRIES else None


def _number(block: bytes, order: str, offset: int) -> int | None:
    if offset + 4 > len(block):
        return None
    number: int = struct.unpack_from(order + "I", block, offset)[0]
    return number


def _value(block: bytes, order: str, entry: Entry | None) -> int | None:
    """Return the only integer of an entry, whichever width it has."""
    if entry is None:
        return None
    kind, count, place = entry
    if kind not in _INTEGERS or count != 1:
        # The pointer to a directory has a type of its own in some files (13, IFD).
        return _number(block, order, place) if kind == 13 else None  # noqa: PLR2004 - TIFF's number of the type
    number: int = struct.unpack_from(order + _INTEGERS[kind], block, place)[0]
    return number


def _text(block: bytes, order: str, entry: Entry | None) -> bytes:
    if entry is None:
        return b""
    kind, count, place = entry
    if kind not in _ASCII_TYPES:
        return b""
    start = place if count <= 4 else (_number(block, order, place) or len(block))  # noqa: PLR2004 - what fits stands in place of an offset
    return block[start : start + min(count, _MAX_TEXT)]
