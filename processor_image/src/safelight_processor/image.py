"""One picture in, one safe picture out: pure Pillow, no settings, no I/O but the given file.

Nothing of the original but its pixels reaches the result: they are decoded once, put right, and
encoded anew from a canvas of our own.
"""

from dataclasses import dataclass
from typing import BinaryIO, Final

import PIL

from safelight_contract.policy import Format
from safelight_processor.colour import to_srgb
from safelight_processor.decode import decode
from safelight_processor.encode import encode
from safelight_processor.pixels import fit_stored, resize, to_eight_bits, turn_upright

PILLOW_VERSION: Final = PIL.__version__


@dataclass(frozen=True, slots=True)
class Result:
    """The encoded picture, and what the manifest says of it."""

    data: bytes
    width: int
    """Pixels."""
    height: int
    """Pixels."""


def transform(source: BinaryIO, image_format: Format) -> Result:
    """Make the safe picture: upright, 8-bit sRGB or grey, within the policy's box, no metadata.

    The size is reduced first of all, so that turning and converting work on fewer pixels.

    Args:
        source: the whole original, positioned anywhere.
        image_format: what its magic bytes say; the result has the same format.

    Raises:
        ImageRejected: it is damaged, or has too many pixels.
        MemoryError: it needs more memory than there is.
    """
    decoded = decode(source, image_format)
    orientation, profile, is_lossless = decoded.orientation, decoded.profile, decoded.is_lossless
    target = fit_stored(decoded.size, orientation)
    picture, box = to_eight_bits(decoded.image), decoded.box
    # The decoded picture may be 200 MB, and is needed no more.
    del decoded
    picture = resize(picture, target, box)
    picture = turn_upright(picture, orientation)
    picture = to_srgb(picture, profile)
    return Result(encode(picture, image_format, is_lossless=is_lossless), *picture.size)
