"""What is accepted, and how large it may be."""

from dataclasses import dataclass
from typing import Final

MAX_UPLOAD_BYTES: Final = 20 * 1024 * 1024
"""The largest original, in bytes."""

MAX_PIXELS: Final = 50_000_000
"""The largest original, in pixels (width times height, from the header, before any decoding)."""

MAX_WIDTH: Final = 3840
"""The box that every image is fitted into, in pixels; images are never enlarged."""

MAX_HEIGHT: Final = 2160
"""See MAX_WIDTH."""

MAX_FILE_NAME_BYTES: Final = 255
"""The longest file name that is kept, in bytes of UTF-8."""

MAX_COMMENT_LENGTH: Final = 2000
"""The longest comment of an AvailableImage, in characters."""

SNIFF_BYTES: Final = 12
"""How many leading bytes `sniff` needs."""


@dataclass(frozen=True, slots=True)
class Format:
    """An accepted image format; images are written in the format they came in."""

    name: str
    """Pillow's name of the decoder and encoder."""
    media_type: str
    extension: str
    """Without the dot; used in object keys and in file names of downloads."""


JPEG: Final = Format("JPEG", "image/jpeg", "jpg")
PNG: Final = Format("PNG", "image/png", "png")
WEBP: Final = Format("WEBP", "image/webp", "webp")

FORMATS: Final = (JPEG, PNG, WEBP)


def sniff(head: bytes) -> Format | None:
    """Tell the format from the magic bytes, whatever the file's name or declared type says.

    Args:
        head: the first `SNIFF_BYTES` bytes of the file, or all of a shorter one.

    Returns:
        The format, or None for bytes that are none of the accepted formats.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    return None


def format_of(media_type: str) -> Format:
    """Return the accepted format of a media type.

    Raises:
        ValueError: the media type is none of the accepted ones.
    """
    for candidate in FORMATS:
        if candidate.media_type == media_type:
            return candidate
    raise ValueError(f"{media_type!r} is not an accepted media type")
