"""The recipe: what is made of an original. One for an installation; every Job is told it whole."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Self, TypeVar

from safelight_contract import keys, policy
from safelight_contract.policy import Format

SAME: Final = "same"
"""Instead of a format's name: that of the original's family, for a variant that of the image."""
MAX_FILES: Final = 32
"""Variants times their formats, at most: each is an object, and an entry of the record."""
LEAST_QUALITY: Final = 40
MOST_QUALITY: Final = 95
_MAX_SIDE: Final = 16_384
_NAME = re.compile(keys.VARIANT_PATTERN)
_E = TypeVar("_E", bound=StrEnum)


class RecipeError(ValueError):
    """A recipe is malformed; the message names the field."""


class Fit(StrEnum):
    """How a variant fills its box."""

    CONTAIN = "contain"
    """The whole picture, as large as fits into the box."""
    COVER = "cover"
    """The middle of the picture, cut so that it fills the box."""


class Profile(StrEnum):
    """What JPEG is to cost."""

    FAST = "fast"
    """The least processor time for about the bytes that libjpeg-turbo takes."""
    SMALL = "small"
    """The fewest bytes for about twice the time."""


class Engine(StrEnum):
    """What decodes and resizes."""

    AUTO = "auto"
    VIPS = "vips"
    PILLOW = "pillow"


class Animation(StrEnum):
    """What becomes of animated files; none is ever made a still."""

    KEEP = "keep"
    REFUSE = "refuse"


class ColourSpace(StrEnum):
    """What images are stored in."""

    SRGB = "srgb"
    DISPLAY_P3 = "display-p3"
    """Pictures with a wider gamut than sRGB become Display P3; others stay sRGB."""


class Credits(StrEnum):
    """What becomes of the names of creator and copyright holder in the metadata."""

    DROP = "drop"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Rendition:
    """A variant: a smaller image beside the image itself, in one or more formats."""

    name: str
    width: int
    """Of its box, in pixels."""
    height: int | None = None
    """Of its box, in pixels; None: any."""
    fit: Fit = Fit.CONTAIN
    formats: tuple[str, ...] = (SAME,)
    """Words of `policy.OUTPUTS`, or `SAME`."""
    quality: int | None = None
    """See `Recipe.quality`; None: the same."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON's types."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    @classmethod
    def from_dict(cls, told: object, where: str) -> Self:
        """Read and check one.

        Args:
            told: by whoever wrote the recipe.
            where: its place, for messages.

        Raises:
            RecipeError: a field is missing, unknown, or malformed.
        """
        given = _Fields(told, where, ("name", "width", "height", "fit", "formats", "quality"))
        name = given.text("name", _NAME)
        if name in {keys.MAIN, "manifest"}:
            raise RecipeError(f"{where}.name must not be {name!r}")
        fit = given.word("fit", Fit, Fit.CONTAIN)
        height = given.integer("height", None, 1, _MAX_SIDE)
        if fit is Fit.COVER and height is None:
            raise RecipeError(f"{where}.height must be set: a box to cover has two sides")
        width = given.integer("width", None, 1, _MAX_SIDE)
        if width is None:
            raise RecipeError(f"{where}.width must be set")
        return cls(
            name=name,
            width=width,
            height=height,
            fit=fit,
            formats=given.words("formats", (SAME, *_OUTPUT_WORDS), (SAME,)),
            quality=given.integer("quality", None, LEAST_QUALITY, MOST_QUALITY),
        )


_OUTPUT_WORDS: Final = tuple(output.word for output in policy.OUTPUTS)
_DEFAULT_VARIANTS: Final = tuple(
    Rendition(f"w{width}", width, formats=("avif", SAME)) for width in (320, 640, 1280, 1920)
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that can be chosen about the images."""

    accepted: tuple[str, ...] = tuple(f.word for f in policy.FORMATS)
    """Words of the formats that are taken in."""
    format: str = SAME
    """Of the image itself: a word of `policy.OUTPUTS`, or `SAME`. Where that format cannot hold
    the picture's transparency or its animation, the image stays in the original's family."""
    alternatives: tuple[str, ...] = ()
    """Words of `policy.OUTPUTS`: further formats to write the image itself in, in its own size.
    They stand among the variants under the name of the image (`keys.MAIN`)."""
    quality: int = 80
    """How near to the original lossy images are to look, on the scale of SSIMULACRA2: 70 is good,
    80 high, 90 cannot be told from it."""
    variants: tuple[Rendition, ...] = _DEFAULT_VARIANTS
    animation: Animation = Animation.KEEP
    colour: ColourSpace = ColourSpace.SRGB
    credits: Credits = Credits.DROP
    profile: Profile = Profile.FAST
    engine: Engine = Engine.AUTO

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON's types."""
        return asdict(self) | {"variants": [variant.to_dict() for variant in self.variants]}

    def encode(self) -> str:
        """Return it as JSON, the same text for the same recipe."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read a recipe from JSON; what it does not say is as by default.

        Raises:
            RecipeError: it is no JSON object, or a field is unknown or malformed.
        """
        try:
            told: object = json.loads(text)
        except ValueError as error:
            raise RecipeError(f"the recipe is no JSON: {error}") from error
        return cls.from_dict(told)

    @classmethod
    def from_dict(cls, told: object) -> Self:
        """Read a recipe from JSON's types; what it does not say is as by default.

        Raises:
            RecipeError: a field is unknown or malformed.
        """
        default = cls()
        given = _Fields(told, "recipe", tuple(asdict(default)))
        quality = given.integer("quality", default.quality, LEAST_QUALITY, MOST_QUALITY)
        recipe = cls(
            accepted=given.words("accepted", default.accepted, default.accepted),
            format=given.words("format", (SAME, *_OUTPUT_WORDS), (SAME,), single=True)[0],
            alternatives=given.words("alternatives", _OUTPUT_WORDS, (), at_least=0),
            quality=default.quality if quality is None else quality,
            variants=tuple(given.renditions("variants", default.variants)),
            animation=given.word("animation", Animation, default.animation),
            colour=given.word("colour", ColourSpace, default.colour),
            credits=given.word("credits", Credits, default.credits),
            profile=given.word("profile", Profile, default.profile),
            engine=given.word("engine", Engine, default.engine),
        )
        names = [variant.name for variant in recipe.variants]
        count = len(recipe.alternatives) + sum(len(v.formats) for v in recipe.variants)
        if len(set(names)) < len(names):
            raise RecipeError("recipe.variants must have different names")
        if count > MAX_FILES:
            raise RecipeError(
                f"recipe.variants may ask for at most {MAX_FILES} files, alternatives included",
            )
        return recipe

    def accepts(self, source: Format) -> bool:
        """Say whether originals in this format are taken in."""
        return source.word in self.accepted

    def image_formats(self, source: Format) -> tuple[Format, ...]:
        """Return the formats that the image of such an original may be in."""
        wanted = () if self.format == SAME else (policy.format_named(self.format),)
        return tuple(dict.fromkeys((*wanted, *policy.family(source))))

    def files(self, source: Format) -> Iterator[tuple[str, Format]]:
        """Yield the name and format of every file that may be written for such an original."""
        main = self.image_formats(source)
        others = (policy.format_named(word) for word in self.alternatives)
        for image_format in dict.fromkeys((*main, *others)):
            yield keys.MAIN, image_format
        for variant in self.variants:
            found: dict[Format, None] = {}
            for word in variant.formats:
                found |= dict.fromkeys(main if word == SAME else (policy.format_named(word),))
            for image_format in found:
                yield variant.name, image_format


class _Fields:
    """Reads the fields of one JSON object, and names them in errors."""

    def __init__(self, told: object, where: str, known: Sequence[str]) -> None:
        if not isinstance(told, Mapping):
            raise RecipeError(f"{where} must be an object")
        unknown = sorted(str(key) for key in set(told) - set(known))
        if unknown:
            raise RecipeError(f"{where} has no field {', '.join(unknown)}")
        self._told = told
        self._where = where

    def text(self, name: str, pattern: re.Pattern[str]) -> str:
        value = self._told.get(name)
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise RecipeError(f"{self._where}.{name} must match {pattern.pattern}")
        return value

    def integer(self, name: str, default: int | None, least: int, most: int) -> int | None:
        value = self._told.get(name)
        if value is None:
            return default
        # Helm writes whole numbers of values as floats.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or not least <= value <= most:
            raise RecipeError(
                f"{self._where}.{name} must be a whole number from {least} to {most}",
            )
        return value

    def word(self, name: str, words: type[_E], default: _E) -> _E:
        value = self._told.get(name, default)
        if not isinstance(value, str) or value not in set(words):
            raise RecipeError(f"{self._where}.{name} must be one of {', '.join(words)}")
        return words(value)

    def words(
        self,
        name: str,
        known: Sequence[str],
        default: tuple[str, ...],
        *,
        single: bool = False,
        at_least: int = 1,
    ) -> tuple[str, ...]:
        value = self._told.get(name, default[0] if single else default)
        given = [value] if single else value
        is_list = isinstance(given, list | tuple) and all(isinstance(word, str) for word in given)
        if (
            not is_list
            or len(given) < at_least
            or not set(given) <= set(known)
            or len(set(given)) < len(given)
        ):
            what = "one of" if single else "a list of different words of"
            raise RecipeError(f"{self._where}.{name} must be {what} {', '.join(known)}")
        return tuple(given)

    def renditions(self, name: str, default: tuple[Rendition, ...]) -> Iterator[Rendition]:
        value = self._told.get(name)
        if value is None:
            yield from default
            return
        if not isinstance(value, list | tuple):
            raise RecipeError(f"{self._where}.{name} must be a list")
        for number, told in enumerate(value):
            yield Rendition.from_dict(told, f"{self._where}.{name}[{number}]")
