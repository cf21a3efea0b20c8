"""The engine that is always there: plain Pillow."""

from collections.abc import Mapping

import PIL
from PIL import Image

from safelight_contract.recipe import ColourSpace
from safelight_processor.colour import convert
from safelight_processor.decode import decode
from safelight_processor.engines import Box, planes
from safelight_processor.header import Header
from safelight_processor.picture import Buffer, Picture
from safelight_processor.pixels import resize, to_eight_bits, turn_upright
from safelight_processor.profile_reader import is_in, space_of_result
from safelight_processor.sizes import swapped


class PillowEngine:
    """See `Engine`."""

    name = "pillow"

    def versions(self) -> Mapping[str, str]:
        """See `Engine`."""
        return {"pillow": PIL.__version__}

    def fit(
        self,
        original: Buffer,
        header: Header,
        size: tuple[int, int],
        space: ColourSpace,
    ) -> Picture:
        """See `Engine`."""
        stored = swapped(size, header.orientation)
        if planes.suits(header, stored):
            image = planes.fit(original, header, stored)
            if image is not None:
                return finished(image, header, space)
        image, box = decoded(original, header, stored)
        return fitted(image, box, header, stored, space)

    def resize(self, picture: Picture, size: tuple[int, int], box: Box | None = None) -> Picture:
        """See `Engine`."""
        whole = (0.0, 0.0, float(picture.size[0]), float(picture.size[1]))
        return Picture.from_pillow(resize(picture.image(), size, box or whole))


def decoded(original: Buffer, header: Header, size: tuple[int, int]) -> tuple[Image.Image, Box]:
    """Decode the first picture of a file, into 8 bits.

    Args:
        original: the whole file.
        header: of it.
        size: what it will be resized to, not yet turned: a JPEG may be reduced towards it.

    Returns:
        A picture in L, LA, RGB, RGBA or CMYK, and the part of it to use.

    Raises:
        ImageRejected: the file is damaged.
        MemoryError: it needs more memory than there is.
    """
    found = decode(original, header, size)
    return to_eight_bits(found.image), found.box


def fitted(
    image: Image.Image,
    box: Box,
    header: Header,
    size: tuple[int, int],
    space: ColourSpace,
) -> Picture:
    """Resize a decoded picture, turn it upright, and convert its colours.

    Args:
        image: what `decoded` has made.
        box: the part of it to use.
        header: of its file.
        size: of the result, not yet turned.
        space: what the recipe says of colours.
    """
    return finished(resize(image, size, box), header, space)


def finished(image: Image.Image, header: Header, space: ColourSpace) -> Picture:
    """Turn a resized picture upright, and convert its colours.

    Args:
        image: L, LA, RGB, RGBA, CMYK or YCbCr.
        header: of its file.
        space: what the recipe says of colours.
    """
    target = space_of_result(header, space)
    image = turn_upright(image, header.orientation)
    if image.mode == "YCbCr":
        if header.profile is None or is_in(header.profile, target):
            return Picture.from_pillow(image)
        image = image.convert("RGB")
    return Picture.from_pillow(convert(image, header.profile, target))
