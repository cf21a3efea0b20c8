"""WebP: for browsers that know no AVIF, and for originals in it."""

from typing import Any, Final

from safelight_contract import policy
from safelight_processor.encoders.saving import save
from safelight_processor.encoders.settings import Settings
from safelight_processor.picture import Picture

_METHOD: Final = 4
"""Method 6 takes 2.5 times as long for 1 to 4 % fewer bytes; method 2 gives up 8 to 16 %."""

LOSSLESS_EFFORTS: Final[tuple[dict[str, Any], ...]] = (
    {"quality": 50, "method": 1},
    {"quality": 75, "method": 4},
    {"quality": 100, "method": 6},
)
"""From quick to slow. Later ones are for pictures that the first does not make small enough."""


def encode(picture: Picture, settings: Settings, *, effort: int = 0) -> bytes:
    """Encode a picture; the same picture always gives the same bytes.

    Args:
        picture: of any mode.
        settings: `quality` None means without loss, but for the colour of invisible pixels.
        effort: of `LOSSLESS_EFFORTS`, for pictures without loss.
    """
    image = picture.image()
    if settings.quality is None:
        return save(image, policy.WEBP, settings, lossless=True, **LOSSLESS_EFFORTS[effort])
    return save(image, policy.WEBP, settings, quality=settings.quality, method=_METHOD)
