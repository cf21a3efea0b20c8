"""Pictures of an animation, put together from the parts that the file stores.

GIF and APNG store rectangles, and what to do with each one afterwards. Pillow composes them too,
but not as browsers do: what a GIF does not cover has palette colour 0 instead of none, and an APNG
without an alpha channel is cleared to black. So its decoders see one rectangle at a time here, as
a still file of its own, and the canvas is ours: the rules are those of the formats.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from fractions import Fraction
from typing import Any

from PIL import Image

from safelight_contract.job import ExitCode
from safelight_processor.errors import ImageRejected
from safelight_processor.header import Data


class Afterwards(Enum):
    """What becomes of a part's rectangle before the next part is drawn."""

    STAYS = auto()
    CLEARED = auto()
    """It becomes transparent."""
    UNDONE = auto()
    """What was there before comes back."""


@dataclass(frozen=True, slots=True)
class Part:
    """A rectangle of pixels, still encoded."""

    pieces: tuple[Data, ...]
    """Together a file with one still picture."""
    place: tuple[int, int]
    """Of its left upper corner on the canvas, in pixels."""
    size: tuple[int, int]
    """Pixels."""
    delay: Fraction
    """Milliseconds until the next picture."""
    afterwards: Afterwards
    replaces: bool = False
    """Whether its transparent pixels clear what is below them."""

    def file(self) -> bytes:
        """Return the still picture as a file."""
        return b"".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of an animation."""

    image: Image.Image
    """RGB or RGBA, all of the canvas. It may be drawn over once the next frame is asked for."""
    delay: Fraction
    """Milliseconds."""


@dataclass(frozen=True, slots=True)
class Film:
    """An animation that can be played several times."""

    size: tuple[int, int]
    """Of its canvas, in pixels."""
    count: int
    """Of its frames."""
    plays: int
    """How often it is shown; 0: for ever."""
    frames: Callable[[], Iterator[Frame]]
    """Plays it: decodes it once more. Raises ImageRejected wherever a frame is damaged."""


def composed(
    size: tuple[int, int],
    parts: Sequence[Part],
    decode: Callable[[Part], Image.Image],
) -> Iterator[Frame]:
    """Draw parts onto one canvas, and yield it after each one.

    Args:
        size: of the canvas, which starts transparent.
        parts: in their order; what lies outside of the canvas is not drawn.
        decode: returns a part's pixels as RGB or RGBA.

    Raises:
        ImageRejected: a part is damaged.
    """
    canvas = Image.new("RGBA", size)
    for part in parts:
        image = decode(part)
        left, top = part.place
        box = (left, top, min(size[0], left + image.width), min(size[1], top + image.height))
        if box[0] >= box[2] or box[1] >= box[3]:
            # All of it is outside: it is a pause.
            yield Frame(canvas, part.delay)
            continue
        if (box[2] - left, box[3] - top) != image.size:
            image = image.crop((0, 0, box[2] - left, box[3] - top))
        before = canvas.crop(box) if part.afterwards is Afterwards.UNDONE else None
        if image.mode == "RGBA" and not part.replaces:
            canvas.alpha_composite(image, box[:2])
        else:
            canvas.paste(image, box)
        del image
        yield Frame(canvas, part.delay)
        if part.afterwards is Afterwards.CLEARED:
            canvas.paste((0, 0, 0, 0), box)
        elif before is not None:
            canvas.paste(before, box)


def damaged(what: str) -> ImageRejected:
    """Return the error for a file that breaks its format's rules."""
    return ImageRejected(ExitCode.CORRUPT_IMAGE, what)


def save(image: Image.Image, extension: str, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's options are of any type
    """Encode by Pillow, in the format of this extension."""
    # By a file's name Pillow imports one plugin, by a format's name five.
    buffer = io.BytesIO()
    buffer.name = f"image.{extension}"
    image.save(buffer, **options)
    return buffer.getvalue()
