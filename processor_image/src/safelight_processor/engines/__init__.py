"""The engines: decoding, fitting, turning and colours behind one small interface.

All give the same picture but for rounding; they differ in what it costs. Plain Pillow is always
there, libvips where its library is.
"""

from collections.abc import Mapping
from typing import Protocol

from safelight_contract import recipe
from safelight_contract.recipe import ColourSpace
from safelight_processor.header import Header
from safelight_processor.picture import Buffer, Picture

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels: the part of a picture to use."""


class Engine(Protocol):
    """Makes pictures of a wanted size."""

    @property
    def name(self) -> str:
        """`vips` or `pillow`."""

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the libraries at work, by name."""

    def fit(
        self,
        original: Buffer,
        header: Header,
        size: tuple[int, int],
        space: ColourSpace,
    ) -> Picture:
        """Decode the first picture of a file, and make it upright, of this size, in its colours.

        Args:
            original: the whole file.
            header: what the file says of itself; its limits were checked.
            size: of the result, upright, in pixels; not larger than the original.
            space: what the recipe says of colours.

        Raises:
            ImageRejected: the file is damaged.
            MemoryError: it needs more memory than there is.
        """

    def resize(self, picture: Picture, size: tuple[int, int], box: Box | None = None) -> Picture:
        """Return a smaller picture.

        Args:
            picture: stays as it is.
            size: of the result, in pixels.
            box: the part of `picture` to use; all of it, if None.

        Raises:
            MemoryError: it needs more memory than there is.
        """


def choose(name: recipe.Engine, header: Header) -> Engine:
    """Return the engine for a picture.

    Args:
        name: what the recipe asks for; where libvips is not installed, it is Pillow anyway.
        header: of the original.
    """
    del header
    # An engine loads its library, so only the chosen one is imported.
    from safelight_processor.engines import libvips  # noqa: PLC0415 - see above

    if name is not recipe.Engine.PILLOW and libvips.is_installed():
        from safelight_processor.engines.vips import VipsEngine  # noqa: PLC0415 - see above

        return VipsEngine()
    from safelight_processor.engines.pillow import PillowEngine  # noqa: PLC0415 - see above

    return PillowEngine()
