"""How much a header may ask for: checked before any memory is taken for pixels."""

from typing import Final

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_processor.errors import ImageRejected

MAX_PARTS: Final = 100_000
"""Chunks, segments, boxes or blocks of one file.

An honest file of 20 MiB has some thousands (PNG writes pixels in pieces of 8 KiB, GIF of 255
bytes). Reading so many takes 0.1 s.
"""

MAX_PROFILE_BYTES: Final = 4 * 1024 * 1024
"""A colour profile; the largest real ones, for printing presses, have 2 to 3 MiB. One that is
larger, or is inflated to more, is as if it were absent."""

MAX_TEXT_BYTES: Final = 1024 * 1024
"""A compressed text, inflated: as much as Pillow takes."""

MAX_METADATA_BYTES: Final = 1024 * 1024
"""How much of one EXIF or XMP block is looked at."""


def check_size(size: tuple[int, int], frames: int = 1) -> None:
    """Refuse too many pixels or frames, and sides that are too long.

    Args:
        size: width and height of a frame, in pixels.
        frames: how many there are.

    Raises:
        ImageRejected: there are too many of either, or no pixels at all.
    """
    width, height = size
    if width <= 0 or height <= 0:
        raise ImageRejected(ExitCode.CORRUPT_IMAGE, "its header gives no size")
    if width * height > policy.MAX_PIXELS:
        raise too_large(
            f"it has {width}x{height} pixels; at most {policy.MAX_PIXELS} are accepted",
        )
    if max(size) > policy.MAX_SIDE:
        raise too_large(
            f"it has {width}x{height} pixels; no side may be longer than {policy.MAX_SIDE}",
        )
    if frames > policy.MAX_FRAMES:
        raise too_large(f"it has {frames} frames; at most {policy.MAX_FRAMES} are accepted")
    if frames > 1 and width * height * frames > policy.MAX_ANIMATED_PIXELS:
        raise too_large(
            f"it has {frames} frames of {width}x{height} pixels;"
            f" at most {policy.MAX_ANIMATED_PIXELS} pixels are accepted over all frames",
        )


def check_parts(parts: int) -> None:
    """Refuse a file that is cut into absurdly many parts.

    Raises:
        ImageRejected: there are more than `MAX_PARTS`.
    """
    if parts > MAX_PARTS:
        raise too_large(f"it has more than {MAX_PARTS} parts")


def too_large(detail: str) -> ImageRejected:
    """Return what to raise for a file that asks for too much."""
    return ImageRejected(ExitCode.IMAGE_TOO_LARGE, detail)
