"""From the picture to the files of its image and variants: first a plan, then the work.

Variants are made from the largest downwards, each from the one before (a pyramid): that costs half
of making each from the image, and differs by less than can be seen. Two files are encoded at a
time: the largest AVIF takes as long as all others together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from safelight_contract import keys, policy
from safelight_contract.policy import Format
from safelight_contract.recipe import SAME, ColourSpace, Fit, Recipe, Rendition
from safelight_processor import placeholders
from safelight_processor.encoded import EncodedImage
from safelight_processor.encoders import Settings, encode, encoder
from safelight_processor.encoders.reducing import visible
from safelight_processor.engines import Box, Engine
from safelight_processor.header import Header
from safelight_processor.lanes import in_two_lanes
from safelight_processor.picture import Buffer, Picture
from safelight_processor.quality import damage, quality
from safelight_processor.sizes import fit

_NEAR: Final = 0.5
"""Down to this scale of what was measured, a picture is taken to suffer as that did.

With what was measured at 960 px, the scores at 320 px deviate by 2.4 from those wanted; with their
own measurement, by 1.4.
"""

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Level:
    """One size of the pyramid, and the files in it."""

    name: str
    size: Size
    crop: Box | None
    """The part to show, as shares of the image's width and height; None: all of it."""
    formats: tuple[Format, ...]
    score: int
    """To reach, on the scale of SSIMULACRA2."""
    scale: float
    """How large it is next to the image."""


@dataclass(slots=True)
class Made:
    """All files of one original, and what was learned on the way."""

    image: EncodedImage
    variants: list[EncodedImage]
    thumbhash: str | None
    dominant_colour: str | None
    versions: dict[str, str]
    """Of the encoders, by name."""


def image_format(recipe: Recipe, source: Format, *, has_alpha: bool) -> Format:
    """Return the format of the image: the first one wanted that can hold the picture."""
    wanted = recipe.image_formats(source)
    return next((each for each in wanted if holds(each, has_alpha=has_alpha)), wanted[-1])


def holds(candidate: Format, *, has_alpha: bool) -> bool:
    """Say whether a format can hold a picture."""
    return not (has_alpha and candidate is policy.JPEG)


def plan(
    variants: Sequence[Rendition], size: Size, main: Format, score: int, *, has_alpha: bool
) -> tuple[Level, ...]:
    """Return the levels to make, the largest first.

    A variant that is not smaller than the image is left out, and so is a format that cannot hold
    the picture's transparency.

    Args:
        variants: as the recipe has them.
        size: of the image, in pixels.
        main: the format of the image.
        score: what variants are to reach that name no score of their own.
        has_alpha: whether the picture has transparency.
    """
    levels = []
    for variant in variants:
        placed = _placed(variant, size)
        named = (main if word == SAME else policy.format_named(word) for word in variant.formats)
        formats = tuple(dict.fromkeys(each for each in named if holds(each, has_alpha=has_alpha)))
        if placed is not None and formats:
            target, crop, scale = placed
            own = variant.quality or score
            levels.append(Level(variant.name, target, crop, formats, own, scale))
    return tuple(sorted(levels, key=lambda level: -level.scale))


def _placed(variant: Rendition, size: Size) -> tuple[Size, Box | None, float] | None:
    """Return size, part and scale of a variant; None: it would not be smaller than the image."""
    width, height = size
    if variant.fit is Fit.CONTAIN or variant.height is None:
        target = fit(width, height, variant.width, variant.height or height)
        return None if target == size else (target, None, max(_ratios(target, size)))
    target = (variant.width, variant.height)
    across, down = _ratios(target, size)
    scale = max(across, down)
    if scale >= 1:
        return None
    share_x, share_y = across / scale, down / scale
    left, top = (1 - share_x) / 2, (1 - share_y) / 2
    return target, (left, top, left + share_x, top + share_y), scale


def _ratios(target: Size, size: Size) -> tuple[float, float]:
    return target[0] / size[0], target[1] / size[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to make, and of what."""

    header: Header
    original: Buffer
    """The whole file."""
    recipe: Recipe
    engine: Engine
    """Resizes."""
    space: ColourSpace
    """The colours that the picture is in."""
    exif: bytes = b""
    """Written into every file: credits, or nothing."""


class Work:
    """The making of one original's files: what all of them share.

    Args:
        picture: upright, in the size and the colours of the image. Whoever keeps it keeps its
            memory, which is needed for a part of the work only.
        task: what to make of it.
    """

    def __init__(self, picture: Picture, task: Task) -> None:
        self._task = task
        self._recipe = task.recipe
        self._whole = picture
        """All of the picture, in the size of the level that was made last."""
        self._measured: tuple[float, float] | None = None
        """At which scale damage was measured last, and what it was."""

    def make(self) -> Made:
        """Make the image and its variants.

        Raises:
            MemoryError: it needs more memory than there is.
        """
        is_resized = self._whole.size != self._task.header.upright_size
        self._whole = visible(self._whole, is_resized=is_resized)
        image, *others = in_two_lanes(self._orders(), _encoded)
        # One that is no smaller than the image is of no use.
        variants = [file for file in others if len(file.data) < len(image.data)]
        mode, profile = self._whole.mode, self._recipe.profile
        versions = dict(encoder(file.format, mode, profile) for file in (image, *variants))
        tiny = placeholders.small(self._whole, self._task.engine)
        return Made(
            image,
            variants,
            placeholders.thumbhash(tiny),
            placeholders.dominant_colour(tiny),
            versions,
        )

    def _orders(self) -> Iterator["_Order"]:
        """Yield what to encode, the image first; a picture is made when its turn comes."""
        header, recipe = self._task.header, self._recipe
        size, has_alpha = self._whole.size, self._whole.has_alpha
        main = image_format(recipe, header.format, has_alpha=has_alpha)
        is_exact = main is policy.WEBP and header.is_lossless
        order = self._order(keys.MAIN, self._whole, main, 1, None if is_exact else recipe.quality)
        if main is header.format and size == header.upright_size:
            order = replace(order, within=self._task.original)
        yield order
        del order
        for word in recipe.alternatives:
            other = policy.format_named(word)
            if other is not main and holds(other, has_alpha=has_alpha):
                yield self._order(keys.MAIN, self._whole, other, 1, recipe.quality)
        levels = plan(recipe.variants, size, main, recipe.quality, has_alpha=has_alpha)
        for level, picture in self._pyramid(levels):
            for each in level.formats:
                yield self._order(level.name, picture, each, level.scale, level.score)

    def _pyramid(self, levels: Sequence[Level]) -> Iterator[tuple[Level, Picture]]:
        """Yield each level with its picture; a whole one is what the next is made from."""
        for level in levels:
            width, height = self._whole.size
            box = None
            if level.crop is not None:
                left, top, right, bottom = level.crop
                box = (left * width, top * height, right * width, bottom * height)
            picture = self._task.engine.resize(self._whole, level.size, box)
            if box is None:
                # The larger one is needed no more, and its memory not either.
                self._whole = picture
            yield level, picture

    def _order(
        self, name: str, picture: Picture, image_format: Format, scale: float, score: int | None
    ) -> "_Order":
        """Find the settings for a file; a score of None means without loss."""
        value, profile = None, self._recipe.profile
        if score is not None and image_format is not policy.PNG:
            found = self._damage(picture, scale)
            value = quality(image_format, picture.mode, profile, score, found)
        task = self._task
        settings = Settings(quality=value, profile=profile, space=task.space, exif=task.exif)
        return _Order(name, image_format, picture, settings)

    def _damage(self, picture: Picture, scale: float) -> float:
        """Measure a picture, unless one of nearly its size was measured."""
        if self._measured is None or scale <= self._measured[0] * _NEAR:
            self._measured = scale, damage(picture)
        return self._measured[1]


@dataclass(frozen=True, slots=True)
class _Order:
    """One file to encode."""

    name: str
    format: Format
    picture: Picture
    settings: Settings
    within: Buffer | None = None
    """The original, if the file may not become larger than that."""


def _encoded(order: _Order) -> EncodedImage:
    if order.within is None:
        data = encode(order.picture, order.format, order.settings)
    else:
        # Most photos are made smaller, and do without what it loads.
        from safelight_processor.encoders.within import encode_within  # noqa: PLC0415 - see above

        data = encode_within(order.picture, order.format, order.settings, order.within)
    return EncodedImage(order.name, order.format, *order.picture.size, data)
