"""What EXIF and XMP blocks add to a header, the same for every format."""

from safelight_contract.facts import Removed
from safelight_processor.headers import exif, xmp
from safelight_processor.headers.exif import Exif


def of_exif(found: Exif) -> set[Removed]:
    """Return the kinds of metadata that an EXIF block holds."""
    kinds = {
        Removed.EXIF: True,
        Removed.GPS: found.has_gps,
        Removed.MAKER_NOTES: found.has_maker_note,
        Removed.THUMBNAIL: found.has_thumbnail,
        Removed.COMMENT: found.has_comment,
    }
    return {kind for kind, holds in kinds.items() if holds}


def orientation(exif_block: bytes | None, xmp_text: bytes | None) -> int:
    """Return the orientation, 1 to 8: EXIF's, or XMP's where EXIF has none; 1 without either.

    Editors that write no EXIF leave it in XMP (tiff:Orientation), and Pillow, and so most of the
    tools that people compare with, reads it in this order.
    """
    found = exif.parse(exif_block).orientation if exif_block else None
    if found is None and xmp_text:
        found = xmp.orientation(xmp_text)
    return found or 1
