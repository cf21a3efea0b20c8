"""What is accepted, and how large it may be."""

from dataclasses import dataclass
from typing import Final

MAX_UPLOAD_BYTES: Final = 20 * 1024 * 1024
"""The largest original, in bytes."""

MAX_PIXELS: Final = 50_000_000
"""The largest original, in pixels (width times height, from the header, before any decoding)."""

MAX_SIDE: Final = 65_535
"""The longest side of an original, in pixels: what JPEG and GIF can hold.

A decoder that works row by row needs memory for the longest row: of 12 million pixels in a row, 4
rows high, libvips made 9 GB.
"""

MAX_WIDTH: Final = 3840
"""The box that every image is fitted into, in pixels; images are never enlarged."""

MAX_HEIGHT: Final = 2160
"""See MAX_WIDTH."""

MAX_FILE_NAME_BYTES: Final = 255
"""The longest file name that is kept, in bytes of UTF-8."""

MAX_COMMENT_LENGTH: Final = 2000
"""The longest comment of an AvailableImage, in characters."""

MAX_FRAMES: Final = 500
"""The most pictures that an animation may have."""

MAX_ANIMATED_PIXELS: Final = 100_000_000
"""The largest animation, in pixels of its canvas times its pictures, before any decoding."""

SNIFF_BYTES: Final = 64
"""How many leading bytes `sniff` needs."""


@dataclass(frozen=True, slots=True)
class Format:
    """An image format."""

    name: str
    """Pillow's name of the decoder and encoder."""
    media_type: str
    extension: str
    """Without the dot; used in object keys and in file names of downloads."""

    @property
    def word(self) -> str:
        """Its name in settings and queries: the media type's second half."""
        return self.media_type.removeprefix("image/")


JPEG: Final = Format("JPEG", "image/jpeg", "jpg")
PNG: Final = Format("PNG", "image/png", "png")
WEBP: Final = Format("WEBP", "image/webp", "webp")
AVIF: Final = Format("AVIF", "image/avif", "avif")
GIF: Final = Format("GIF", "image/gif", "gif")
HEIF: Final = Format("HEIF", "image/heic", "heic")

FORMATS: Final = (JPEG, PNG, WEBP, AVIF, GIF, HEIF)
"""What can be taken in; an installation may accept fewer."""

OUTPUTS: Final = (JPEG, PNG, WEBP, AVIF)
"""What can be written: what browsers show, and nothing that is always larger than another."""

_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIF_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"},
)
_BRANDS_START: Final = 16
"""In the first box: its length, `ftyp`, the major brand and its version come before."""


def family(source: Format) -> tuple[Format, ...]:
    """Return the formats of which one is "the same" for an image that came in this one.

    An image in HEIC becomes a JPEG, or WebP if it has transparency; browsers show no HEIC. A GIF
    becomes WebP, which holds all that a GIF does in fewer bytes.
    """
    if source is GIF:
        return (WEBP,)
    if source is HEIF:
        return (JPEG, WEBP)
    return (source,)


def sniff(head: bytes) -> Format | None:
    """Tell the format from the magic bytes, whatever the file's name or declared type says.

    Args:
        head: the first `SNIFF_BYTES` bytes of the file, or all of a shorter one.

    Returns:
        The format, or None for bytes that are none of the known formats.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[:6] in {b"GIF87a", b"GIF89a"}:
        return GIF
    if head[4:8] == b"ftyp":
        return _sniff_brands(head)
    return None


def _sniff_brands(head: bytes) -> Format | None:
    """Tell AVIF from HEIC by the brands of the first box (ISO/IEC 14496-12, 4.3).

    Both may have `mif1` as the major brand, so an AVIF brand anywhere decides first.
    """
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(_BRANDS_START, end - 3, 4))}
    if brands & _AVIF_BRANDS:
        return AVIF
    return HEIF if brands & _HEIF_BRANDS else None


def format_of(media_type: str) -> Format:
    """Return the format of a media type.

    Raises:
        ValueError: the media type is none of the known ones.
    """
    for candidate in FORMATS:
        if candidate.media_type == media_type:
            return candidate
    raise ValueError(f"{media_type!r} is not an accepted media type")


def format_named(word: str) -> Format:
    """Return the format that settings and queries call so.

    Raises:
        ValueError: there is no such format.
    """
    for candidate in FORMATS:
        if candidate.word == word:
            return candidate
    raise ValueError(f"{word!r} is none of {', '.join(f.word for f in FORMATS)}")
