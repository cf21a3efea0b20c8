"""The original's own compressed pixels in a new file: for what nobody compresses better.

Nothing else of the original is taken, and only where that is proven to be nothing but the pixels of
the picture: the new file is decoded, and compared with it.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from safelight_contract import policy
from safelight_contract.policy import Format
from safelight_processor.picture import Buffer, Picture
from safelight_processor.plugins import plugin_of

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_KEPT: Final = frozenset({b"IHDR", b"PLTE", b"tRNS"})
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of a PNG, by its type of colour."""
_CHUNK_BYTES: Final = 1 << 20
_AHEAD: Final = 9
"""Bytes of lossless WebP without which no picture can be read, unless others trail it."""


def rewrapped(original: Buffer, image_format: Format, picture: Picture) -> bytes | None:
    """Return the original's pixels in a new file, or None if that is not this very picture.

    Args:
        original: the whole file, which was decoded without a complaint before.
        image_format: of the original: PNG or WebP; for others there is nothing to return.
        picture: what the new file has to show, to the bit.
    """
    view = memoryview(original)
    match image_format:
        case policy.PNG:
            made = _png(view)
        case policy.WEBP:
            made = _webp(view)
        case _:
            return None
    return made if made is not None and _shows(made, image_format, picture) else None


def _shows(data: bytes, image_format: Format, picture: Picture) -> bool:
    with plugin_of(image_format)(io.BytesIO(data)) as image:
        if image.size != picture.size:
            return False
        transparent = image.has_transparency_data
        found = image.convert("RGBA" if transparent else "RGB")
    if transparent and not picture.has_alpha:
        return False
    expected = picture.image().convert(found.mode)
    return found.tobytes() == expected.tobytes()


def _png(original: memoryview) -> bytes | None:
    """Keep the chunks that are needed to see the picture; the zlib stream ends where it ends."""
    kept: list[tuple[bytes, bytes]] = []
    stream = bytearray()
    for name, content in _png_chunks(original):
        if name in _KEPT:
            kept.append((name, bytes(content)))
        elif name == b"IDAT":
            stream += content
    if not kept or kept[0][0] != b"IHDR" or len({name for name, _ in kept}) < len(kept):
        return None
    pixels = _exactly_the_rows(bytes(stream), kept[0][1])
    if pixels is None:
        return None
    parts = [*kept, (b"IDAT", pixels), (b"IEND", b"")]
    return _PNG_SIGNATURE + b"".join(_png_chunk(name, content) for name, content in parts)


def _png_chunks(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    at = len(_PNG_SIGNATURE)
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at + 8 : at + 8 + length]
        if name == b"IEND":
            return
        at += 12 + length


def _png_chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(content, zlib.crc32(name))
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", check)


def _exactly_the_rows(stream: bytes, header: bytes) -> bytes | None:
    """Return the zlib stream up to its end, if it holds the picture's rows and nothing more."""
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if interlaced or colour not in _CHANNELS:
        return None
    expected = height * ((width * bits * _CHANNELS[colour] + 7) // 8 + 1)
    inflater = zlib.decompressobj()
    found, pending = 0, stream
    try:
        while not inflater.eof and found <= expected:
            part = inflater.decompress(pending, _CHUNK_BYTES)
            pending = inflater.unconsumed_tail
            found += len(part)
            if not part and not pending and not inflater.eof:
                return None
    except zlib.error:
        return None
    if not inflater.eof or found != expected:
        return None
    return stream[: len(stream) - len(inflater.unused_data)]


def _webp(original: memoryview) -> bytes | None:
    """Keep the one chunk of a still picture without loss."""
    at = 12
    while at + 8 <= len(original):
        name, length = struct.unpack_from("<4sI", original, at)
        content = bytes(original[at + 8 : at + 8 + length])
        if name == b"VP8L":
            made = _riff(content)
            # Nothing tells where its bits end, but libwebp, which reads up to 8 bytes ahead.
            return None if _is_readable(_riff(content[:-_AHEAD])) else made
        at += 8 + length + length % 2
    return None


def _riff(content: bytes) -> bytes:
    chunk = struct.pack("<4sI", b"VP8L", len(content)) + content + bytes(len(content) % 2)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunk), b"WEBP") + chunk


def _is_readable(data: bytes) -> bool:
    try:
        with plugin_of(policy.WEBP)(io.BytesIO(data)) as image:
            image.load()
    except (OSError, ValueError):
        return False
    return True
