"""One picture in, safe pictures out: no settings but the recipe, no I/O.

Nothing of the original but its pixels reaches the results: they are decoded once, put right, and
encoded anew from a canvas of our own.
"""

from dataclasses import dataclass

import PIL

from safelight_contract import keys, policy
from safelight_contract.facts import Change, Facts
from safelight_contract.facts import Warning as Told
from safelight_contract.policy import Format
from safelight_contract.recipe import Recipe
from safelight_processor import engines, metadata
from safelight_processor.animation import animate
from safelight_processor.encode import encode
from safelight_processor.encoded import EncodedImage
from safelight_processor.header import Header
from safelight_processor.headers import read_header
from safelight_processor.log import Log
from safelight_processor.profile_reader import is_in, space_of_result
from safelight_processor.sizes import fit

_EIGHT_BITS = 8


@dataclass(frozen=True, slots=True)
class Result:
    """All that was made of an original."""

    image: EncodedImage
    variants: tuple[EncodedImage, ...]
    facts: Facts
    """Without what only the whole process knows: times and memory."""
    versions: str
    """Of the libraries that had a part in it, as `name/version` with spaces between."""


def transform(original: bytes | memoryview, source: Format, recipe: Recipe, log: Log) -> Result:
    """Make the safe pictures: upright, 8 bits a channel, within the policy's box, no metadata.

    Args:
        original: the whole file.
        source: what its magic bytes say.
        recipe: what to make.
        log: takes the phases.

    Raises:
        ImageRejected: it is damaged, or has too many pixels.
        MemoryError: it needs more memory than there is.
    """
    header = read_header(original, source)
    if header.is_animated:
        with log.phase("encode"):
            image = animate(original, header, recipe)
        facts = _facts(original, header, recipe, image)
        return Result(image, (), facts, f"pillow/{PIL.__version__}")
    engine = engines.choose(recipe.engine, header)
    size = fit(*header.upright_size, policy.MAX_WIDTH, policy.MAX_HEIGHT)
    with log.phase("decode"):
        picture = engine.fit(original, header, size, recipe.colour)
    written = recipe.image_formats(source)[0]
    with log.phase("encode"):
        data = encode(picture.image(), written, is_lossless=header.is_lossless)
    image = EncodedImage(keys.MAIN, written, *picture.size, data)
    versions = " ".join(f"{name}/{version}" for name, version in engine.versions().items())
    return Result(image, (), _facts(original, header, recipe, image), versions)


def _facts(
    original: bytes | memoryview, header: Header, recipe: Recipe, image: EncodedImage
) -> Facts:
    width, height = header.upright_size
    return Facts(
        original_media_type=header.format.media_type,
        original_size=len(original),
        original_width=width,
        original_height=height,
        frames=header.frames,
        changes=_changes(header, recipe, image),
        removed=metadata.removed(header),
        warnings=(
            *metadata.warnings(header, space_of_result(header, recipe.colour)),
            *((Told.VARIANTS_SKIPPED,) if header.is_animated and recipe.variants else ()),
        ),
    )


def _changes(header: Header, recipe: Recipe, image: EncodedImage) -> tuple[Change, ...]:
    """Return what was done to the pixels, in the order of the closed list."""
    space = space_of_result(header, recipe.colour)
    done = {
        Change.ROTATED: header.is_turned,
        Change.CROPPED: header.is_cropped,
        Change.RESIZED: (image.width, image.height) != header.upright_size,
        Change.COLOURS_CONVERTED: header.is_cmyk
        or (header.profile is not None and not is_in(header.profile, space)),
        Change.DEPTH_REDUCED: header.bits > _EIGHT_BITS,
        Change.FORMAT_CHANGED: image.format is not header.format,
    }
    return tuple(change for change, holds in done.items() if holds)
