"""GIF: its parts, as GIF89a says and browsers show them."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from safelight_processor.animations.frames import Afterwards, Part, damaged

SHORTEST_DELAY: Final = 10
"""Milliseconds. What asks for no more than this is shown for `USUAL_DELAY`, in all browsers: "We
follow Firefox's behavior and use a duration of 100 ms for any frames that specify a duration of
<= 10 ms" (WebKit, ImageSource.cpp, bug 36082). Other players of WebP know no such rule, so what
browsers do is written down in the result."""
USUAL_DELAY: Final = 100
MOST_PLAYS: Final = 65535

_SCREEN_END: Final = 13
_EXTENSION: Final = 0x21
_PICTURE: Final = 0x2C
_TRAILER: Final = b"\x3b"
_BLOCK: Final = re.compile(rb"[\x21\x2c\x3b]")
_CONTROL: Final = 0xF9
_APPLICATION: Final = 0xFF
_LOOPS: Final = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})
_HAS_PALETTE: Final = 0x80
_INTERLACED: Final = 0x40
_TRANSPARENT: Final = 0x01
_AFTERWARDS: Final = {
    2: Afterwards.CLEARED,
    3: Afterwards.UNDONE,
    # Some programs took the third bit for the third value.
    4: Afterwards.UNDONE,
}


@dataclass(slots=True)
class _Control:
    """What the last Graphic Control Extension says of the next picture."""

    delay: int = 0
    """Hundredths of a second."""
    afterwards: Afterwards = Afterwards.STAYS
    transparent: int | None = None
    """The palette's entry that is no colour."""


def read(data: memoryview) -> tuple[list[Part], int]:
    """Return the parts, and how often they are played (0: for ever).

    Raises:
        ImageRejected: the file ends within a block.
    """
    if len(data) < _SCREEN_END:
        raise damaged("the file ends within its header")
    flags = data[10]
    reader = _Reader(data, _SCREEN_END)
    palette = reader.palette(flags)
    parts: list[Part] = []
    # Without the extension it is played once.
    plays = 1
    control = _Control()
    while (kind := reader.kind()) is not None:
        if kind == _PICTURE:
            parts.append(_part(reader, control, palette))
            control = _Control()
        else:
            label = reader.take(1)[0]
            blocks = reader.blocks()
            if label == _CONTROL:
                control = _read_control(next(blocks, memoryview(b"")))
            elif label == _APPLICATION and bytes(next(blocks, b"")) in _LOOPS:
                content = next(blocks, memoryview(b""))
                if len(content) >= 3 and content[0] == 1:  # noqa: PLR2004 - kind and two bytes
                    # It says how often to begin again.
                    again = int.from_bytes(content[1:3], "little")
                    plays = min(again + 1, MOST_PLAYS) if again else 0
            for _ in blocks:
                pass
    return parts, plays


class _Reader:
    """Steps through the blocks.

    Raises:
        ImageRejected: the file ends too early.
    """

    def __init__(self, data: memoryview, position: int) -> None:
        self._data = data
        self.position = position

    def kind(self) -> int | None:
        """Return the next block's first byte; None at the end, which may lack its trailer.

        What stands between blocks is skipped, as the GIF87a specification and decoders do.
        """
        found = _BLOCK.search(self._data, self.position)
        if found is None or found[0] == _TRAILER:
            return None
        self.position = found.end()
        return found[0][0]

    def take(self, count: int) -> memoryview:
        """Return the next bytes."""
        self.position += count
        if self.position > len(self._data):
            raise damaged("the file ends within a frame")
        return self._data[self.position - count : self.position]

    def palette(self, flags: int) -> memoryview | None:
        """Return the palette that these flags announce."""
        return self.take(3 << (flags % 8 + 1)) if flags & _HAS_PALETTE else None

    def pixels(self) -> memoryview:
        """Return the size of LZW's first codes with all the sub-blocks of codes."""
        start = self.position
        self.take(1)
        for _ in self.blocks():
            pass
        return self._data[start : self.position]

    def blocks(self) -> Iterator[memoryview]:
        """Yield the sub-blocks of a content, to its end."""
        while length := self.take(1)[0]:
            yield self.take(length)


def _read_control(content: memoryview) -> _Control:
    if len(content) < 4:  # noqa: PLR2004 - its length in the standard
        return _Control()
    flags, delay, transparent = struct.unpack_from("<BHB", content)
    return _Control(
        delay=delay,
        afterwards=_AFTERWARDS.get(flags >> 2 & 7, Afterwards.STAYS),
        transparent=transparent if flags & _TRANSPARENT else None,
    )


def _part(reader: _Reader, control: _Control, palette: memoryview | None) -> Part:
    left, top, width, height, flags = struct.unpack("<HHHHB", reader.take(9))
    colours = reader.palette(flags) or palette
    pixels = reader.pixels()
    bits = (len(colours) // 3).bit_length() - 2 if colours else 0
    screen = struct.pack("<6sHHBBB", b"GIF89a", width, height, bool(colours) << 7 | bits, 0, 0)
    head = b""
    if control.transparent is not None:
        head = struct.pack("<BBBBHBB", _EXTENSION, _CONTROL, 4, 1, 0, control.transparent, 0)
    place = struct.pack("<BHHHHB", _PICTURE, 0, 0, width, height, flags & _INTERLACED)
    delay = control.delay * 10
    return Part(
        pieces=(screen, colours or b"", head, place, pixels, _TRAILER),
        place=(left, top),
        size=(width, height),
        delay=Fraction(delay if delay > SHORTEST_DELAY else USUAL_DELAY),
        afterwards=control.afterwards,
    )
