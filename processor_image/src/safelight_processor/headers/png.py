"""PNG and APNG: the chunks, with the colour that they describe."""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from safelight_contract import policy
from safelight_contract.facts import Removed
from safelight_processor import icc
from safelight_processor.header import Data, Header
from safelight_processor.headers import budgets, exif, kinds, xmp

_SIGNATURE_BYTES: Final = 8
_CHUNK_BYTES: Final = 12
"""Length, name and checksum of a chunk."""
_GREY_TYPES: Final = frozenset({0, 4})
_ALPHA_TYPES: Final = frozenset({4, 6})
_PALETTE_TYPE: Final = 3
_MAX_KEYWORD: Final = 79
_XMP_KEYWORD: Final = b"XML:com.adobe.xmp"
_RAW_PROFILE: Final = b"Raw profile type "
_COMMENT: Final = b"Comment"
_MAX_INFLATED_IN_ALL: Final = 16 * budgets.MAX_TEXT_BYTES
_SCALE: Final = 100_000
"""gAMA and cHRM are whole numbers of hundred thousandths."""
_TEXTS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_USED: Final = frozenset(
    {b"IHDR", b"tRNS", b"acTL", b"sRGB", b"gAMA", b"cHRM", b"cICP", b"iCCP"},
)
_PIXELS: Final = frozenset({b"PLTE", b"IDAT", b"fdAT", b"fcTL", b"IEND"})


@dataclass(slots=True)
class Chunks:
    """What the chunks say."""

    once: dict[bytes, bytes] = field(default_factory=dict)
    """The first of each chunk in `_USED`, by name."""
    frames: int = 1
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    inflated: int = 0
    """Bytes of texts and profiles that were inflated."""
    kinds: set[Removed] = field(default_factory=set)


def read(data: Data) -> Header:
    """See `headers.read_header`."""
    found = chunks(data)
    width, height, bits, colour, _, _, interlaced = struct.unpack_from(
        ">IIBBBBB", found.once.get(b"IHDR", b"").ljust(13, b"\0")
    )
    frames = max(1, found.frames)
    budgets.check_size((width, height), frames)
    is_grey = colour in _GREY_TYPES
    profile, is_hdr = _profile(found, is_grey=is_grey)
    orientation = kinds.orientation(found.exif, found.xmp)
    return Header(
        format=policy.PNG,
        size=(width, height),
        orientation=orientation,
        is_turned=orientation != 1,
        profile=profile,
        is_hdr=is_hdr,
        bits=8 if colour == _PALETTE_TYPE else bits,
        has_alpha=colour in _ALPHA_TYPES or b"tRNS" in found.once,
        is_grey=is_grey,
        is_lossless=True,
        is_progressive=interlaced == 1,
        frames=frames,
        gain_map=found.xmp is not None and xmp.tells_of_gain_map(found.xmp),
        metadata=frozenset(found.kinds),
    )


def chunks(data: Data) -> Chunks:
    """Read the chunks, but none of the pixels.

    Raises:
        ImageRejected: there are absurdly many.
    """
    found = Chunks()
    names: set[bytes] = set()
    for name, start, end in _chunks(data):
        # What describes the pixels must stand before them.
        if name in _USED and b"IDAT" not in names and name not in found.once:
            found.once[name] = bytes(data[start:end])
        elif name not in _PIXELS:
            _take(found, name, bytes(data[start:end]))
        if name == b"IEND" and _has_more(data, end + 4):
            found.kinds.add(Removed.TRAILING_DATA)
        names.add(name)
    if b"iCCP" in found.once:
        found.kinds.add(Removed.ICC_PROFILE)
    animation = found.once.get(b"acTL", b"")
    if len(animation) >= 4 and b"fcTL" in names:  # noqa: PLR2004 - the number of frames
        found.frames = int.from_bytes(animation[:4], "big")
    return found


def _has_more(data: Data, end: int) -> bool:
    return bool(bytes(data[end : end + budgets.MAX_METADATA_BYTES]).strip(b"\0\r\n "))


def _chunks(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's name, and where its content starts and ends, up to the last one."""
    position = _SIGNATURE_BYTES
    number = 0
    name = b""
    while position + _CHUNK_BYTES <= len(data) and name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, position)
        yield name, position + 8, min(position + 8 + length, len(data))
        position += _CHUNK_BYTES + length
        number += 1
        budgets.check_parts(number)


def _take(found: Chunks, name: bytes, content: bytes) -> None:
    """Sort in the content of a chunk that has nothing to do with the pixels."""
    if name == b"eXIf":
        _take_exif(found, content)
    elif name == b"caBX":
        found.kinds.add(Removed.C2PA)
    elif name in _TEXTS:
        keyword, _, rest = content.partition(b"\0")
        text = _text(found, name, rest)
        if keyword == _XMP_KEYWORD:
            found.xmp = found.xmp or text
            found.kinds.add(Removed.XMP)
        elif keyword.startswith(_RAW_PROFILE):
            _take_raw_profile(found, keyword[len(_RAW_PROFILE) :], text)
        else:
            is_comment = keyword[:_MAX_KEYWORD] == _COMMENT
            found.kinds.add(Removed.COMMENT if is_comment else Removed.TEXT)


def _take_exif(found: Chunks, block: bytes) -> None:
    found.exif = found.exif or block
    found.kinds |= kinds.of_exif(exif.parse(block))


def _take_raw_profile(found: Chunks, kind: bytes, text: bytes) -> None:
    """Take what ImageMagick writes as hexadecimal digits: a name, a length, and the bytes."""
    parts = text.split(None, 2)
    digits = re.sub(rb"[^0-9a-fA-F]", b"", parts[2] if len(parts) > 2 else b"")  # noqa: PLR2004 - see above
    content = bytes.fromhex(digits[: len(digits) // 2 * 2].decode("ascii"))
    if kind in {b"exif", b"APP1"} and content:
        _take_exif(found, content)
    elif kind in {b"iptc", b"8bim"}:
        found.iptc = found.iptc or content
        found.kinds.add(Removed.IPTC)
    elif kind == b"xmp":
        found.xmp = found.xmp or content
        found.kinds.add(Removed.XMP)


def _text(found: Chunks, name: bytes, rest: bytes) -> bytes:
    """Return the text of a text chunk, of which `rest` follows the keyword."""
    if name == b"tEXt":
        return rest
    if name == b"zTXt":
        return _inflated(found, rest[1:], budgets.MAX_TEXT_BYTES) or b""
    is_compressed = rest[:1] == b"\x01"
    _, _, rest = rest[2:].partition(b"\0")
    _, _, text = rest.partition(b"\0")
    if not is_compressed:
        return text
    return _inflated(found, text, budgets.MAX_TEXT_BYTES) or b""


def _inflated(found: Chunks, data: bytes, most: int) -> bytes | None:
    """Return zlib's content; None if it is damaged.

    Args:
        found: takes how much it was.
        data: compressed.
        most: bytes of content.

    Raises:
        ImageRejected: there is more, which only a bomb has.
    """
    inflating = zlib.decompressobj()
    try:
        content = inflating.decompress(data, most + 1)
    except zlib.error:
        return None
    found.inflated += len(content)
    if len(content) > most or found.inflated > _MAX_INFLATED_IN_ALL:
        raise budgets.too_large(f"a text or profile in it has more than {most} bytes")
    return content if inflating.eof else None


def _profile(found: Chunks, *, is_grey: bool) -> tuple[bytes | None, bool]:
    """Return the profile of the pixels, and whether they are HDR.

    The first of cICP, iCCP, sRGB and gAMA with cHRM that there is decides, and the others do not
    count (PNG, third edition, 4.3).
    """
    code_points = found.once.get(b"cICP", b"")
    # Without light in three channels (a matrix) and the full range it is as if it were absent.
    if len(code_points) == 4 and code_points[2:] == b"\0\1":  # noqa: PLR2004 - the chunk's length
        primaries, transfer = code_points[:2]
        profile = icc.from_code_points(primaries, transfer, is_grey=is_grey)
        return profile, icc.is_hdr(transfer)
    if b"iCCP" in found.once:
        _, _, rest = found.once[b"iCCP"].partition(b"\0")
        return _inflated(found, rest[1:], budgets.MAX_PROFILE_BYTES), False
    if b"sRGB" in found.once:
        return None, False
    return _from_numbers(found.once.get(b"gAMA"), found.once.get(b"cHRM"), is_grey=is_grey), False


def _from_numbers(gamma: bytes | None, corners: bytes | None, *, is_grey: bool) -> bytes | None:
    exponent = None
    if gamma is not None and len(gamma) == 4 and (value := int.from_bytes(gamma, "big")):  # noqa: PLR2004 - the chunk's length
        exponent = _SCALE / value
        if not 0.2 < exponent < 10:  # noqa: PLR2004 - beyond it a picture is black or white
            exponent = None
    primaries = None
    # Chromaticities say nothing of a picture whose curve nobody told.
    if exponent is not None and corners is not None and len(corners) == 32:  # noqa: PLR2004 - the chunk's length
        white, red, green, blue = (
            (x / _SCALE, y / _SCALE) for x, y in struct.iter_unpack(">II", corners)
        )
        primaries = icc.Primaries(red, green, blue, white)
    try:
        return icc.from_gamma(exponent, primaries, is_grey=is_grey)
    except (ValueError, struct.error):
        return icc.from_gamma(exponent, None, is_grey=is_grey)
