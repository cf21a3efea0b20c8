"""WebP: its chunks."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from safelight_contract import policy
from safelight_contract.facts import Removed
from safelight_processor.header import Data, Header
from safelight_processor.headers import budgets, exif, kinds, xmp

_START: Final = 12
_CHUNK_BYTES: Final = 8
_FRAME_BYTES: Final = 16
"""What stands in a frame of an animation before the chunks of its picture."""
_ANIMATED_FLAG: Final = 0x02
_ALPHA_FLAG: Final = 0x10
_PICTURES: Final = frozenset({b"VP8 ", b"VP8L", b"ALPH"})
_FOURTEEN_BITS: Final = 0x3FFF


@dataclass(slots=True)
class Chunks:
    """What the chunks say."""

    picture: bytes = b""
    """The name of the first chunk with pixels: `VP8L` is without loss."""
    size: tuple[int, int] = (0, 0)
    canvas: tuple[int, int] | None = None
    has_alpha: bool = False
    is_animated: bool = False
    frames: int = 0
    profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    kinds: set[Removed] = field(default_factory=set)


def read(data: Data) -> Header:
    """See `headers.read_header`."""
    found = chunks(data)
    size = found.canvas or found.size
    frames = found.frames if found.is_animated and found.frames > 1 else 1
    budgets.check_size(size, frames)
    orientation = kinds.orientation(found.exif, found.xmp)
    return Header(
        format=policy.WEBP,
        size=size,
        orientation=orientation,
        is_turned=orientation != 1,
        profile=found.profile,
        has_alpha=found.has_alpha,
        is_lossless=found.picture == b"VP8L",
        subsampling=None if found.picture == b"VP8L" else "4:2:0",
        frames=frames,
        gain_map=found.xmp is not None and xmp.tells_of_gain_map(found.xmp),
        metadata=frozenset(found.kinds),
    )


def chunks(data: Data) -> Chunks:
    """Read the chunks, but none of the pixels.

    Raises:
        ImageRejected: there are absurdly many.
    """
    found = Chunks()
    end = 8 + int.from_bytes(data[4:8], "little")
    for name, start, size in _chunks(data, _START, min(end, len(data))):
        if name in _PICTURES:
            _take_picture(found, name, data, start)
        elif name == b"ANMF":
            found.frames += 1
            if found.frames == 1:
                last = min(start + size, len(data))
                for inner, place, _ in _chunks(data, start + _FRAME_BYTES, last):
                    _take_picture(found, inner, data, place)
        else:
            _take(found, name, bytes(data[start : start + size]))
    if bytes(data[end : end + budgets.MAX_METADATA_BYTES]).strip(b"\0"):
        found.kinds.add(Removed.TRAILING_DATA)
    return found


def _chunks(data: Data, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's name, where its content starts, and its length."""
    number = 0
    while position + _CHUNK_BYTES <= end:
        name, size = struct.unpack_from("<4sI", data, position)
        yield name, position + _CHUNK_BYTES, size
        position += _CHUNK_BYTES + size + size % 2
        number += 1
        budgets.check_parts(number)


def _take_picture(found: Chunks, name: bytes, data: Data, start: int) -> None:
    """Take the size and the kind of the first picture."""
    if name == b"ALPH":
        found.has_alpha = True
    if name not in {b"VP8 ", b"VP8L"} or found.picture:
        return
    found.picture = name
    head = bytes(data[start : start + 10]).ljust(10, b"\0")
    if name == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 1)
        found.size = ((bits & _FOURTEEN_BITS) + 1, (bits >> 14 & _FOURTEEN_BITS) + 1)
        found.has_alpha = found.has_alpha or bool(bits >> 28 & 1)
    else:
        width, height = struct.unpack_from("<HH", head, 6)
        found.size = (width & _FOURTEEN_BITS, height & _FOURTEEN_BITS)


def _take(found: Chunks, name: bytes, content: bytes) -> None:
    """Sort in the content of a chunk without pixels."""
    if name == b"VP8X" and len(content) >= 10 and found.canvas is None:  # noqa: PLR2004 - the chunk's length
        found.has_alpha = bool(content[0] & _ALPHA_FLAG)
        found.is_animated = bool(content[0] & _ANIMATED_FLAG)
        width, height = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (4, 7))
        found.canvas = width, height
    elif name == b"ICCP":
        found.kinds.add(Removed.ICC_PROFILE)
        if found.profile is None and len(content) <= budgets.MAX_PROFILE_BYTES:
            found.profile = content
    elif name == b"EXIF":
        found.exif = found.exif or content[: budgets.MAX_METADATA_BYTES]
        found.kinds |= kinds.of_exif(exif.parse(content[: budgets.MAX_METADATA_BYTES]))
    elif name == b"XMP ":
        found.xmp = found.xmp or content[: budgets.MAX_METADATA_BYTES]
        found.kinds.add(Removed.XMP)
    elif name == b"C2PA":
        found.kinds.add(Removed.C2PA)
