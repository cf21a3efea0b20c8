"""An animated file as a film: GIF and APNG by parts, WebP and AVIF by their libraries."""

import io
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Final

from PIL import Image, ImageFile

from safelight_contract import policy
from safelight_processor.animations import apng, gif
from safelight_processor.animations.frames import (
    Film,
    Frame,
    Part,
    composed,
    damaged,
)
from safelight_processor.decode import decode, refusing
from safelight_processor.header import Data, Header
from safelight_processor.headers import budgets
from safelight_processor.pixels import to_eight_bits

_LEAST_CANVASES: Final = 4
"""An animation counts as this many frames at least, since its canvas is in memory so often at one
time: twice in the decoder, then as a picture, then as what is resized of it."""
_LEAST_CANVASES_OF_AVIF: Final = 8
"""libavif and dav1d keep several frames that later ones refer to: 36 bytes a pixel in all."""


def check_budget(header: Header) -> None:
    """Refuse a canvas that is too large, beside what the header's reader refuses.

    Raises:
        ImageRejected: it is beyond the policy.
    """
    width, height = header.coded_size or header.size
    budgets.check_size((width, height), header.frames)
    is_avif = header.format is policy.AVIF
    budgets.check_size((width, height), _LEAST_CANVASES_OF_AVIF if is_avif else _LEAST_CANVASES)


def open_film(original: Data, header: Header) -> Film:
    """Return the animation in a file, nothing of it decoded yet.

    Args:
        original: the whole file.
        header: what it says of itself; within the budget.

    Raises:
        ImageRejected: its structure is damaged.
    """
    if header.format is policy.GIF:
        return _of_parts(*gif.read(memoryview(original)), header)
    if header.format is policy.PNG:
        return _of_parts(*apng.read(memoryview(original)), header)
    return _of_library(original, header)


def _of_parts(parts: list[Part], plays: int, header: Header) -> Film:
    _check_count(len(parts), header)
    # A GIF's part may be larger than the canvas, and is decoded whole.
    areas = [part.size[0] * part.size[1] for part in parts]
    if max(sum(areas), _LEAST_CANVASES * max(areas)) > policy.MAX_ANIMATED_PIXELS:
        raise budgets.too_large("its frames have too many pixels")

    def decoded(part: Part) -> Image.Image:
        still = Header(format=header.format, size=part.size, is_grey=header.is_grey)
        image = to_eight_bits(decode(part.file(), still).image)
        return image.convert("RGBA" if image.mode in {"LA", "RGBA"} else "RGB")

    return Film(header.size, len(parts), plays, lambda: composed(header.size, parts, decoded))


def _of_library(original: Data, header: Header) -> Film:
    with refusing():
        image = _plugin(header)(io.BytesIO(original))
        count = getattr(image, "n_frames", 1)
        plays = image.info.get("loop", 0)
    _check_count(count, header)
    if image.size != (header.coded_size or header.size):
        raise damaged("its parts disagree on its size")
    return Film(header.size, count, plays, lambda: _played(image, header))


def _played(image: ImageFile.ImageFile, header: Header) -> Iterator[Frame]:
    """Yield the frames as the library composes them: every one is a full canvas."""
    for number in range(header.frames):
        with refusing():
            image.seek(number)
            image.load()
        shown = image.crop(header.crop) if header.crop else image
        if shown.mode not in {"RGB", "RGBA"}:
            shown = shown.convert("RGBA" if shown.mode == "LA" else "RGB")
        yield Frame(shown, Fraction(image.info.get("duration", 0)))


def _check_count(count: int, header: Header) -> None:
    if count != header.frames:
        raise damaged(f"it has {count} frames, and says {header.frames}")


def _plugin(header: Header) -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    """Return the one decoder that is let near this file."""
    if header.format is policy.WEBP:
        from PIL.WebPImagePlugin import WebPImageFile  # noqa: PLC0415 - only what is needed

        return WebPImageFile
    from PIL.AvifImagePlugin import AvifImageFile  # noqa: PLC0415 - only what is needed

    return AvifImageFile
