"""The quality that an encoder needs for one look, by a measurement on samples of the picture.

One quality looks different from picture to picture. How much a picture suffers is, by and large,
the same for all encoders, so one cheap JPEG of a mosaic of samples tells the quality for each of
them (15 ms of processor time, whatever the picture's size).

Measured on 30 photos at 960 px, each left out of what its own quality was derived from, for a
SSIMULACRA2 score of 80. Bytes are compared with the one quality for all photos whose score has the
same tenth percentile (p10), the same minimum, and the same mean (sum, and geometric mean):

    encoder        one quality     by measurement             bytes at the same
                   deviation, min  deviation, p10,  min       p10   min   mean: sum, geo
    jpegli          4.6    65       2.0       77.8   76.0     0.88  0.78  1.12  0.99
    libjpeg-turbo   3.9    70       1.4       78.6   77.4     0.83  0.77  1.07  0.97
    AVIF            3.6    70       1.5       78.5   76.6     0.88  0.83  1.07  0.96
    WebP            2.1    75       1.8       77.6   76.2     0.97  0.94  1.02  0.97

So it is worth its time for what is promised of every picture, and saves bytes for most of them; it
does not save bytes in all at a mean score, since difficult photos get what they need.
"""

import io
import math
from itertools import pairwise
from typing import Final

from safelight_contract import policy
from safelight_contract.policy import Format
from safelight_contract.recipe import Profile
from safelight_processor.encoders import jpeg
from safelight_processor.picture import Mode, Picture
from safelight_processor.plugins import plugin_of

TYPICAL: Final = 0.49
"""The damage of a photo of middling difficulty: for pictures that are too small to measure."""

_FITTED_PIXELS: Final = 960 * 640
"""The size of the photos that the tables were fitted to."""
_GROWTH: Final = 0.09
"""Damage to add for each doubling beyond that: seven photos of 3 to 8 Mpx scored 2.7 too low on
the mean without it."""

_TILE: Final = 128
"""Side of a sample in pixels: a multiple of what the encoder and the comparison work on."""
_LEAST_TILE: Final = 64
_MOST_TILES: Final = (4, 3)
"""Samples side by side, and above each other: 0.2 Mpx in all."""
_PROBE_QUALITY: Final = 80

_Line = tuple[float, float]
"""The quality for a damage of 0, and how much more for each 1."""
_JPEGLI: Final[dict[int, _Line]] = {
    70: (31.9, 46.6),
    75: (48.8, 36.8),
    80: (67.4, 24.0),
    85: (82.9, 13.1),
    90: (94.1, 5.3),
}
_TURBO: Final[dict[int, _Line]] = {
    70: (49.2, 27.1),
    75: (59.3, 24.4),
    80: (69.9, 20.5),
    85: (82.0, 13.9),
    90: (93.7, 5.9),
}
_AVIF: Final[dict[int, _Line]] = {
    70: (34.6, 28.9),
    75: (43.2, 26.9),
    80: (54.9, 24.8),
    85: (71.3, 20.1),
    90: (91.9, 7.3),
}
_WEBP: Final[dict[int, _Line]] = {
    70: (60.6, 15.4),
    75: (73.7, 9.5),
    80: (83.4, 5.3),
    85: (90.8, 3.7),
    90: (97.4, 0.9),
}
"""By score: fitted to the 30 photos. Both wheels of jpegli quantise alike, so one scale is both."""
_BOUNDS: Final = {"JPEG": (40, 97), "WEBP": (40, 98), "AVIF": (30, 95)}
"""The least and the most quality, whatever a measurement says."""


def damage(picture: Picture) -> float:
    """Measure how much a picture suffers from being encoded: about -0.2 to 1.4.

    It is the logarithm of how different samples of it look as a JPEG, and more for large ones.
    """
    width, height = picture.size
    side = min(_TILE, min(width, height) // _LEAST_TILE * _LEAST_TILE)
    if not side:
        return TYPICAL
    # Loaded only here, so that pictures without loss need not wait for it.
    from PIL import Image  # noqa: PLC0415 - see above

    from safelight_processor.difference import difference, seen  # noqa: PLC0415 - see above

    across, down = (
        min(most, length // side) for most, length in zip(_MOST_TILES, (width, height), strict=True)
    )
    mosaic = Image.new("RGB", (across * side, down * side))
    for row in range(down):
        for column in range(across):
            left = (width - side) * (2 * column + 1) // (2 * across)
            top = (height - side) * (2 * row + 1) // (2 * down)
            part = picture.part((left, top, left + side, top + side))
            mosaic.paste(part.convert("RGB"), (column * side, row * side))
    buffer = io.BytesIO()
    buffer.name = "mosaic.jpg"
    mosaic.save(buffer, quality=_PROBE_QUALITY, subsampling="4:2:0")
    buffer.seek(0)
    # `Image.open` would import five plugins.
    with plugin_of(policy.JPEG)(buffer) as decoded:
        found = difference(seen(mosaic), seen(decoded.convert("RGB")))
    # A picture of one colour suffers nothing at all.
    return math.log(max(found, 1 / math.e)) + _growth(width * height)


def _growth(pixels: int) -> float:
    """Return what samples of a large picture do not tell."""
    return _GROWTH * max(0.0, math.log2(pixels / _FITTED_PIXELS))


def quality(
    image_format: Format, mode: Mode, profile: Profile, score: int, picture_damage: float
) -> int:
    """Return the quality, on the encoder's own scale, with which a picture gets a score.

    Args:
        image_format: JPEG, WebP or AVIF.
        mode: of the picture.
        profile: decides, with `mode`, which encoder it will be.
        score: on the scale of SSIMULACRA2.
        picture_damage: what `damage` measured.
    """
    match image_format:
        case policy.JPEG if jpeg.coder(mode, profile) is jpeg.Coder.TURBO:
            lines = _TURBO
        case policy.JPEG:
            lines = _JPEGLI
        case policy.WEBP:
            lines = _WEBP
        case policy.AVIF:
            lines = _AVIF
        case _:
            raise ValueError(f"{image_format.name} has no quality")
    least, most = _BOUNDS[image_format.name]
    return max(least, min(most, round(_between(lines, score, picture_damage))))


def _between(lines: dict[int, _Line], score: int, picture_damage: float) -> float:
    """Interpolate between the two nearest scores of the table, or go on beyond its ends."""
    scores = sorted(lines)
    low, high = next(
        ((a, b) for a, b in pairwise(scores) if score <= b),
        (scores[-2], scores[-1]),
    )
    at_low, at_high = (lines[s][0] + lines[s][1] * picture_damage for s in (low, high))
    return at_low + (at_high - at_low) * (score - low) / (high - low)
