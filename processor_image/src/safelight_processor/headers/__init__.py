"""Headers: one reader for each format, from bytes alone, in bounded time.

A reader believes sizes and counts enough to refuse what is too large. What it cannot read is as if
it were absent: whether the picture is damaged is for the decoder to say.
"""

from collections.abc import Callable

from safelight_contract import policy
from safelight_contract.policy import Format
from safelight_processor.header import Data, Header


def read_header(data: Data, source: Format) -> Header:
    """Read what a file says of itself, without decoding.

    Args:
        data: the whole file.
        source: what its magic bytes say.

    Raises:
        ImageRejected: it has too many pixels, frames or parts, or not even a size.
    """
    return _reader(source)(data)


def _reader(source: Format) -> Callable[[Data], Header]:
    """Return the reader of a format; no other is imported."""
    if source is policy.JPEG:
        from safelight_processor.headers import jpeg  # noqa: PLC0415 - only what is needed

        return jpeg.read
    if source is policy.PNG:
        from safelight_processor.headers import png  # noqa: PLC0415 - only what is needed

        return png.read
    if source is policy.WEBP:
        from safelight_processor.headers import webp  # noqa: PLC0415 - only what is needed

        return webp.read
    if source is policy.GIF:
        from safelight_processor.headers import gif  # noqa: PLC0415 - only what is needed

        return gif.read
    from safelight_processor.headers.bmff import read_avif, read_heif  # noqa: PLC0415 - see above

    return read_avif if source is policy.AVIF else read_heif
