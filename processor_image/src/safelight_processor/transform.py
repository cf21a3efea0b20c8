"""One picture in, safe pictures out: no settings but the recipe, no I/O.

Nothing of the original but its pixels reaches the results: they are decoded once, put right, and
encoded anew from a canvas of our own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from safelight_contract import policy
from safelight_contract.facts import Change, Facts
from safelight_contract.facts import Warning as Lost
from safelight_contract.policy import Format
from safelight_contract.recipe import Credits, Recipe
from safelight_processor import engines, metadata, placeholders, renditions
from safelight_processor.encoded import EncodedImage
from safelight_processor.encoders import encoder
from safelight_processor.header import Header
from safelight_processor.headers import read_header
from safelight_processor.log import Log
from safelight_processor.profile_reader import is_in, space_of_result
from safelight_processor.sizes import fit

_EIGHT_BITS: Final = 8


@dataclass(frozen=True, slots=True)
class Result:
    """All that was made of an original."""

    image: EncodedImage
    variants: tuple[EncodedImage, ...]
    facts: Facts
    """Without what only the whole process knows: times and memory."""
    versions: str
    """Of the libraries that had a part in it, as `name/version` with spaces between."""


def transform(original: bytes, source: Format, recipe: Recipe, log: Log) -> Result:
    """Make the safe pictures: upright, 8 bits a channel, within the policy's box, no metadata.

    Args:
        original: the whole file; its memory is free before the images are made, unless somebody
            else keeps it.
        source: what its magic bytes say.
        recipe: what to make.
        log: takes the phases.

    Raises:
        ImageRejected: it is damaged, too large, or animated where that is not accepted.
        MemoryError: it needs more memory than there is.
    """
    header = read_header(original, source)
    if header.is_animated:
        return _animated(original, header, recipe, log)
    engine = engines.choose(recipe.engine, header)
    size = fit(*header.upright_size, policy.MAX_WIDTH, policy.MAX_HEIGHT)
    length = len(original)
    keeps = recipe.credits is Credits.KEEP
    task = renditions.Task(
        header=header,
        # What becomes smaller need not be compared with the original, whose memory can go.
        original=original if size == header.upright_size else b"",
        recipe=recipe,
        engine=engine,
        space=space_of_result(header, recipe.colour),
        exif=(metadata.credits(original, header) or b"") if keeps else b"",
    )
    with log.phase("decode"):
        work = renditions.Work(engine.fit(original, header, size, recipe.colour), task)
    del original
    with log.phase("encode"):
        made = work.make()
    facts = _facts(
        length,
        header,
        recipe,
        made.image,
        thumbhash=made.thumbhash,
        dominant_color=made.dominant_colour,
    )
    versions = _versions({**engine.versions(), **made.versions})
    return Result(made.image, tuple(made.variants), facts, versions)


def _animated(original: bytes | memoryview, header: Header, recipe: Recipe, log: Log) -> Result:
    """Make the one image of an animation; each variant would take the time of all frames anew."""
    from safelight_processor import animation  # noqa: PLC0415 - seldom needed

    with log.phase("encode"):
        image = animation.animate(original, header, recipe)
        engine = engines.choose(recipe.engine, header)
        first = placeholders.small(animation.first_frame(image), engine)
    name, version = encoder(image.format, first.mode, recipe.profile)
    facts = _facts(
        len(original),
        header,
        recipe,
        image,
        warnings=[Lost.VARIANTS_SKIPPED] if recipe.variants else [],
        thumbhash=placeholders.thumbhash(first),
        dominant_color=placeholders.dominant_colour(first),
    )
    return Result(image, (), facts, _versions({**engine.versions(), name: version}))


def _facts(  # noqa: PLR0913 - named all of them
    length: int,
    header: Header,
    recipe: Recipe,
    image: EncodedImage,
    *,
    thumbhash: str | None,
    dominant_color: str | None,
    warnings: Iterable[Lost] = (),
) -> Facts:
    width, height = header.upright_size
    space = space_of_result(header, recipe.colour)
    return Facts(
        original_media_type=header.format.media_type,
        original_size=length,
        original_width=width,
        original_height=height,
        frames=header.frames,
        thumbhash=thumbhash,
        dominant_color=dominant_color,
        changes=_changes(header, recipe, image),
        removed=metadata.removed(header),
        warnings=(*metadata.warnings(header, space), *warnings),
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


def _versions(found: Mapping[str, str]) -> str:
    return " ".join(f"{name}/{version}" for name, version in found.items())
