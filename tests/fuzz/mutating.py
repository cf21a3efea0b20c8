"""Mutations that reach further than random bytes do: a PNG's checksums are made right again.

Every chunk of a PNG has one, and decoders refuse the first that is wrong: without this all that a
mutated PNG ever tests is the comparison.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Final

Mutate = Callable[[bytes, int], bytes]
"""Changes some bytes, to at most so many."""

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_FRAME_DATA: Final = b"IDAT"
_MOST_INFLATED: Final = 1 << 20


def mutated(data: bytes, most: int, seed: int, mutate: Mutate) -> bytes:
    """Return another input.

    Args:
        data: the one to start from.
        most: bytes that the result may have.
        seed: of the choices.
        mutate: the fuzzer's own mutation.
    """
    if not data.startswith(_SIGNATURE) or seed % 8 == 0:
        return mutate(data, most)
    if seed % 4 == 1:
        inner = _with_other_pixels(data, lambda pixels: mutate(pixels, _MOST_INFLATED))
        return (inner or mutate(data, most))[:most]
    return repaired(mutate(data, most))


def repaired(data: bytes) -> bytes:
    """Return a PNG with the checksum that each of its chunks should have; the rest stays."""
    if not data.startswith(_SIGNATURE):
        return data
    result = bytearray(data)
    for start, end in _chunks(data):
        struct.pack_into(">I", result, end, zlib.crc32(data[start:end]))
    return bytes(result)


def _with_other_pixels(data: bytes, change: Callable[[bytes], bytes]) -> bytes | None:
    """Inflate the pixels, change them, and deflate them again; None if they cannot be inflated."""
    chunks = [data[start:end] for start, end in _chunks(data)]
    packed = b"".join(chunk[4:] for chunk in chunks if chunk[:4] == _FRAME_DATA)
    try:
        pixels = zlib.decompressobj().decompress(packed, _MOST_INFLATED)
    except zlib.error:
        return None
    changed = _FRAME_DATA + zlib.compress(change(pixels), 1)
    place = next((n for n, chunk in enumerate(chunks) if chunk[:4] == _FRAME_DATA), None)
    if place is None:
        return None
    rest = [chunk for chunk in chunks[place:] if chunk[:4] != _FRAME_DATA]
    whole = (*chunks[:place], changed, *rest)
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in whole
    )


def _chunks(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each whole chunk's name begins, and where its data end."""
    position = len(_SIGNATURE)
    while position + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, position)
        end = position + 8 + size
        if end + 4 > len(data):
            return
        yield position + 4, end
        position = end + 4
