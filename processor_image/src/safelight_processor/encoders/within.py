"""Encoding in no more bytes than a given number: "never larger than the original"."""

import math
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from safelight_contract import policy
from safelight_contract.policy import Format
from safelight_processor.encoders import encode
from safelight_processor.encoders.png import EFFORTS
from safelight_processor.encoders.rewrap import rewrapped
from safelight_processor.encoders.settings import Settings
from safelight_processor.encoders.webp import LOSSLESS_EFFORTS
from safelight_processor.picture import Buffer, Picture

_TRIES: Final = 5
_HALVING: Final = 18
"""How much less quality halves the bytes, about, in all three formats."""
_LEAST_STEP: Final = 3
_LEAST_QUALITY: Final = 20
_LUMA_SUM: Final = 3688
"""Of the 64 numbers in the table for luma of the JPEG standard (annex K), which quality 50 is."""


def encode_within(
    picture: Picture, image_format: Format, settings: Settings, original: Buffer
) -> bytes:
    """Encode a picture that is as large as its original, in no more bytes than that.

    With loss, the quality is lowered step by step; without, slower ways are tried, and at last the
    original's own compressed pixels are taken. Only files of some hundred bytes can still grow.

    Args:
        picture: all of the original, in its size.
        image_format: of both.
        settings: the quality is where to start.
        original: the whole file.
    """
    smallest = None
    for data in _ways(picture, image_format, settings, original):
        if smallest is None or len(data) < len(smallest):
            smallest = data
        if len(smallest) <= len(original):
            break
    if smallest is None:
        raise ValueError(f"{image_format.name} is not written")
    return smallest


def _ways(
    picture: Picture, image_format: Format, settings: Settings, original: Buffer
) -> Iterator[bytes]:
    if settings.quality is None:
        efforts = EFFORTS if image_format is policy.PNG else len(LOSSLESS_EFFORTS)
        for effort in range(efforts):
            yield encode(picture, image_format, settings, effort=effort)
        kept = rewrapped(original, image_format, picture)
        if kept is not None:
            yield kept
        return
    quality = settings.quality
    if image_format is policy.JPEG:
        # Better than the original, it can only become larger.
        quality = min(quality, jpeg_quality(original) or quality)
    for left in reversed(range(_TRIES)):
        data = encode(picture, image_format, replace(settings, quality=quality))
        yield data
        excess = math.log2(len(data) / max(1, len(original)))
        step = max(_LEAST_STEP, math.ceil(_HALVING * excess))
        lower = max(_LEAST_QUALITY, quality - step) if left > 1 else _LEAST_QUALITY
        if lower >= quality:
            return
        quality = lower


def jpeg_quality(original: Buffer) -> int | None:
    """Estimate a JPEG's quality on libjpeg's scale, from its first table; None: it has none."""
    data = memoryview(original)
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:  # noqa: PLR2004 - every marker begins so
        marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if marker == 0xDB:  # noqa: PLR2004 - DQT
            return _quality_of_table(bytes(data[at + 4 : at + 2 + length]))
        if marker == 0xDA:  # noqa: PLR2004 - SOS: no table comes before the picture
            return None
        at += 2 + length
    return None


def _quality_of_table(table: bytes) -> int | None:
    """Invert libjpeg's scaling, by the sum of the table."""
    wide = table[:1] and table[0] >> 4
    size = 128 if wide else 64
    if len(table) < size + 1:
        return None
    numbers: tuple[int, ...] = struct.unpack_from(">64H" if wide else ">64B", table, 1)
    percent = 100 * sum(numbers) / _LUMA_SUM
    quality = (200 - percent) / 2 if percent <= 100 else 5000 / percent  # noqa: PLR2004 - libjpeg's formula, turned round
    return max(1, min(100, math.ceil(quality)))
