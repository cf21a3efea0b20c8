"""One picture in, safe pictures out: no settings but the recipe, no I/O.

Nothing of the original but its pixels reaches the results: they are decoded once, put right, and
encoded anew from a canvas of our own.
"""

from dataclasses import dataclass

import PIL

from safelight_contract import keys
from safelight_contract.facts import Change, Facts
from safelight_contract.policy import Format
from safelight_contract.recipe import Recipe
from safelight_processor.colour import convert
from safelight_processor.decode import decode
from safelight_processor.encode import encode
from safelight_processor.encoded import EncodedImage
from safelight_processor.headers import read_header
from safelight_processor.log import Log
from safelight_processor.pixels import resize, to_eight_bits, turn_upright
from safelight_processor.sizes import fit_stored


@dataclass(frozen=True, slots=True)
class Result:
    """All that was made of an original."""

    image: EncodedImage
    variants: tuple[EncodedImage, ...]
    facts: Facts
    """Without what only the whole process knows: times and memory."""
    versions: str
    """Of the libraries that had a part in it, as `name/version` with spaces between."""


def transform(original: bytes | memoryview, source: Format, recipe: Recipe, log: Log) -> Result:  # noqa: ARG001 - its parts join one after the other
    """Make the safe pictures: upright, 8 bits a channel, within the policy's box, no metadata.

    The size is reduced first of all, so that turning and converting work on fewer pixels.

    Args:
        original: the whole file.
        source: what its magic bytes say.
        recipe: what to make.
        log: takes the phases.

    Raises:
        ImageRejected: it is damaged, or has too many pixels.
        MemoryError: it needs more memory than there is.
    """
    with log.phase("decode"):
        header = read_header(original, source)
        size, orientation, profile = header.size, header.orientation, header.profile
        is_lossless = header.is_lossless
        target = fit_stored(size, orientation)
        decoded = decode(original, header, target)
        picture, box = to_eight_bits(decoded.image), decoded.box
        # The decoded picture may be 200 MB, and is needed no more.
        del decoded
        picture = resize(picture, target, box)
        picture = turn_upright(picture, orientation)
        picture = convert(picture, profile)
    with log.phase("encode"):
        data = encode(picture, source, is_lossless=is_lossless)
    image = EncodedImage(keys.MAIN, source, *picture.size, data)
    width, height = size if orientation < 5 else size[::-1]  # noqa: PLR2004 - from 5 on it lies on its side
    facts = Facts(
        original_media_type=source.media_type,
        original_size=len(original),
        original_width=width,
        original_height=height,
        changes=tuple(
            change
            for change, holds in (
                (Change.ROTATED, orientation != 1),
                (Change.RESIZED, target != size),
            )
            if holds
        ),
    )
    return Result(image, (), facts, f"pillow/{PIL.__version__}")
