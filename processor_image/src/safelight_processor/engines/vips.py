"""The engine by libvips: a photo streams through decoding and resizing, a few rows at a time.

JPEG, PNG and WebP take that way. What libvips does not decode, or not as Pillow does (CMYK,
animations, AVIF, HEIC, GIF), Pillow decodes, and libvips resizes what it made.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_contract.recipe import ColourSpace
from safelight_processor.engines import Box, libvips
from safelight_processor.errors import ImageRejected
from safelight_processor.header import Header
from safelight_processor.picture import CHANNELS, MODES, Buffer, Mode, Picture
from safelight_processor.profile_reader import is_in, space_of_result
from safelight_processor.sizes import jpeg_divisor, swapped

if TYPE_CHECKING:
    import pyvips
    from PIL import Image

_STRIP_ROWS: Final = 256
_MODE_OF_BANDS: Final[Mapping[int, Mode]] = {CHANNELS[mode]: mode for mode in MODES}
_WITH_ALPHA: Final = frozenset({2, 4})
"""Numbers of bands."""
_OPAQUE: Final = 255.0


class VipsEngine:
    """See `Engine`."""

    name = "vips"

    def versions(self) -> Mapping[str, str]:
        """See `Engine`."""
        return libvips.versions()

    def fit(
        self,
        original: Buffer,
        header: Header,
        size: tuple[int, int],
        space: ColourSpace,
    ) -> Picture:
        """See `Engine`."""
        stored = swapped(size, header.orientation)
        if _streams(header):
            fitted = _streamed(original, header, stored)
        else:
            # Pillow is loaded only if it has to decode.
            from safelight_processor.engines import pillow  # noqa: PLC0415 - see above

            decoded, box = pillow.decoded(original, header, stored)
            if decoded.mode not in MODES:
                return pillow.fitted(decoded, box, header, stored, space)
            fitted = Picture.from_raw(decoded.mode, decoded.size, _packed(decoded))
            del decoded
            fitted = self.resize(fitted, stored, box)
        return _in_colours(_upright(fitted, header.orientation), header, space)

    def resize(self, picture: Picture, size: tuple[int, int], box: Box | None = None) -> Picture:
        """See `Engine`."""
        with libvips.telling_of_memory():
            image = _opened(picture)
            if box is not None:
                left, top, right, bottom = (round(side) for side in box)
                image = image.crop(left, top, max(1, right - left), max(1, bottom - top))
            raw = libvips.to_memory(_resized(image, size))
        return Picture.from_raw(picture.mode, size, raw)


def _streams(header: Header) -> bool:
    """Say whether libvips may decode the file."""
    return (
        header.format in libvips.FORMATS
        and not header.is_cmyk
        and header.frames == 1
        and header.crop is None
    )


def _streamed(original: Buffer, header: Header, size: tuple[int, int]) -> Picture:
    """Decode and resize, all in one go.

    Args:
        original: the whole file.
        header: of it.
        size: of the result, not yet turned.
    """
    divisor = jpeg_divisor(header.size, size) if header.format is policy.JPEG else 1
    options = {"shrink": divisor} if divisor > 1 else {}
    with libvips.refusing():
        image = libvips.load(original, header.format, **options)
        _check_size(image, header, divisor)
        image = _resized(_in_eight_bits(image), size)
        return Picture.from_raw(_MODE_OF_BANDS[image.bands], size, libvips.to_memory(image))


def _check_size(image: "pyvips.Image", header: Header, divisor: int) -> None:
    """Refuse a picture that is not as large as its header was understood to say.

    Raises:
        ImageRejected: it has another size.
    """
    # libvips cuts off what a reduced picture has less than a whole pixel of.
    if (image.width, image.height) != tuple(side // divisor for side in header.size):
        raise ImageRejected(ExitCode.CORRUPT_IMAGE, "its parts disagree on its size")


def _in_eight_bits(image: "pyvips.Image") -> "pyvips.Image":
    """Scale 16 bits to 8 by dropping the lower ones, as Pillow does; rounding takes twice the time.

    Every value of 8 bits gets the same share, and what once was 8 bits is that again.
    """
    return image if image.format == "uchar" else image.cast("uchar", shift=True)


def _resized(image: "pyvips.Image", size: tuple[int, int]) -> "pyvips.Image":
    """Resize by Lanczos with three lobes, in the picture's own gamma; nothing is computed yet."""
    if (image.width, image.height) == size:
        return image
    scale = size[0] / image.width, size[1] / image.height
    if image.bands not in _WITH_ALPHA:
        return image.resize(scale[0], vscale=scale[1])
    # Transparent pixels have a colour too; unless it is weighted, it bleeds into their neighbours.
    # A cast cuts off, which would darken the picture by two levels: hence `rint`.
    weighted = image.premultiply(max_alpha=_OPAQUE).rint().cast("uchar")
    resized = weighted.resize(scale[0], vscale=scale[1])
    return resized.unpremultiply(max_alpha=_OPAQUE).rint().cast("uchar")


def _opened(picture: Picture) -> "pyvips.Image":
    return libvips.from_memory(picture.raw, picture.size, CHANNELS[picture.mode])


def _upright(picture: Picture, orientation: int) -> Picture:
    """Return the picture as it is to be seen."""
    if orientation == 1:
        return picture
    image = _opened(picture)
    with libvips.telling_of_memory():
        match orientation:
            case 2:
                image = image.flip("horizontal")
            case 3:
                image = image.rot("d180")
            case 4:
                image = image.flip("vertical")
            case 5:
                image = image.rot("d90").flip("horizontal")
            case 6:
                image = image.rot("d90")
            case 7:
                image = image.rot("d270").flip("horizontal")
            case _:
                image = image.rot("d270")
        return Picture.from_raw(
            picture.mode,
            (image.width, image.height),
            libvips.to_memory(image),
        )


def _in_colours(picture: Picture, header: Header, space: ColourSpace) -> Picture:
    """Convert the colours, as the other engine does: by Little CMS in Pillow."""
    target = space_of_result(header, space)
    if header.profile is None:
        return picture
    if len(picture.mode) >= len("RGB") and is_in(header.profile, target):
        return picture
    # It loads Pillow, and most photos need it not.
    from safelight_processor import colour  # noqa: PLC0415 - see above

    return Picture.from_pillow(colour.convert(picture.image(), header.profile, target))


def _packed(image: "Image.Image") -> bytearray:
    """Return packed rows; in strips, as Pillow's own way needs two copies for a moment."""
    width, height = image.size
    stride = width * len(image.getbands())
    raw = bytearray(stride * height)
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(height, top + _STRIP_ROWS)
        raw[top * stride : bottom * stride] = image.crop((0, top, width, bottom)).tobytes()
    return raw
