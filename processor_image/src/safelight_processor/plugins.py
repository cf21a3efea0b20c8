"""The one decoder for a format, and how each is kept from needing more memory than it must.

Never by `Image.open`: it imports five plugins, tries one after the other, and hands a JPEG that
holds several pictures (most phones write those) to another one. Called directly, the plugin reads
the first picture, and no other parser is in reach of hostile bytes.
"""

import importlib.util
import io
from collections.abc import Callable
from typing import Any, Final

from PIL import Image, ImageFile

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_contract.policy import Format
from safelight_processor.errors import ImageRejected
from safelight_processor.headers import budgets

Plugin = Callable[[io.BytesIO], ImageFile.ImageFile]

_HEIF_THREADS: Final = 2
"""As many as the default limit of a Job has processors."""


def plugin_of(image_format: Format) -> Plugin:
    """Return what opens a file of this format; no other decoder is imported.

    Args:
        image_format: not HEIF; see `heif`.
    """
    if image_format is policy.JPEG:
        from PIL.JpegImagePlugin import JpegImageFile  # noqa: PLC0415 - only what is needed

        return JpegImageFile
    if image_format is policy.PNG:
        from PIL import PngImagePlugin  # noqa: PLC0415 - only what is needed

        # The header's reader has refused longer texts; profiles may have more.
        PngImagePlugin.MAX_TEXT_CHUNK = budgets.MAX_PROFILE_BYTES
        return PngImagePlugin.PngImageFile
    if image_format is policy.GIF:
        from PIL.GifImagePlugin import GifImageFile  # noqa: PLC0415 - only what is needed

        return GifImageFile
    return _avif() if image_format is policy.AVIF else _webp()


def _webp() -> Plugin:
    from PIL.WebPImagePlugin import WebPImageFile  # noqa: PLC0415 - only what is needed

    class FirstFrame(WebPImageFile):
        """Decodes the first frame, and lets go of libwebp's buffers before Pillow makes its own.

        Pillow uses libwebp's decoder for animations, which keeps two canvases of 4 bytes a pixel;
        with its answer and the picture that is 16 bytes a pixel, 800 MB for the largest accepted
        picture. Without the canvases it is 12 at most.
        """

        def _get_next(self) -> tuple[bytes, int, int]:
            frame = super()._get_next()
            del self._decoder
            return frame

    return FirstFrame


def _avif() -> Plugin:
    from PIL.AvifImagePlugin import AvifImageFile  # noqa: PLC0415 - only what is needed

    class StillAvif(AvifImageFile):
        """Decodes the first frame, and lets go of libavif's before Pillow makes its own.

        libavif keeps up to 3 bytes a pixel, twice as much from 10 bits on, until it is told that
        no other frame is wanted.
        """

        def _open(self) -> None:
            super()._open()
            self._decoder: Any = _Once(self._decoder)

    return StillAvif


class _Once:
    """Asks libavif's decoder for one frame, and forgets it."""

    def __init__(self, decoder: Any) -> None:  # noqa: ANN401 - Pillow has no type for it
        self._decoder = decoder

    def get_frame(self, number: int) -> Any:  # noqa: ANN401 - the same
        frame = self._decoder.get_frame(number)
        del self._decoder
        return frame


def require_heif() -> None:
    """Check that this build can read HEIC: its library is the one that may be left out.

    Raises:
        ImageRejected: it cannot.
    """
    if importlib.util.find_spec("pillow_heif") is None:
        raise ImageRejected(
            ExitCode.UNSUPPORTED_FORMAT, "this build of the processor cannot read HEIC"
        )


def heif(data: bytes) -> Image.Image:
    """Decode the primary picture of a HEIF file, cut, turned and mirrored as its boxes say.

    Args:
        data: the whole file.

    Returns:
        RGB, RGBA, RGBa, L or I;16.

    Raises:
        EOFError: it is damaged or incomplete; as do all the others.
        RuntimeError: see above.
        SyntaxError: see above.
        ValueError: see above.
    """
    import pillow_heif  # noqa: PLC0415 - only what is needed

    options = pillow_heif.options
    options.DECODE_THREADS = _HEIF_THREADS
    # Neither is used, and so neither is touched.
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    opened = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    # Where the primary one cannot be read, it would be any other.
    picture = next((each for each in opened if each.info["primary"]), None)
    if picture is None:
        raise ValueError("the primary picture cannot be read")
    pixels = picture.data
    return Image.frombytes(picture.mode, picture.size, pixels, "raw", picture.mode, picture.stride)
