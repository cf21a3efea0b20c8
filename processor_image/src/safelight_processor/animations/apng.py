"""APNG: its parts, as PNG's third edition says (fcTL, fdAT), read and written."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from safelight_processor.animations.frames import Afterwards, Part, damaged
from safelight_processor.header import Data

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_CHECKED: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"IDAT", b"fdAT"})
"""What the pixels depend on; whatever else is damaged is as if it were absent."""
_KEPT: Final = frozenset({b"PLTE", b"tRNS"})
_AFTERWARDS: Final = (Afterwards.STAYS, Afterwards.CLEARED, Afterwards.UNDONE)
_CONTROL: Final = struct.Struct(">IIIIIHHBB")
_REPLACES: Final = 0
_USUAL_DIVISOR: Final = 100
"""What a delay's divisor of 0 stands for."""


@dataclass(slots=True)
class _Control:
    """A frame's fcTL chunk, and its pixels so far."""

    size: tuple[int, int]
    place: tuple[int, int]
    delay: Fraction
    afterwards: Afterwards
    replaces: bool
    pixels: list[memoryview] = field(default_factory=list)


def chunk(name: bytes, *content: Data) -> bytes:
    """Return a chunk with its length and checksum."""
    body = b"".join(content)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", _checksum(name, body))


def chunks(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield name and content of each chunk up to the last.

    Raises:
        ImageRejected: one that matters is damaged, or the file ends before the last.
    """
    position = len(SIGNATURE)
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        content = data[position + 8 : position + 8 + length]
        position += 12 + length
        if position > len(data):
            break
        if name == b"IEND":
            return
        told = int.from_bytes(data[position - 4 : position], "big")
        if name in _CHECKED and told != _checksum(name, content):
            raise damaged("a chunk's checksum is wrong")
        yield name, content
    raise damaged("the file ends before its last chunk")


def read(data: memoryview) -> tuple[list[Part], int]:  # noqa: C901 - one case for each chunk
    """Return the parts, and how often they are played (0: for ever).

    A picture before the first fcTL is for readers without animation, and is left out.

    Raises:
        ImageRejected: the chunks break a rule.
    """
    header = b""
    kept: list[bytes] = []
    controls: list[_Control] = []
    promised, plays, sequence = 0, 0, 0
    for name, content in chunks(data):
        if name == b"IHDR" and len(content) == 13:  # noqa: PLR2004 - its length
            header = bytes(content)
        elif name in _KEPT and not controls:
            kept.append(chunk(name, content))
        elif name == b"acTL" and len(content) == 8 and not promised:  # noqa: PLR2004 - its length
            promised, plays = struct.unpack(">II", content)
        elif name in {b"fcTL", b"fdAT"}:
            if len(content) < 4 or int.from_bytes(content[:4], "big") != sequence:  # noqa: PLR2004 - the number
                raise damaged("its frames are out of order")
            sequence += 1
            if name == b"fcTL":
                controls.append(_control(content, header))
            elif controls:
                controls[-1].pixels.append(content[4:])
        elif name == b"IDAT" and controls:
            controls[-1].pixels.append(content)
    if not header or len(controls) != promised:
        raise damaged(f"it has {len(controls)} frames, and says {promised}")
    return [_part(control, header, kept) for control in controls], plays


def control(
    sequence: int,
    size: tuple[int, int],
    place: tuple[int, int],
    delay: Fraction,
    *,
    replaces: bool,
) -> bytes:
    """Return the fcTL chunk of a part that stays.

    Args:
        sequence: its number among all fcTL and fdAT chunks.
        size: of the part, in pixels.
        place: of its left upper corner.
        delay: milliseconds.
        replaces: whether its transparent pixels clear what is below them.
    """
    seconds = (delay / 1000).limit_denominator(65535)
    told = min(seconds.numerator, 65535), seconds.denominator
    return chunk(b"fcTL", _CONTROL.pack(sequence, *size, *place, *told, 0, not replaces))


def _control(content: memoryview, header: bytes) -> _Control:
    if len(content) != _CONTROL.size:
        raise damaged("a frame's header has a wrong length")
    _, width, height, left, top, delay, divisor, afterwards, blend = _CONTROL.unpack(content)
    canvas = struct.unpack_from(">II", header.ljust(8, b"\0"))
    if not width or not height or left + width > canvas[0] or top + height > canvas[1]:
        raise damaged("a frame is outside of the picture")
    if afterwards >= len(_AFTERWARDS):
        raise damaged("a frame's header has an unknown value")
    return _Control(
        size=(width, height),
        place=(left, top),
        delay=Fraction(delay * 1000, divisor or _USUAL_DIVISOR),
        afterwards=_AFTERWARDS[afterwards],
        replaces=blend == _REPLACES,
    )


def _part(control: _Control, header: bytes, kept: list[bytes]) -> Part:
    if not control.pixels:
        raise damaged("a frame has no pixels")
    still = struct.pack(">II", *control.size) + header[8:]
    checksum = zlib.crc32(b"IDAT")
    for piece in control.pixels:
        checksum = zlib.crc32(piece, checksum)
    return Part(
        pieces=(
            SIGNATURE,
            chunk(b"IHDR", still),
            *kept,
            struct.pack(">I", sum(len(piece) for piece in control.pixels)) + b"IDAT",
            *control.pixels,
            struct.pack(">I", checksum),
            chunk(b"IEND"),
        ),
        place=control.place,
        size=control.size,
        delay=control.delay,
        afterwards=control.afterwards,
        replaces=control.replaces,
    )


def _checksum(name: bytes, content: Data) -> int:
    return zlib.crc32(content, zlib.crc32(name))
