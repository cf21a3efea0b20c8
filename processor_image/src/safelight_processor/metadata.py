"""What is told of an original's metadata, and the little of it that may be kept: credits.

Credits are the names of the creator and of the copyright holder. Where a recipe keeps them, they
go into a new EXIF block of two fields, from text that was checked; no byte of a block of the
original is copied.
"""

import struct
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from safelight_contract import policy
from safelight_contract.facts import Removed
from safelight_contract.facts import Warning as Lost
from safelight_contract.recipe import ColourSpace
from safelight_processor import profile_reader
from safelight_processor.header import Data, Header
from safelight_processor.headers import exif, xmp

MAX_CREDIT_CHARACTERS: Final = 200
"""Of each of the two texts."""

_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_EXIF_PREFIX: Final = b"Exif\0\0"
_ASCII_TYPE: Final = 2
_IPTC_RESOURCE: Final = 0x0404
_IPTC_MARKER: Final = 0x1C
_IPTC_APPLICATION: Final = 2
_IPTC_BY_LINE: Final = 80
_IPTC_COPYRIGHT: Final = 116
_MAX_IPTC_RECORDS: Final = 1000


@dataclass(frozen=True, slots=True)
class Credits:
    """Who is to be named."""

    creator: str = ""
    copyright: str = ""


def removed(header: Header) -> tuple[Removed, ...]:
    """Return what was in the file beside the pixels, in the order of the closed list."""
    return tuple(kind for kind in Removed if kind in header.metadata)


def warnings(header: Header, space: ColourSpace) -> tuple[Lost, ...]:
    """Return what of an original is lost in its images, as far as its header tells.

    Args:
        header: of the original.
        space: of its images; see `profile_reader.space_of_result`.
    """
    profile = header.profile
    is_wide = profile is not None and not header.is_hdr and profile_reader.is_wide(profile)
    told = {
        Lost.HDR_GAIN_MAP_DROPPED: header.gain_map,
        Lost.HDR_TONE_MAPPED: header.is_hdr,
        Lost.WIDE_GAMUT_CLIPPED: is_wide and space is ColourSpace.SRGB,
        Lost.PROFILE_IGNORED: profile is not None and not _suits(profile, header),
        # A gain map is told of by its own warning.
        Lost.EXTRA_PICTURES_DROPPED: header.extra_pictures and not header.gain_map,
    }
    return tuple(warning for warning, holds in told.items() if holds)


def _suits(profile: bytes, header: Header) -> bool:
    """Say whether a profile is used for the picture, or not missed; see `colour.convert`."""
    if header.is_grey and (
        profile_reader.is_srgb(profile) or profile_reader.is_display_p3(profile)
    ):
        # Made for colour, but its grey is the one that is assumed without a profile.
        return True
    from safelight_processor import colour  # noqa: PLC0415 - loads Pillow, and most photos need it not

    mode = "CMYK" if header.is_cmyk else "L" if header.is_grey else "RGB"
    return colour.is_usable(profile, mode)


def credits(data: Data, header: Header) -> bytes | None:  # noqa: A001 - what a recipe calls them
    """Return a new EXIF block with the original's credits; None if it names nobody.

    Args:
        data: the whole file.
        header: of it.

    Returns:
        `Exif`, two zeros, and a TIFF structure with Artist and Copyright alone: what Pillow's
        encoders take as `exif`, and a JPEG file has in its APP1 segment.
    """
    block, text, resources = _blocks(data, header)
    found = merged(
        _of_exif(exif.parse(block) if block else exif.NONE),
        _of_iptc(resources or b""),
        Credits("; ".join(xmp.creators(text)), xmp.rights(text)) if text else Credits(),
    )
    return encoded(found) if found != Credits() else None


def merged(*sources: Credits) -> Credits:
    """Return the first of each text that is not empty, made safe to print."""
    return Credits(
        _first(source.creator for source in sources),
        _first(source.copyright for source in sources),
    )


def encoded(found: Credits) -> bytes:
    """Return the EXIF block; see `credits`."""
    fields = [
        (tag, text.encode() + b"\0")
        for tag, text in ((exif.ARTIST, found.creator), (exif.COPYRIGHT, found.copyright))
        if text
    ]
    # Header, number of fields, the fields, and no further directory.
    place = 8 + 2 + 12 * len(fields) + 4
    directory, texts = struct.pack(">H", len(fields)), b""
    for tag, text in fields:
        inline = text.ljust(4, b"\0") if len(text) <= 4 else struct.pack(">I", place + len(texts))  # noqa: PLR2004 - what fits stands in place of an offset
        directory += struct.pack(">HHI", tag, _ASCII_TYPE, len(text)) + inline
        if len(text) > 4:  # noqa: PLR2004 - see above
            texts += text + bytes(len(text) % 2)
    return _EXIF_PREFIX + b"MM\0*\0\0\0\x08" + directory + bytes(4) + texts


def _blocks(data: Data, header: Header) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Return the EXIF block, the XMP text and Photoshop's resources of a file."""
    if not header.metadata:
        return None, None, None
    if header.format is policy.JPEG:
        from safelight_processor.headers import jpeg  # noqa: PLC0415 - only what is needed

        segments = jpeg.segments(data)
        return segments.exif, segments.xmp, segments.iptc
    if header.format is policy.PNG:
        from safelight_processor.headers import png  # noqa: PLC0415 - only what is needed

        chunks = png.chunks(data)
        return chunks.exif, chunks.xmp, chunks.iptc
    if header.format is policy.WEBP:
        from safelight_processor.headers import webp  # noqa: PLC0415 - only what is needed

        parts = webp.chunks(data)
        return parts.exif, parts.xmp, None
    if header.format is policy.GIF:
        from safelight_processor.headers import gif  # noqa: PLC0415 - only what is needed

        return None, gif.blocks(data).xmp, None
    from safelight_processor.headers import bmff  # noqa: PLC0415 - only what is needed

    return *bmff.credit_blocks(data), None


def _of_exif(found: exif.Exif) -> Credits:
    """Return EXIF's credits; copyright may have an editor's after the photographer's."""
    parts = (_text(part).strip() for part in found.copyright.split(b"\0"))
    return Credits(_text(found.artist.split(b"\0")[0]), "; ".join(part for part in parts if part))


def _of_iptc(resources: bytes) -> Credits:
    """Return IPTC's by-line and copyright notice (IIM 4, records 2:80 and 2:116)."""
    texts: dict[int, str] = {}
    for number, value in _records(resources):
        texts.setdefault(number, _text(value))
    return Credits(texts.get(_IPTC_BY_LINE, ""), texts.get(_IPTC_COPYRIGHT, ""))


def _records(resources: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the records of application record 2 within Photoshop's resources."""
    start = resources.find(b"8BIM" + struct.pack(">H", _IPTC_RESOURCE))
    if start < 0 or start + 12 > len(resources):
        return
    name = resources[start + 6] + 1
    position = start + 6 + name + name % 2 + 4
    for _ in range(_MAX_IPTC_RECORDS):
        head = resources[position : position + 5]
        if len(head) < 5 or head[0] != _IPTC_MARKER:  # noqa: PLR2004 - marker, record, number, length
            return
        length = int.from_bytes(head[3:], "big")
        position += 5 + length
        if head[1] == _IPTC_APPLICATION:
            yield head[2], resources[position - length : position]


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _first(texts: Iterable[str]) -> str:
    return next((safe for safe in map(_safe, texts) if safe), "")


def _safe(text: str) -> str:
    """Return a text in one line, without what is no character or turns the direction of others."""
    shown = (
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", text)
        if character not in _BIDI
        and (character.isspace() or not unicodedata.category(character).startswith("C"))
    )
    return " ".join("".join(shown).split())[:MAX_CREDIT_CHARACTERS].strip()
