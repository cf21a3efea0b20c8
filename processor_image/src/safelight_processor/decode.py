"""Decoding: the only lines that hostile bytes reach, with the plugins that they call.

The order is a rule: the header's limits were checked; open, check the size again, decode ONCE, and
the first failure is final. A second `load()` of a damaged PNG succeeds with a partly empty picture,
so nothing may try again.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_processor import plugins
from safelight_processor.errors import ImageRejected
from safelight_processor.header import Data, Header
from safelight_processor.sizes import jpeg_divisor

Box = tuple[float, float, float, float]


@dataclass(slots=True)
class Decoded:
    """A decoded picture, in whatever mode its decoder gives."""

    image: Image.Image
    box: Box
    """The part of `image` that is the picture: a reduced one may end within a pixel."""


def decode(data: Data, header: Header, target: tuple[int, int] | None = None) -> Decoded:
    """Decode the first picture of a file.

    Args:
        data: the whole file.
        header: of it; its format names the one decoder that is let near it.
        target: what the picture will be resized to, not yet turned: a JPEG may be reduced towards
            it while it is decoded. None: nothing is reduced.

    Returns:
        The picture, cut as the header says, and not yet turned.

    Raises:
        ImageRejected: it is damaged or incomplete, or has too many pixels.
        MemoryError: it needs more memory than there is.
    """
    # Global state of Pillow, but a process decodes one picture in its life.
    Image.MAX_IMAGE_PIXELS = policy.MAX_PIXELS
    with warnings.catch_warnings():
        # Pillow warns of odd metadata, and Python's settings must not turn that into a failure.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        if header.format is policy.HEIF:
            plugins.require_heif()
            with refusing():
                image = plugins.heif(bytes(data))
            _check_size(image.size, header.size)
            if image.mode == "RGBa":
                image = image.convert("RGBA")
            return Decoded(image, (0, 0, *image.size))
        return _decoded(data, header, target)


def _decoded(data: Data, header: Header, target: tuple[int, int] | None) -> Decoded:
    """Decode by one of Pillow's own plugins."""
    plugin = plugins.plugin_of(header.format)
    with refusing():
        image: Image.Image = plugin(io.BytesIO(data))
    size = image.size
    _check_size(size, header.coded_size or header.size)
    # libjpeg alone can give fewer pixels for less work.
    divisor = jpeg_divisor(size, target) if target and header.format is policy.JPEG else 1
    with refusing():
        reduced = image.draft(None, (size[0] // divisor, size[1] // divisor))
        raw_mode = str(image.tile[0].args) if image.tile else ""  # type: ignore[attr-defined]  # each plugin's image has tiles
        image.load()
        if image.mode in {"P", "PA"} and image.palette is None:
            # Pillow decodes such a PNG, and fails as soon as its colours are asked for.
            raise ValueError("it has no palette")
    _scale_transparency(image, raw_mode)
    if header.is_grey and image.mode == "RGBA":
        # Grey with alpha in 16 bits; three channels that are equal lose nothing.
        image = image.convert("LA")
    if header.covered is not None and "transparency" not in image.info:
        # Pillow fills the rest with the palette's first colour, which nobody meant.
        mask = Image.new("L", image.size)
        mask.paste(255, header.covered)
        image = image.convert("RGB")
        image.putalpha(mask)
    if header.crop is not None:
        # Whoever cut it off does not want it to be seen.
        image = image.crop(header.crop)
    return Decoded(image, reduced[1] if reduced else (0, 0, *image.size))


@contextmanager
def refusing() -> Iterator[None]:
    """Turn whatever a decoder raises into a rejection; only calls into one belong in here.

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
        # Decoders raise OSError, SyntaxError, ValueError, TypeError, EOFError and more.
        raise ImageRejected(
            ExitCode.CORRUPT_IMAGE,
            f"the decoder refused it with {type(error).__name__}",
        ) from error


def _check_size(found: tuple[int, int], expected: tuple[int, int]) -> None:
    """Refuse a picture that is not as large as its header was understood to say.

    Whatever is made of it was planned by the header: limits, memory, and the size of the result.

    Raises:
        ImageRejected: it has another size.
    """
    if found[0] * found[1] > policy.MAX_PIXELS:
        raise _too_large(f"it has {found[0]}x{found[1]} pixels")
    if found != expected:
        raise ImageRejected(ExitCode.CORRUPT_IMAGE, "its parts disagree on its size")


def _too_large(what: str) -> ImageRejected:
    return ImageRejected(
        ExitCode.IMAGE_TOO_LARGE,
        f"{what}; at most {policy.MAX_PIXELS} are accepted",
    )


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
