"""How large the pixels of AV1 and HEVC really are, from the streams' own headers.

The boxes around a stream are only words: 4 KB can hold 256 million pixels behind a box that says
64x64, and a decoder makes them all before anybody compares. So the words are checked first.
"""

from collections.abc import Iterator
from typing import Final

Size = tuple[int, int]

_MAX_UNITS: Final = 100
"""A still picture has about five."""
_AV1_SEQUENCE_HEADER: Final = 1
_HEVC_SEQUENCE_PARAMETERS: Final = 33
_HEVC_UNIT_HEADER: Final = 2
_HEVC_ARRAYS_START: Final = 22
_PROFILE_BITS: Final = 88
_LEVEL_BITS: Final = 8
_FULL_COLOUR: Final = 3
_MAX_PREFIX: Final = 32
_MAX_HEADER_BYTES: Final = 512


class _Bits:
    """Reads numbers bit by bit; beyond the end all bits are zero."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data[:_MAX_HEADER_BYTES], "big")
        self._left = 8 * min(len(data), _MAX_HEADER_BYTES)

    def take(self, count: int) -> int:
        """Return the next bits as a number."""
        self._left -= count
        if self._left < 0:
            return 0
        return self._value >> self._left & ((1 << count) - 1)

    def exponential(self) -> int:
        """Return a number in Exp-Golomb's code (HEVC, 9.2)."""
        zeros = 0
        while zeros < _MAX_PREFIX and not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)


def av1_size(stream: bytes) -> Size:
    """Return the largest size that the sequence headers of an AV1 stream allow; 0x0: none.

    Args:
        stream: open bitstream units, each with its length (AV1, 5.3).
    """
    return _largest(map(_av1_sequence, _av1_units(stream)))


def hevc_size(configuration: bytes, stream: bytes) -> Size:
    """Return the largest size that the parameter sets of an HEVC picture tell; 0x0: none.

    Args:
        configuration: the content of its hvcC box.
        stream: units after their lengths, in four bytes: there may be further sets in it.
    """
    units = (*_hevc_configured(configuration), *_hevc_units(stream))
    sets = (unit for unit in units if unit[:1] and unit[0] >> 1 & 63 == _HEVC_SEQUENCE_PARAMETERS)
    return _largest(map(_hevc_sequence, sets))


def _largest(sizes: Iterator[Size]) -> Size:
    return max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))


def _av1_units(stream: bytes) -> Iterator[bytes]:
    """Yield the content of each sequence header."""
    position = 0
    for _ in range(_MAX_UNITS):
        if position >= len(stream):
            return
        head = stream[position]
        position += 2 if head & 4 else 1
        length = len(stream) - position
        if head & 2:
            length = shift = 0
            while position < len(stream) and shift < 8 * 7:
                byte = stream[position]
                position += 1
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:  # noqa: PLR2004 - the last byte of the number
                    break
        if head >> 3 & 15 == _AV1_SEQUENCE_HEADER:
            yield stream[position : position + min(length, _MAX_HEADER_BYTES)]
        position += length


def _av1_sequence(header: bytes) -> Size:
    """Read a sequence header as far as its size (AV1, 5.5.1)."""
    bits = _Bits(header)
    bits.take(3 + 1)
    if bits.take(1):
        bits.take(5)
    else:
        _skip_av1_timing(bits)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(wide) + 1, bits.take(high) + 1


def _skip_av1_timing(bits: _Bits) -> None:
    delay_bits = 0
    if bits.take(1):
        bits.take(32 + 32)
        if bits.take(1):
            bits.exponential()
        if bits.take(1):
            delay_bits = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    has_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:  # noqa: PLR2004 - from this level on there are tiers
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_delay and bits.take(1):
            bits.take(4)


def _hevc_configured(configuration: bytes) -> Iterator[bytes]:
    """Yield the units in an hvcC box (ISO/IEC 14496-15, 8.3.3.1)."""
    position = _HEVC_ARRAYS_START + 1
    for _ in range(int.from_bytes(configuration[_HEVC_ARRAYS_START:position], "big")):
        count = int.from_bytes(configuration[position + 1 : position + 3], "big")
        position += 3
        for _ in range(min(count, _MAX_UNITS)):
            length = int.from_bytes(configuration[position : position + 2], "big")
            yield configuration[position + 2 : position + 2 + length]
            position += 2 + length


def _hevc_units(stream: bytes) -> Iterator[bytes]:
    position = 0
    for _ in range(_MAX_UNITS):
        if position + 4 >= len(stream):
            return
        length = int.from_bytes(stream[position : position + 4], "big")
        position += 4
        yield stream[position : position + min(length, _MAX_HEADER_BYTES)]
        position += length


def _hevc_sequence(unit: bytes) -> Size:
    """Read a sequence parameter set as far as its size (HEVC, 7.3.2.2)."""
    # After two zeros a 3 is put in, so that nothing looks like a start.
    bits = _Bits(unit[_HEVC_UNIT_HEADER:].replace(b"\0\0\x03", b"\0\0"))
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + _PROFILE_BITS + _LEVEL_BITS)
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for has_profile, has_level in present:
        bits.take(_PROFILE_BITS * has_profile + _LEVEL_BITS * has_level)
    bits.exponential()
    if bits.exponential() == _FULL_COLOUR:
        bits.take(1)
    return bits.exponential(), bits.exponential()
