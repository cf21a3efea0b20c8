"""The engine that is always there: plain Pillow."""

import io
from collections.abc import Mapping

import PIL

from safelight_processor.colour import to_srgb
from safelight_processor.decode import decode
from safelight_processor.engines import Box, Space
from safelight_processor.header import Header
from safelight_processor.picture import Buffer, Picture
from safelight_processor.pixels import resize, to_eight_bits, turn_upright

_FIRST_LYING = 5


class PillowEngine:
    """See `Engine`."""

    name = "pillow"

    def versions(self) -> Mapping[str, str]:
        """See `Engine`."""
        return {"pillow": PIL.__version__}

    def fit(self, original: Buffer, header: Header, size: tuple[int, int], space: Space) -> Picture:
        """See `Engine`."""
        del space
        decoded = decode(io.BytesIO(original), header.format)
        orientation, profile = decoded.orientation, decoded.profile
        width, height = size
        stored = size if orientation < _FIRST_LYING else (height, width)
        picture, box = to_eight_bits(decoded.image), decoded.box
        # The decoded picture may be 200 MB, and is needed no more.
        del decoded
        picture = resize(picture, stored, box)
        return Picture.from_pillow(to_srgb(turn_upright(picture, orientation), profile))

    def resize(self, picture: Picture, size: tuple[int, int], box: Box | None = None) -> Picture:
        """See `Engine`."""
        whole = (0.0, 0.0, float(picture.size[0]), float(picture.size[1]))
        return Picture.from_pillow(resize(picture.image(), size, box or whole))
