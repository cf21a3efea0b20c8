"""JPEG: its segments up to the first scan, and the number of scans of a progressive one."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from safelight_contract import policy
from safelight_contract.facts import Removed
from safelight_processor.header import Data, Header
from safelight_processor.headers import budgets, exif, kinds, xmp

MAX_SCANS: Final = 100
"""Encoders write about 10; 100 cost at most some seconds.

A scan of a few dozen bytes can tell the decoder to go over all of 50 million pixels once more and
change nothing: 30 ms of CPU each, hours in a file of 20 MiB. libjpeg sets no bound.
"""

_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
_COMMENT: Final = 0xFE
_APP: Final = 0xE0
_LENGTH_BYTES: Final = 2
_MARKER: Final = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
"""The next segment: escaped bytes and restarts stand within the pixels."""

_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_LOSSLESS: Final = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_SUBSAMPLINGS: Final = {
    (1, 1): "4:4:4",
    (2, 1): "4:2:2",
    (2, 2): "4:2:0",
    (4, 1): "4:1:1",
    (1, 2): "4:4:0",
}
"""By how many samples of brightness there are to one of colour, across and down."""

_EXIF: Final = (1, b"Exif\0")
_XMP: Final = (1, b"http://ns.adobe.com/xap/1.0/\0")
_XMP_EXTENSION: Final = (1, b"http://ns.adobe.com/xmp/extension/\0")
_PROFILE: Final = (2, b"ICC_PROFILE\0")
_PICTURES: Final = (2, b"MPF\0")
_GAIN_MAP: Final = (2, b"urn:iso:std:iso:ts:21496:-1\0")
_JUMBF: Final = (11, b"JP")
_PHOTOSHOP: Final = (13, b"Photoshop 3.0\0")
_JFIF: Final = (0, b"JFIF\0")
_JFXX: Final = (0, b"JFXX\0")
_NAMES: Final = (
    *(_EXIF, _XMP, _XMP_EXTENSION, _PROFILE, _PICTURES, _GAIN_MAP, _JUMBF, _PHOTOSHOP),
    *(_JFIF, _JFXX),
)
_KINDS: Final = {
    _XMP: {Removed.XMP},
    _XMP_EXTENSION: {Removed.XMP},
    _PROFILE: {Removed.ICC_PROFILE},
    _PICTURES: {Removed.EXTRA_PICTURES},
    _JUMBF: {Removed.C2PA},
    _JFXX: {Removed.THUMBNAIL},
}
_IPTC_RESOURCE: Final = b"8BIM\x04\x04"
_APPLE_GAIN_MAP: Final = re.compile(rb"urn:com:apple:photo:2020:aux:hdrgainmap|hdrgm:Version")
_TAIL_BYTES: Final = 64 * 1024


@dataclass(slots=True)
class Segments:
    """What the segments before the first scan say."""

    frame: tuple[int, bytes] | None = None
    """The marker and the content of the frame header."""
    first_scan: int = 0
    """Channels of the first scan."""
    scan_start: int = 0
    """Where the first scan starts; 0: there is none."""
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    """Photoshop's resources, of which IPTC is one."""
    profile: dict[int, bytes] = field(default_factory=dict)
    gain_map: bool = False
    extra_pictures: bool = False
    kinds: set[Removed] = field(default_factory=set)


def read(data: Data) -> Header:
    """See `headers.read_header`."""
    found = segments(data)
    if found.frame is None:
        budgets.check_size((0, 0))
    marker, content = found.frame or (0, b"")
    bits, height, width, channels = struct.unpack_from(">BHHB", content.ljust(6, b"\0"))
    budgets.check_size((width, height))
    # Only then does libjpeg read them all before the first row: for others it stops at the first.
    is_progressive = marker in _PROGRESSIVE or found.first_scan < channels
    if is_progressive and has_too_many_scans(data):
        raise budgets.too_large(f"it has more than {MAX_SCANS} scans")
    if found.extra_pictures and not found.gain_map:
        found.gain_map = _APPLE_GAIN_MAP.search(data, found.scan_start) is not None
    if _has_trailing_data(data):
        found.kinds.add(Removed.TRAILING_DATA)
    return Header(
        format=policy.JPEG,
        size=(width, height),
        orientation=(orientation := kinds.orientation(found.exif, found.xmp)),
        is_turned=orientation != 1,
        profile=_whole_profile(found.profile),
        bits=bits,
        is_grey=channels == 1,
        is_cmyk=channels == 4,  # noqa: PLR2004 - the inks
        is_lossless=marker in _LOSSLESS,
        is_progressive=is_progressive,
        subsampling=_subsampling(content, channels),
        extra_pictures=found.extra_pictures,
        gain_map=found.gain_map,
        metadata=frozenset(found.kinds),
    )


def segments(data: Data) -> Segments:
    """Read the segments up to the first scan, as tolerant as libjpeg is.

    Raises:
        ImageRejected: there are absurdly many.
    """
    found = Segments()
    for number, (marker, start, end) in enumerate(_segments(data)):
        budgets.check_parts(number)
        if marker in _FRAMES:
            found.frame = found.frame or (marker, bytes(data[start:end]))
        elif marker == _START_OF_SCAN:
            found.scan_start, found.first_scan = start, data[start] if start < len(data) else 0
            break
        elif marker == _COMMENT:
            found.kinds.add(Removed.COMMENT)
        elif _APP <= marker <= _APP + 15:
            _take(found, marker - _APP, bytes(data[start:end]))
    return found


def _segments(data: Data) -> Iterator[tuple[int, int, int]]:
    """Yield each segment's marker, and where its content starts and ends."""
    found = _MARKER.search(data)
    while found is not None:
        start = found.end()
        marker = data[start - 1]
        if marker == _END_OF_IMAGE:
            return
        length = int.from_bytes(data[start : start + _LENGTH_BYTES], "big")
        end = start + max(length, _LENGTH_BYTES)
        yield marker, start + _LENGTH_BYTES, end
        found = _MARKER.search(data, end)


def has_too_many_scans(data: Data) -> bool:
    """Say whether the first picture of a JPEG file has more than `MAX_SCANS` scans.

    Args:
        data: the whole file; what follows the first picture does not count.
    """
    scans = 0
    for marker, _, _ in _segments(data):
        scans += marker == _START_OF_SCAN
        if scans > MAX_SCANS:
            return True
    return False


def _take(found: Segments, number: int, content: bytes) -> None:
    """Sort in the content of an application's segment."""
    for key in _NAMES:
        if key[0] == number and content.startswith(key[1]):
            body = content[len(key[1]) :]
            found.kinds |= _KINDS.get(key, set())
            _take_named(found, key, body)
            return


def _take_named(found: Segments, key: tuple[int, bytes], body: bytes) -> None:
    if key == _EXIF:
        # The name is followed by one more byte, which should be zero.
        found.exif = found.exif or body[1:]
        found.kinds |= kinds.of_exif(exif.parse(body[1:]))
    elif key == _XMP:
        found.xmp = found.xmp or body
        found.gain_map = found.gain_map or xmp.tells_of_gain_map(body)
    elif key == _PROFILE and len(body) > _LENGTH_BYTES:
        found.profile.setdefault(body[0], body[_LENGTH_BYTES:])
    elif key == _PICTURES:
        found.extra_pictures = True
    elif key == _GAIN_MAP:
        found.gain_map = True
    elif key == _PHOTOSHOP:
        found.iptc = found.iptc or body
        if _IPTC_RESOURCE in body:
            found.kinds.add(Removed.IPTC)
    elif key == _JFIF and body[7:9] > b"\0\0":
        found.kinds.add(Removed.THUMBNAIL)


def _whole_profile(parts: dict[int, bytes]) -> bytes | None:
    """Join the parts of a profile, which may stand in any order."""
    whole = b"".join(parts[number] for number in sorted(parts))
    return whole if 0 < len(whole) <= budgets.MAX_PROFILE_BYTES else None


def _subsampling(frame: bytes, channels: int) -> str | None:
    if channels != 3 or len(frame) < 15:  # noqa: PLR2004 - three channels of three bytes after six
        return None
    (luma, blue, red) = (divmod(frame[place], 16) for place in (7, 10, 13))
    if blue != red or 0 in blue:
        return None
    return _SUBSAMPLINGS.get((luma[0] // blue[0], luma[1] // blue[1]))


def _has_trailing_data(data: Data) -> bool:
    """Say whether anything but padding follows the last end of an image."""
    tail = bytes(data[-_TAIL_BYTES:])
    end = tail.rfind(b"\xff\xd9")
    return len(data) > _TAIL_BYTES if end < 0 else bool(tail[end + 2 :].strip(b"\0\xff\r\n "))
