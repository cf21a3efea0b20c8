"""PNG: the pixels are put into their smallest form, then compressed in the way that suits them."""

import zlib
from typing import Any, Final

from PIL import Image

from safelight_contract import policy
from safelight_processor.encoders.reducing import reduced
from safelight_processor.encoders.saving import save
from safelight_processor.encoders.settings import Settings
from safelight_processor.picture import Picture

_PHOTO: Final[dict[str, Any]] = {"compress_type": zlib.Z_RLE}
"""For photos: within 3 % of the best level in a third of its time, since the filtered pixels of a
photo hardly repeat, and the search for repetition is what costs."""
_DRAWN: Final[dict[str, Any]] = {"compress_level": 6}
"""For drawings and screenshots, which repeat much: up to seven times smaller, and quick there."""
_BEST: Final[dict[str, Any]] = {"compress_level": 9}
_DRAWN_RATIO: Final = 0.9
_SAMPLES: Final = 3
_SAMPLE_ROWS: Final = 32
_SAMPLE_COLUMNS: Final = 1280

_ICON: Final = 64 * 64
"""Pixels up to which a palette has to prove itself."""

EFFORTS: Final = 2
"""How many ways there are, from quick to slow."""


def encode(picture: Picture, settings: Settings, *, effort: int = 0) -> bytes:
    """Encode a picture without loss; the same picture always gives the same bytes.

    Args:
        picture: of any mode.
        settings: its `quality` means nothing here.
        effort: 0 for the way that suits the picture, 1 for the one that searches longest.
    """
    image = reduced(picture)
    data = _save(image, settings, effort)
    if image.mode == "P" and image.width * image.height <= _ICON:
        # The palette itself may be what is large.
        return min(data, _save(picture.image(), settings, effort), key=len)
    return data


def _save(image: Image.Image, settings: Settings, effort: int) -> bytes:
    if effort:
        return save(image, policy.PNG, settings, **_BEST)
    # A palette's indices are no amounts: nothing but repetition is to be found among them.
    way = _DRAWN if image.mode == "P" or _is_drawn(image, settings) else _PHOTO
    return save(image, policy.PNG, settings, **way)


def _is_drawn(image: Image.Image, settings: Settings) -> bool:
    """Tell a drawing from a photo: compress three strips of it both ways.

    The number of colours or the size of one result do not tell: text on white, smoothed, has
    thousands of colours and is as large as a photo until repetition is searched for.
    """
    strips = image
    if image.height > _SAMPLES * _SAMPLE_ROWS:
        width = min(image.width, _SAMPLE_COLUMNS)
        left = (image.width - width) // 2
        strips = Image.new(image.mode, (width, _SAMPLES * _SAMPLE_ROWS))
        for sample in range(_SAMPLES):
            top = (image.height - _SAMPLE_ROWS) * (sample + 1) // (_SAMPLES + 1)
            strip = image.crop((left, top, left + width, top + _SAMPLE_ROWS))
            strips.paste(strip, (0, sample * _SAMPLE_ROWS))
    drawn = len(save(strips, policy.PNG, settings, **_DRAWN))
    return drawn < _DRAWN_RATIO * len(save(strips, policy.PNG, settings, **_PHOTO))
