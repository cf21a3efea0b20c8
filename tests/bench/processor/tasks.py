"""What every engine is asked to make: the tasks of the table, and their originals."""

from dataclasses import dataclass
from typing import Final

BOX: Final = (3840, 2160)
"""Pixels that the main image fits into."""
WIDTHS: Final = (1920, 1280, 640, 320)
"""Of the variants, in pixels; every original is wider."""
LOSSLESS: Final = frozenset({"png"})
EXTENSIONS: Final = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif"}


@dataclass(frozen=True, slots=True)
class Output:
    """An image to make."""

    format: str
    """A key of `EXTENSIONS`."""
    width: int | None = None
    """In pixels; None: the main image, which fits into `BOX`."""

    @property
    def file(self) -> str:
        """What a peer calls it."""
        stem = "main" if self.width is None else f"w{self.width}"
        return f"{stem}.{EXTENSIONS[self.format]}"


@dataclass(frozen=True, slots=True)
class Task:
    """A row of the table."""

    key: str
    title: str
    outputs: tuple[Output, ...]
    originals: tuple[str, ...]
    """Files that `originals` makes."""

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats of the variants."""
        return tuple(dict.fromkeys(o.format for o in self.outputs if o.width is not None))


def _variants(*formats: str) -> tuple[Output, ...]:
    return tuple(Output(each, width) for width in WIDTHS for each in formats)


PHOTOS: Final = ("elephants-24.jpg", "bird-24.jpg")
DRAWN: Final = ("sea-rgba-12.png",)
SMALL: Final = ("elephants", "bird", "dandelions", "mountains", "stream", "brushes")
"""Photos 1280 pixels wide, without loss, for the comparison of encoders."""

TASKS: Final = (
    Task("a", "24 Mpx JPEG to a JPEG within 3840x2160", (Output("jpeg"),), PHOTOS),
    Task(
        "b",
        "the same, and four WebP variants",
        (Output("jpeg"), *_variants("webp")),
        PHOTOS,
    ),
    Task(
        "c",
        "the same, and four AVIF variants",
        (Output("jpeg"), *_variants("webp", "avif")),
        PHOTOS,
    ),
    Task("d", "12 Mpx RGBA PNG to a PNG within 3840x2160", (Output("png"),), DRAWN),
)
ENCODERS: Final = tuple(
    Task(
        each,
        f"{each.upper()} of photos 1280 pixels wide",
        (Output(each),),
        tuple(f"{name}-1280.png" for name in SMALL),
    )
    for each in ("jpeg", "webp", "avif")
)
