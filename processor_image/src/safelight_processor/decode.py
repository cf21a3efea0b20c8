"""Opening and decoding: the only lines that hostile bytes reach.

The order is a rule: open, check the size, decode ONCE, and the first failure is final. A second
`load()` of a damaged PNG succeeds with a partly empty picture, so nothing may try again. Metadata
never makes a picture bad: what cannot be read is as if it were absent.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final

from PIL import Image, ImageFile

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_contract.policy import Format
from safelight_processor.errors import ImageRejected
from safelight_processor.pixels import fit_stored, jpeg_divisor

_ORIENTATION: Final = 0x0112
_ORIENTATIONS: Final = range(1, 9)

Box = tuple[float, float, float, float]


@dataclass(slots=True)
class Decoded:
    """A decoded picture with the little that is believed of its metadata."""

    image: Image.Image
    size: tuple[int, int]
    """Pixels of the original as stored; `image` has fewer if it was reduced while decoding."""
    box: Box
    """The part of `image` that is the picture: a reduced one may end within a pixel."""
    orientation: int
    """1 to 8, as EXIF counts them."""
    profile: bytes | None
    """The embedded ICC profile, not yet checked."""
    is_lossless: bool


def decode(source: BinaryIO, image_format: Format) -> Decoded:
    """Decode the first picture of a file.

    Args:
        source: the whole file.
        image_format: the one decoder that is let near it.

    Raises:
        ImageRejected: it is damaged or incomplete, or has too many pixels.
        MemoryError: it needs more memory than there is.
    """
    # Global state of Pillow, but a process decodes one picture in its life.
    Image.MAX_IMAGE_PIXELS = policy.MAX_PIXELS
    source.seek(0)
    with warnings.catch_warnings():
        # Pillow warns of odd metadata, and Python's settings must not turn that into a failure.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        plugin = plugin_of(image_format)
        with refusing():
            image = plugin(source)
        size = image.size
        if size[0] * size[1] > policy.MAX_PIXELS:
            raise _too_large(f"it has {size[0]}x{size[1]} pixels")
        is_jpeg = image_format is policy.JPEG
        if is_jpeg and image.info.get("progressive"):
            _check_scans(source)
        is_lossless = image_format is policy.PNG or _is_lossless_webp(source, image_format)
        # Only of a JPEG can it be read before the pixels are: Pillow's getexif loads a PNG.
        orientation = _orientation(image) if is_jpeg else 1
        divisor = jpeg_divisor(size, fit_stored(size, orientation)) if is_jpeg else 1
        with refusing():
            reduced = image.draft(None, (size[0] // divisor, size[1] // divisor))
            raw_mode = str(image.tile[0].args) if image.tile else ""
            image.load()
        if not is_jpeg:
            orientation = _orientation(image)
        _scale_transparency(image, raw_mode)
    profile = image.info.get("icc_profile")
    return Decoded(
        image=image,
        size=size,
        box=reduced[1] if reduced else (0, 0, *size),
        orientation=orientation,
        profile=profile if isinstance(profile, bytes) else None,
        is_lossless=is_lossless,
    )


@contextmanager
def refusing() -> Iterator[None]:
    """Turn whatever Pillow raises into a rejection; only calls into Pillow belong in here.

    Raises:
        ImageRejected: the body failed for any reason but memory.
    """
    try:
        yield
    except MemoryError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large("its header asks for too many pixels") from error
    except Exception as error:
        # Pillow's decoders raise OSError, SyntaxError, ValueError, TypeError, EOFError and more.
        raise ImageRejected(
            ExitCode.CORRUPT_IMAGE,
            f"the decoder refused it with {type(error).__name__}",
        ) from error


def _too_large(what: str) -> ImageRejected:
    return ImageRejected(
        ExitCode.IMAGE_TOO_LARGE,
        f"{what}; at most {policy.MAX_PIXELS} are accepted",
    )


def plugin_of(image_format: Format) -> Callable[[BinaryIO], ImageFile.ImageFile]:
    """Return the one plugin for this format; no other is imported.

    Not by `Image.open`: it imports five plugins, and hands a JPEG that holds several pictures (most
    phones write those) to another one. Called directly, the plugin reads the first picture.
    """
    if image_format is policy.JPEG:
        from PIL.JpegImagePlugin import JpegImageFile  # noqa: PLC0415 - only what is needed

        return JpegImageFile
    if image_format is policy.PNG:
        from PIL.PngImagePlugin import PngImageFile  # noqa: PLC0415 - only what is needed

        return PngImageFile
    from safelight_processor.webp import FirstFrame  # noqa: PLC0415 - only what is needed

    return FirstFrame


def _check_scans(source: BinaryIO) -> None:
    """Refuse a progressive JPEG that would keep the decoder busy for ever.

    Raises:
        ImageRejected: it has far more scans than any encoder writes.
    """
    from safelight_processor import jpeg  # noqa: PLC0415 - only what is needed

    position = source.tell()
    source.seek(0)
    too_many = jpeg.has_too_many_scans(source.read())
    source.seek(position)
    if too_many:
        raise ImageRejected(
            ExitCode.CORRUPT_IMAGE,
            f"it has more than {jpeg.MAX_SCANS} scans",
        )


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; 1 if there is none, or none that makes sense."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - whatever is wrong with the metadata, the picture is not
        return 1
    if isinstance(value, bytes) and len(value) == 1:
        # Some writers store it as a BYTE instead of a SHORT.
        value = value[0]
    return value if isinstance(value, int) and value in _ORIENTATIONS else 1


def _scale_transparency(image: Image.Image, raw_mode: str) -> None:
    """Bring a PNG's transparent colour to the depth of the decoded pixels.

    The file gives it in its own bit depth, and Pillow hands it on as it is, but scales pixels of 2
    and 4 bits up to 8, and cuts those of 3x16 bits down to it.
    """
    colour = image.info.get("transparency")
    if raw_mode in {"L;2", "L;4"} and isinstance(colour, int):
        image.info["transparency"] = colour * (255 // (2 ** int(raw_mode[-1]) - 1)) & 0xFF
    elif raw_mode == "RGB;16B" and isinstance(colour, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in colour)


def _is_lossless_webp(source: BinaryIO, image_format: Format) -> bool:
    """Say whether a WebP file's first picture is stored without loss, by its chunks' names."""
    if image_format is not policy.WEBP:
        return False
    from safelight_processor.webp import is_lossless  # noqa: PLC0415 - only what is needed

    return is_lossless(source)
