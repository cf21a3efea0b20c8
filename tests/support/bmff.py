"""Editing the boxes of AVIF and HEIF files that an encoder has made."""

import struct

_META_START = 4
"""A full box: version and flags stand before the boxes in it."""


def box(name: bytes, content: bytes) -> bytes:
    """Return a box."""
    return struct.pack(">I4s", 8 + len(content), name) + content


def clean_aperture(width: int, height: int, shift: tuple[int, int], divisor: int = 1) -> bytes:
    """Return a clap box.

    Args:
        width: of what is shown, in pixels times `divisor`.
        height: the same.
        shift: how far its middle is from the picture's, in half pixels.
        divisor: what the two sides are to be divided by.
    """
    return box(
        b"clap",
        struct.pack(">IIIIiIiI", width, divisor, height, divisor, shift[0], 2, shift[1], 2),
    )


def rotation(quarters: int) -> bytes:
    """Return an irot box: so many quarter turns against the clock."""
    return box(b"irot", bytes((quarters,)))


def mirror(axis: int) -> bytes:
    """Return an imir box: 0 swaps top and bottom, 1 left and right."""
    return box(b"imir", bytes((axis,)))


def with_code_points(data: bytes, primaries: int, transfer: int) -> bytes:
    """Return the file with other numbers in the colr box that says sRGB."""
    found = struct.pack(">4sHH", b"nclx", 1, 13)
    assert data.count(found) == 1
    return data.replace(found, struct.pack(">4sHH", b"nclx", primaries, transfer))


def with_properties(data: bytes, *added: bytes) -> bytes:
    """Return the file with more properties of its primary picture, applied in this order.

    Args:
        data: as libavif or libheif write it: items with 16-bit numbers, the primary one first.
        *added: boxes.
    """
    start, end = _find(data, 0, len(data), b"meta")
    inner = start + _META_START
    ipco = _find(data, *_find(data, inner, end, b"iprp"), b"ipco")
    ipma = _find(data, *_find(data, inner, end, b"iprp"), b"ipma")
    known = len(_boxes(data, *ipco))
    content = data[ipma[0] : ipma[1]]
    (count,) = struct.unpack_from(">B", content, 10)
    # Essential: who does not know such a property must not show the picture.
    indices = bytes(0x80 | known + 1 + number for number in range(len(added)))
    associations = content[:10] + bytes((count + len(added),)) + content[11 : 11 + count]
    associations += indices + content[11 + count :]
    properties = box(
        b"iprp",
        box(b"ipco", data[ipco[0] : ipco[1]] + b"".join(added)) + box(b"ipma", associations),
    )
    grown = sum(map(len, added)) + len(added)
    parts = [
        properties if name == b"iprp" else box(name, _moved(data[a:b], grown, name))
        for name, a, b in _boxes(data, inner, end)
    ]
    meta = box(b"meta", data[start:inner] + b"".join(parts))
    return data[: start - 8] + meta + data[end:]


def _moved(content: bytes, by: int, name: bytes) -> bytes:
    """Return the content of a box; of an iloc box with all places moved."""
    if name != b"iloc":
        return content
    has_base = content[5] >> 4 != 0
    (count,) = struct.unpack_from(">H", content, 6)
    moved, position = bytearray(content), 8
    for _ in range(count):
        base, extents = position + 4, position + (8 if has_base else 4)
        (number,) = struct.unpack_from(">H", content, extents)
        places = [base] if has_base else [extents + 2 + 8 * n for n in range(number)]
        for place in places:
            (offset,) = struct.unpack_from(">I", content, place)
            struct.pack_into(">I", moved, place, offset + by)
        position = extents + 2 + 8 * number
    return bytes(moved)


def _boxes(data: bytes, start: int, end: int) -> list[tuple[bytes, int, int]]:
    """Return the name of each box, and where its content starts and ends."""
    found = []
    while start < end:
        size, name = struct.unpack_from(">I4s", data, start)
        found.append((name, start + 8, start + size))
        start += size
    return found


def _find(data: bytes, start: int, end: int, wanted: bytes) -> tuple[int, int]:
    return next((a, b) for name, a, b in _boxes(data, start, end) if name == wanted)
