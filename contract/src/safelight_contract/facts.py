"""What the processor tells of its work beside the images: closed lists, numbers, placeholders."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Self

from safelight_contract import policy


class Change(StrEnum):
    """What was done to the pixels."""

    ROTATED = "Rotated"
    """Turned or mirrored, as its orientation said."""
    CROPPED = "Cropped"
    """Cut to the part that the file says is to be seen (clean aperture)."""
    RESIZED = "Resized"
    COLOURS_CONVERTED = "ColoursConverted"
    """From another colour space."""
    DEPTH_REDUCED = "DepthReduced"
    """From more than 8 bits a channel."""
    FORMAT_CHANGED = "FormatChanged"


class Removed(StrEnum):
    """What was in the file beside the pixels, and is not in the images."""

    EXIF = "Exif"
    GPS = "Gps"
    XMP = "Xmp"
    IPTC = "Iptc"
    ICC_PROFILE = "IccProfile"
    """A profile of the file's own; the images carry a small standard one or none."""
    COMMENT = "Comment"
    TEXT = "Text"
    THUMBNAIL = "Thumbnail"
    MAKER_NOTES = "MakerNotes"
    C2PA = "C2pa"
    """Content credentials (JUMBF)."""
    EXTRA_PICTURES = "ExtraPictures"
    """Further pictures, such as a gain map, a depth map or a second view."""
    TRAILING_DATA = "TrailingData"


class Warning(StrEnum):  # noqa: A001 - the field's word; nothing here raises Python's
    """What was lost, or not done, that somebody may miss."""

    HDR_GAIN_MAP_DROPPED = "HdrGainMapDropped"
    """The picture had a gain map for bright displays; the images are the standard picture."""
    HDR_TONE_MAPPED = "HdrToneMapped"
    """The picture was stored for bright displays only, and was fitted to standard ones."""
    WIDE_GAMUT_CLIPPED = "WideGamutClipped"
    """The picture's colour space is wider than that of the images."""
    PROFILE_IGNORED = "ProfileIgnored"
    """The colour profile is broken, or made for another kind of picture."""
    EXTRA_PICTURES_DROPPED = "ExtraPicturesDropped"
    """The file held further pictures; only the first or primary one was taken."""
    VARIANTS_SKIPPED = "VariantsSkipped"
    """The picture is animated: there are no variants of it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """About one attempt. Everything has a form that `from_dict` checks: hostile bytes were near."""

    original_media_type: str
    original_size: int
    """Bytes."""
    original_width: int
    """Pixels, as it is seen: upright."""
    original_height: int
    """Pixels, as it is seen: upright."""
    frames: int = 1
    """Pictures of an animation."""
    thumbhash: str | None = None
    """A ThumbHash in base64: a blurred picture of about 25 bytes, to show while the image loads."""
    dominant_color: str | None = None
    """The most frequent colour, `#rrggbb`."""
    changes: tuple[Change, ...] = ()
    removed: tuple[Removed, ...] = ()
    warnings: tuple[Warning, ...] = ()
    milliseconds: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Wall time by phase (`fetch`, `decode`, …)."""
    cpu_milliseconds: int = 0
    """Of the whole process, until the images were made."""
    peak_memory_bytes: int = 0
    """The largest resident set of the process until then."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as it stands in manifests and resources: camelCase, absent for unknown."""
        made: dict[str, Any] = {}
        for name, key in _KEYS.items():
            value: object = getattr(self, name)
            if value is None or value == ():
                continue
            if isinstance(value, Mapping):
                value = dict(value)
            made[key] = [str(item) for item in value] if isinstance(value, tuple) else value
        return made

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote, from whoever wrote it.

        Raises:
            ValueError: a field is missing, unknown, or malformed.
        """
        if not isinstance(told, Mapping):
            raise ValueError("facts are malformed")  # noqa: TRY004 - one error for all of a document
        unknown = set(told) - set(_KEYS.values())
        if unknown:
            raise ValueError("facts have an unknown field")
        values: dict[str, Any] = {}
        for name, key in _KEYS.items():
            if key not in told:
                if name in _REQUIRED:
                    raise ValueError(f"facts lack {key}")
                continue
            if not _FORM[name](told[key]):
                raise ValueError(f"facts have a malformed {key}")
            closed = _CLOSED.get(name)
            values[name] = told[key] if closed is None else tuple(closed(v) for v in told[key])
        return cls(**values)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


_KEYS: Final = {each.name: _camel(each.name) for each in fields(Facts)}
_REQUIRED: Final = frozenset(
    {"original_media_type", "original_size", "original_width", "original_height"},
)
_CLOSED: Final[Mapping[str, type[StrEnum]]] = {
    "changes": Change,
    "removed": Removed,
    "warnings": Warning,
}
_MAX_PHASES: Final = 16
_PHASE = re.compile("[a-z_]{1,20}")
_Check = Callable[[Any], bool]


def _number(least: int, most: int) -> _Check:
    return lambda value: type(value) is int and least <= value <= most


def _matches(pattern: str) -> _Check:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _some_of(closed: type[StrEnum]) -> _Check:
    known = set(closed)

    def check(value: object) -> bool:
        return (
            isinstance(value, list)
            and all(isinstance(item, str) and item in known for item in value)
            and len(set(value)) == len(value)
        )

    return check


def _is_phases(value: object) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= _MAX_PHASES
        and all(_PHASE.fullmatch(phase) is not None for phase in value)
        and all(type(each) is int and 0 <= each <= 2**31 for each in value.values())
    )


_FORM: Final[Mapping[str, _Check]] = {
    "original_media_type": _matches("|".join(re.escape(f.media_type) for f in policy.FORMATS)),
    "original_size": _number(1, policy.MAX_UPLOAD_BYTES),
    "original_width": _number(1, policy.MAX_PIXELS),
    "original_height": _number(1, policy.MAX_PIXELS),
    "frames": _number(1, policy.MAX_FRAMES),
    "thumbhash": _matches("[A-Za-z0-9+/=]{8,64}"),
    "dominant_color": _matches("#[0-9a-f]{6}"),
    "changes": _some_of(Change),
    "removed": _some_of(Removed),
    "warnings": _some_of(Warning),
    "milliseconds": _is_phases,
    "cpu_milliseconds": _number(0, 2**31),
    "peak_memory_bytes": _number(0, 2**40),
}
