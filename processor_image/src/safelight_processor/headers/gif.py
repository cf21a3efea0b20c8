"""GIF: its blocks, counted without decoding."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from safelight_contract import policy
from safelight_contract.facts import Removed
from safelight_processor.header import Data, Header
from safelight_processor.headers import budgets

_SCREEN_END: Final = 13
_BLOCK: Final = re.compile(rb"[\x21\x2c\x3b]")
_TRAILER: Final = b"\x3b"
_PICTURE: Final = 0x2C
_CONTROL: Final = 0xF9
_COMMENT: Final = 0xFE
_PLAIN_TEXT: Final = 0x01
_APPLICATION: Final = 0xFF
_DESCRIPTOR_BYTES: Final = 9
_HAS_PALETTE: Final = 0x80
_XMP: Final = b"XMP DataXMP"
_ICC: Final = b"ICCRGBG1012"
_CODE_BYTES: Final = 1
"""The size of LZW's first codes stands before the pixels."""


@dataclass(slots=True)
class Blocks:
    """What the blocks say."""

    screen: tuple[int, int] = (0, 0)
    first: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Left, top, width and height of the first picture."""
    frames: int = 0
    has_alpha: bool = False
    profile: bytes | None = None
    xmp: bytes | None = None
    kinds: set[Removed] = field(default_factory=set)


def read(data: Data) -> Header:
    """See `headers.read_header`."""
    found = blocks(data)
    left, top, width, height = found.first
    # Where the first picture sticks out of the screen, the screen is as large as the picture.
    size = max(found.screen[0], left + width), max(found.screen[1], top + height)
    frames = max(1, found.frames)
    budgets.check_size(size, frames)
    place = left, top, left + width, top + height
    covered = None if place == (0, 0, *size) else place
    return Header(
        format=policy.GIF,
        size=size,
        profile=found.profile,
        covered=covered,
        has_alpha=found.has_alpha or covered is not None,
        is_lossless=True,
        frames=frames,
        metadata=frozenset(found.kinds),
    )


def blocks(data: Data) -> Blocks:
    """Read the blocks, but none of the pixels.

    Raises:
        ImageRejected: there are absurdly many.
    """
    found = Blocks()
    if len(data) < _SCREEN_END:
        return found
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    found.screen = width, height
    reader = _Reader(data, _SCREEN_END + _palette_bytes(flags))
    while (kind := reader.next_block()) is not None:
        if kind == _PICTURE:
            _take_picture(found, reader)
        else:
            _take_extension(found, reader)
    if bytes(data[reader.position :][: budgets.MAX_METADATA_BYTES]).strip(b"\0\x3b\r\n "):
        found.kinds.add(Removed.TRAILING_DATA)
    return found


class _Reader:
    """Steps through the blocks, and counts them."""

    def __init__(self, data: Data, position: int) -> None:
        self._data = data
        self._blocks = 0
        self.position = position

    def next_block(self) -> int | None:
        """Return which kind of block comes next, after what is none; None after the last one.

        Decoders skip what is none as well, so that a few stray bytes hide no frames from us.
        """
        found = _BLOCK.search(self._data, self.position)
        self.position = found.end() if found else len(self._data)
        self._count()
        return self._data[self.position - 1] if found and found[0] != _TRAILER else None

    def byte(self) -> int | None:
        """Return the next byte; None at the end."""
        if self.position >= len(self._data):
            return None
        self._count()
        self.position += 1
        return self._data[self.position - 1]

    def _count(self) -> None:
        self._blocks += 1
        budgets.check_parts(self._blocks)

    def take(self, count: int) -> bytes:
        """Return the next bytes; fewer at the end."""
        self.position += count
        return bytes(self._data[self.position - count : self.position])

    def sub_blocks(self) -> Iterator[bytes]:
        """Yield the parts of a block's content."""
        while length := self.byte():
            yield self.take(length)

    def skip_sub_blocks(self) -> None:
        """Step over a block's content."""
        while length := self.byte():
            self.position += length


def _palette_bytes(flags: int) -> int:
    return 3 * 2 ** (flags % 8 + 1) if flags & _HAS_PALETTE else 0


def _take_picture(found: Blocks, reader: _Reader) -> None:
    descriptor = reader.take(_DESCRIPTOR_BYTES)
    if len(descriptor) < _DESCRIPTOR_BYTES:
        return
    found.frames += 1
    if found.frames == 1:
        left, top, width, height = struct.unpack_from("<HHHH", descriptor)
        found.first = left, top, width, height
    reader.position += _palette_bytes(descriptor[8]) + _CODE_BYTES
    reader.skip_sub_blocks()


def _take_extension(found: Blocks, reader: _Reader) -> None:
    kind = reader.byte()
    if kind == _CONTROL:
        control = b"".join(reader.sub_blocks())
        if found.frames == 0 and control:
            found.has_alpha = bool(control[0] & 1)
    elif kind == _APPLICATION:
        name = next(reader.sub_blocks(), b"")
        if name == _XMP:
            # Its text stands there without blocks; the 258 bytes after it make readers skip it.
            found.xmp = _xmp(reader)
            found.kinds.add(Removed.XMP)
        elif name == _ICC:
            content = b"".join(reader.sub_blocks())
            found.kinds.add(Removed.ICC_PROFILE)
            found.profile = content if len(content) <= budgets.MAX_PROFILE_BYTES else None
        else:
            reader.skip_sub_blocks()
    else:
        if kind in {_COMMENT, _PLAIN_TEXT}:
            found.kinds.add(Removed.COMMENT if kind == _COMMENT else Removed.TEXT)
        reader.skip_sub_blocks()


def _xmp(reader: _Reader) -> bytes:
    start = reader.position
    reader.skip_sub_blocks()
    end = reader.position
    reader.position = start
    text = reader.take(min(end - start, budgets.MAX_METADATA_BYTES))
    reader.position = end
    return text
