"""How large a picture becomes: numbers alone, so nothing that holds pixels is loaded for it."""

from typing import Final

from safelight_contract import policy

_FIRST_LYING: Final = 5
"""From this orientation on the stored width is the shown height."""


def fit(width: int, height: int, most_wide: int, most_high: int) -> tuple[int, int]:
    """Return the largest size within a box that keeps the aspect, never more than the original.

    The shorter side is rounded to the nearest pixel and is at least 1.
    """
    if width <= most_wide and height <= most_high:
        return width, height
    if width * most_high >= height * most_wide:
        return most_wide, max(1, (2 * height * most_wide + width) // (2 * width))
    return max(1, (2 * width * most_high + height) // (2 * height)), most_high


def swapped(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return a stored size as it is seen, or a seen one as it is stored.

    Args:
        size: width and height in pixels.
        orientation: 1 to 8; from 5 on the picture lies on its side.
    """
    return size if orientation < _FIRST_LYING else size[::-1]


def fit_stored(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return the size to give a picture that is yet to be turned upright.

    Args:
        size: width and height as stored, in pixels.
        orientation: 1 to 8; from 5 on the picture lies on its side, and the box with it.
    """
    if orientation < _FIRST_LYING:
        return fit(*size, policy.MAX_WIDTH, policy.MAX_HEIGHT)
    return fit(*size, policy.MAX_HEIGHT, policy.MAX_WIDTH)


def jpeg_divisor(size: tuple[int, int], target: tuple[int, int]) -> int:
    """Return by what libjpeg may reduce a large JPEG while decoding, where nobody sees it.

    Measured by SSIMULACRA2: a picture decoded at 1/2 is indistinguishable while it is still at
    least 1.5 times as large as the target, at 1/4 and 1/8 while it is at least twice as large.

    Args:
        size: width and height as stored, in pixels.
        target: of the result, in the same direction.
    """
    spare = min(size[0] / target[0], size[1] / target[1])
    for divisor, least in ((8, 2.0), (4, 2.0), (2, 1.5)):
        if spare / divisor >= least:
            return divisor
    return 1
