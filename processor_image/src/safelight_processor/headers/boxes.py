"""The boxes of AVIF and HEIF files (ISO/IEC 14496-12 and 23008-12): items and their properties."""

import struct
from collections.abc import Iterator
from typing import Final

from safelight_processor.header import Data
from safelight_processor.headers import budgets
from safelight_processor.headers.containers import Box, Container, Item, Track

_MAX_ITEMS: Final = 2000
"""Phones write about 60: a picture of 12 to 48 tiles, its thumbnail, maps and metadata."""
_UUID_BYTES: Final = 16
_VISUAL_ENTRY_BYTES: Final = 78
"""What stands in a track's description before the boxes with its properties."""


_MAX_NAMES_BYTES: Final = 512
"""Of an item: what it is called, and what it contains."""
_CHUNK_OFFSETS: Final = {b"stco": ">I", b"co64": ">Q"}
_ENTRY_HEADS: Final = {2: ">HH4s", 3: ">IH4s"}
"""An item's number, protection and kind, by the version of its entry; older ones know no kinds."""


def read(data: Data) -> Container:
    """Read a file's boxes.

    Raises:
        ImageRejected: there are absurdly many.
    """
    try:
        return _Parser(data).container()
    except (struct.error, IndexError):
        # A box ends too early. The decoder will tell whether it needed it.
        return Container()


def content(data: Data, item: Item, room: int = budgets.MAX_METADATA_BYTES) -> bytes:
    """Return the bytes of an item, as far as they are looked at.

    Args:
        data: the whole file.
        item: of it; its parts may lie on top of each other.
        room: how many bytes to return at most.
    """
    parts: list[bytes] = []
    for offset, length in item.extents:
        if room <= 0:
            break
        parts.append(bytes(data[offset : offset + min(length or room, room)]))
        room -= len(parts[-1])
    return b"".join(parts)


class _Parser:
    """Reads boxes, and counts them."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._parts = 0

    def _count(self) -> None:
        """Count what takes time: boxes, and what is repeated in them, maybe in no bytes at all."""
        self._parts += 1
        budgets.check_parts(self._parts)

    def boxes(self, start: int, end: int) -> Iterator[Box]:
        """Yield the boxes of a part of the file; stop where there is none."""
        while start + 8 <= end:
            self._count()
            size, name = struct.unpack_from(">I4s", self._data, start)
            content_start = start + 8
            if size == 1:
                (size,) = struct.unpack_from(">Q", self._data, content_start)
                content_start += 8
            box_end = end if size == 0 else min(start + size, end)
            if box_end < content_start:
                return
            yield Box(name, content_start, box_end)
            start = box_end

    def container(self) -> Container:
        found = Container()
        for box in self.boxes(0, len(self._data)):
            match box.name:
                case b"ftyp":
                    found.major_brand = bytes(self._data[box.start : box.start + 4])
                case b"meta":
                    self._meta(found, box)
                case b"moov":
                    self._tracks(found, box)
                case b"uuid":
                    found.uuids.add(bytes(self._data[box.start : box.start + _UUID_BYTES]))
        return found

    def _meta(self, found: Container, meta: Box) -> None:
        boxes = {box.name: box for box in self.boxes(meta.start + 4, meta.end)}
        for name, reader in (
            (b"iinf", self._infos),
            (b"pitm", self._primary),
            (b"iref", self._references),
            (b"iprp", self._properties),
        ):
            if name in boxes:
                reader(found, boxes[name])
        if b"iloc" in boxes:
            inner = boxes.get(b"idat", Box(b"", 0, 0))
            self._locations(found, boxes[b"iloc"], inner.start)

    def _version(self, box: Box) -> tuple[int, int]:
        """Return the version and the flags of a full box."""
        (word,) = struct.unpack_from(">I", self._data, box.start)
        return word >> 24, word & 0xFFFFFF

    def _primary(self, found: Container, box: Box) -> None:
        version, _ = self._version(box)
        (found.primary,) = struct.unpack_from(">I" if version else ">H", self._data, box.start + 4)

    def _infos(self, found: Container, box: Box) -> None:
        version, _ = self._version(box)
        for info in self.boxes(box.start + (8 if version else 6), box.end):
            version, flags = self._version(info)
            if info.name != b"infe" or version not in _ENTRY_HEADS:
                continue
            head = _ENTRY_HEADS[version]
            number, _, kind = struct.unpack_from(head, self._data, info.start + 4)
            start = info.start + 4 + struct.calcsize(head)
            names = bytes(self._data[start : min(info.end, start + _MAX_NAMES_BYTES)])
            found.items[number] = Item(
                kind,
                content_type=_second(names) if kind == b"mime" else b"",
                is_hidden=bool(flags & 1),
            )
            if len(found.items) > _MAX_ITEMS:
                raise budgets.too_large(f"it has more than {_MAX_ITEMS} items")

    def _references(self, found: Container, box: Box) -> None:
        version, _ = self._version(box)
        width, letter = (4, "I") if version else (2, "H")
        for reference in self.boxes(box.start + 4, box.end):
            source, count = struct.unpack_from(f">{letter}H", self._data, reference.start)
            count = min(count, (reference.end - reference.start) // width)
            targets = struct.unpack_from(
                f">{count}{letter}", self._data, reference.start + width + 2
            )
            found.references.append((reference.name, source, targets))

    def _properties(self, found: Container, box: Box) -> None:
        parts = list(self.boxes(box.start, box.end))
        known = [
            each
            for part in parts
            if part.name == b"ipco"
            for each in self.boxes(part.start, part.end)
        ]
        for part in parts:
            if part.name == b"ipma":
                self._associations(found, part, known)

    def _associations(self, found: Container, box: Box, known: list[Box]) -> None:
        version, flags = self._version(box)
        (count,) = struct.unpack_from(">I", self._data, box.start + 4)
        position = box.start + 8
        width, mask = (2, 0x7FFF) if flags & 1 else (1, 0x7F)
        head = ">IB" if version else ">HB"
        for _ in range(min(count, _MAX_ITEMS)):
            number, indices = struct.unpack_from(head, self._data, position)
            position += struct.calcsize(head)
            for _ in range(indices):
                self._count()
                index = int.from_bytes(self._data[position : position + width], "big") & mask
                position += width
                if number in found.items and 1 <= index <= len(known):
                    found.items[number].properties.append(known[index - 1])

    def _locations(self, found: Container, box: Box, inner: int) -> None:
        """Read where the items' bytes are; `inner` is where the `idat` box's content starts."""
        version, _ = self._version(box)
        sizes = int.from_bytes(self._data[box.start + 4 : box.start + 6], "big")
        offset_size, length_size, base_size, index_size = (
            sizes >> shift & 0xF for shift in (12, 8, 4, 0)
        )
        number_size = 4 if version == 2 else 2  # noqa: PLR2004 - version 2 has wider numbers
        reader = _Numbers(self._data, box.start + 6, box.end)
        for _ in range(min(reader.next(number_size), _MAX_ITEMS)):
            item = found.items.get(reader.next(number_size))
            method = reader.next(2) & 0xF if version else 0
            reader.next(2)
            base = reader.next(base_size) + (inner if method == 1 else 0)
            for _ in range(reader.next(2)):
                self._count()
                reader.next(index_size if version else 0)
                extent = base + reader.next(offset_size), reader.next(length_size)
                if item is not None and method <= 1 and len(item.extents) < _MAX_ITEMS:
                    item.extents.append(extent)

    def _tracks(self, found: Container, moov: Box) -> None:
        for trak in self.boxes(moov.start, moov.end):
            if trak.name != b"trak":
                continue
            track = Track()
            found.tracks.append(track)
            for name, box in self._inside(trak):
                if name == b"hdlr":
                    track.handler = bytes(self._data[box.start + 8 : box.start + 12])
                elif name in {b"stsz", b"stz2"}:
                    (track.samples,) = struct.unpack_from(">I", self._data, box.start + 8)
                elif name in _CHUNK_OFFSETS and not track.start:
                    (track.start,) = struct.unpack_from(
                        _CHUNK_OFFSETS[name], self._data, box.start + 8
                    )
                elif name == b"stsd":
                    self._description(track, box)

    def _inside(self, trak: Box) -> Iterator[tuple[bytes, Box]]:
        """Yield the boxes of a track that tell of its pictures."""
        nested = {b"mdia", b"minf", b"stbl"}
        pending = [trak]
        while pending:
            outer = pending.pop()
            for box in self.boxes(outer.start, outer.end):
                if box.name in nested:
                    pending.append(box)
                else:
                    yield box.name, box

    def _description(self, track: Track, box: Box) -> None:
        entry = next(self.boxes(box.start + 8, box.end), None)
        if entry is not None and not track.properties:
            width, height = struct.unpack_from(">HH", self._data, entry.start + 24)
            track.size = width, height
            track.properties = list(self.boxes(entry.start + _VISUAL_ENTRY_BYTES, entry.end))


def _second(names: bytes) -> bytes:
    """Return the second of several names that end in zeros."""
    return names.partition(b"\0")[2].partition(b"\0")[0]


class _Numbers:
    """Reads whole numbers of given widths, one after the other, and stops at the end."""

    def __init__(self, data: Data, position: int, end: int) -> None:
        self._data = data
        self._position = position
        self._end = end

    def next(self, width: int) -> int:
        start = self._position
        self._position += width
        if self._position > self._end:
            raise IndexError("the box ends within a number")
        return int.from_bytes(self._data[start : self._position], "big")
