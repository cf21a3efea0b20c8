"""What a file holds beside its pixels."""

import struct
from collections.abc import Iterator

from safelight_contract import policy
from safelight_contract.policy import Format

ALLOWED = {
    "JPEG": {"APP0:JFIF", "APP2:ICC_PROFILE", "DQT", "SOF0", "SOF1", "SOF2", "DHT", "SOS"},
    "PNG": {"IHDR", "iCCP", "PLTE", "tRNS", "acTL", "fcTL", "fdAT", "IDAT", "IEND"},
    "WEBP": {"VP8X", "ICCP", "ANIM", "ANMF", "ALPH", "VP8", "VP8L"},
    "AVIF": {"ftyp", "meta", "moov", "mdat", "item:av01"},
}
"""All parts that a processed image may hold, see `of`."""

_PNG_SIGNATURE_LENGTH = 8


def of(data: bytes, image_format: Format) -> list[str]:
    """Return the names of all parts of a file, in order.

    That is chunks (PNG, WebP), segments (JPEG, an application's with what it calls itself), or
    boxes (AVIF, with its items by their type).

    Raises:
        AssertionError: the file does not end where its last part ends.
    """
    readers = {
        policy.JPEG: _segments,
        policy.PNG: _png_chunks,
        policy.WEBP: _riff_chunks,
        policy.AVIF: _boxes,
    }
    return list(readers[image_format](data))


def _png_chunks(data: bytes) -> Iterator[str]:
    position = _PNG_SIGNATURE_LENGTH
    name = ""
    while position < len(data):
        assert name != "IEND", "there are bytes after the end"
        size, raw = struct.unpack_from(">I4s", data, position)
        name = raw.decode("ascii")
        yield name
        position += 12 + size
    assert (name, position) == ("IEND", len(data))


def _riff_chunks(data: bytes) -> Iterator[str]:
    _, riff_size = struct.unpack_from("<4sI", data)
    assert riff_size + 8 == len(data)
    yield from _chunks_between(data, 12, len(data))


def _chunks_between(data: bytes, position: int, end: int) -> Iterator[str]:
    while position < end:
        raw, size = struct.unpack_from("<4sI", data, position)
        name = raw.decode("ascii").strip()
        yield name
        position += 8
        if name == "ANMF":
            # A frame of an animation is chunks again, after 16 bytes of its own.
            yield from _chunks_between(data, position + 16, position + size)
        position += size + size % 2
    assert position == end


def _boxes(data: bytes) -> Iterator[str]:
    position = 0
    while position < len(data):
        size, raw = struct.unpack_from(">I4s", data, position)
        yield raw.decode("ascii")
        if raw == b"meta":
            content, found = data[position : position + size], 0
            # An item's entry: its box, a version with three flags, two numbers, and its type.
            while (found := content.find(b"infe", found) + 4) > 4 - 1:
                yield f"item:{content[found + 8 : found + 12].decode('latin-1')}"
        position += size
    assert position == len(data), "there are bytes after the end"


def _segments(data: bytes) -> Iterator[str]:
    start_of_image, end_of_image, start_of_scan = 0xD8, 0xD9, 0xDA
    position = 2
    assert data[1] == start_of_image
    while True:
        assert data[position] == 0xFF
        marker = data[position + 1]
        if marker == end_of_image:
            assert position + 2 == len(data), "there are bytes after the end"
            return
        (size,) = struct.unpack_from(">H", data, position + 2)
        content = data[position + 4 : position + 2 + size]
        yield _segment_name(marker, content)
        position += 2 + size
        if marker == start_of_scan:
            while data[position] != 0xFF or data[position + 1] in (0, *range(0xD0, 0xD8)):
                position += 1


def _segment_name(marker: int, content: bytes) -> str:
    if 0xE0 <= marker <= 0xEF:
        return f"APP{marker - 0xE0}:{content.split(bytes(1))[0].decode('latin-1')}"
    names = {
        0xC0: "SOF0",
        0xC1: "SOF1",
        0xC2: "SOF2",
        0xC4: "DHT",
        0xDA: "SOS",
        0xDB: "DQT",
        0xFE: "COM",
    }
    return names.get(marker, f"{marker:02X}")
