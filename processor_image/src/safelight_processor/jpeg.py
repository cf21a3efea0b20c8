"""What is particular to JPEG: a progressive one may repeat its scans without end.

A scan of a few dozen bytes can tell the decoder to go over all of 50 million pixels once more and
change nothing: 30 ms of CPU each, hours in a file of 20 MiB. libjpeg sets no bound.
"""

import re
from typing import Final

MAX_SCANS: Final = 100
"""Encoders write about 10; 100 cost at most some seconds."""

_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
_LENGTH_BYTES: Final = 2
_MARKER: Final = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
"""The next segment: escaped bytes and restarts stand within the pixels."""


def has_too_many_scans(data: bytes | memoryview) -> bool:
    """Say whether the first picture of a JPEG file has more than `MAX_SCANS` scans.

    Args:
        data: the whole file; what follows the first picture does not count.
    """
    scans = 0
    found = _MARKER.search(data)
    while found is not None:
        kind = data[found.end() - 1]
        if kind == _END_OF_IMAGE:
            return False
        if kind == _START_OF_SCAN:
            scans += 1
            if scans > MAX_SCANS:
                return True
        length = int.from_bytes(data[found.end() : found.end() + _LENGTH_BYTES], "big")
        found = _MARKER.search(data, found.end() + max(length, _LENGTH_BYTES))
    return False
