"""A picture between decoding and encoding: 8 bits, upright, in the colours of the result.

One engine may hand it on as plain memory and another as a Pillow image; whoever takes it asks for
what it needs, and it is made then. So the main way of a photo, from libvips to jpegli, never
makes a Pillow image (33 MB at 3840x2160), and the other one never makes a packed copy.
"""

from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from PIL import Image

Mode = Literal["L", "LA", "RGB", "RGBA"]
"""Channels, as Pillow names them; 8 bits each, alpha not multiplied into the colours."""

Buffer = bytes | bytearray | memoryview

MODES: Final[tuple[Mode, ...]] = get_args(Mode)
CHANNELS: Final[dict[Mode, int]] = {mode: len(mode) for mode in MODES}

_YCC: Final = "YCbCr"


class Picture:
    """Pixels of one picture; never changed once it is made, so threads may share it.

    Made by `from_raw` or `from_pillow`.
    """

    __slots__ = ("_image", "_planes", "_raw", "mode", "size")

    def __init__(
        self,
        mode: Mode,
        size: tuple[int, int],
        raw: Buffer | None,
        image: "Image.Image | None",
        planes: "Image.Image | None" = None,
    ) -> None:
        self.mode: Final = mode
        self.size: Final = size
        """Width and height in pixels."""
        self._raw = raw
        self._image = image
        self._planes = planes
        """YCbCr as JPEG files have it, if the picture was made from that."""

    @classmethod
    def from_raw(cls, mode: Mode, size: tuple[int, int], raw: Buffer) -> "Picture":
        """Take packed rows, without a copy.

        Args:
            mode: of the pixels.
            size: width and height in pixels.
            raw: width x height x channels bytes, from the top row on, no gap between rows.

        Raises:
            ValueError: the number of bytes is another.
        """
        expected = size[0] * size[1] * CHANNELS[mode]
        found = raw.nbytes if isinstance(raw, memoryview) else len(raw)
        if found != expected:
            raise ValueError(f"{found} bytes are not {size[0]}x{size[1]} pixels of {mode}")
        return cls(mode, size, raw, None)

    @classmethod
    def from_pillow(cls, image: "Image.Image") -> "Picture":
        """Take a Pillow image, without a copy; nobody may change it afterwards.

        Args:
            image: L, LA, RGB, RGBA; or YCbCr as JPEG files have it, which counts as RGB.

        Raises:
            ValueError: it is in another mode.
        """
        if image.mode == _YCC:
            return cls("RGB", image.size, None, None, image)
        for mode in MODES:
            if image.mode == mode:
                return cls(mode, image.size, None, image)
        raise ValueError(f"a picture of mode {image.mode} is not ready for encoding")

    @property
    def has_alpha(self) -> bool:
        """Say whether there is an alpha channel; it may still be opaque everywhere."""
        return self.mode in {"LA", "RGBA"}

    @property
    def raw(self) -> Buffer:
        """Return the pixels as packed rows; see `from_raw`."""
        if self._raw is None:
            self._raw = self.image().tobytes()
        return self._raw

    def image(self) -> "Image.Image":
        """Return the pixels as a Pillow image in `mode`, with nothing in its `info`."""
        if self._image is None and self._planes is not None:
            self._image = self._planes.convert("RGB")
        if self._image is None:
            # Most photos never become an image of Pillow, which takes 25 ms to load.
            from PIL import Image  # noqa: PLC0415 - see above

            self._image = Image.frombuffer(
                self.mode,
                self.size,
                self.raw,  # type: ignore[arg-type]  # any buffer is taken, memoryview as well
                "raw",
                *(self.mode, 0, 1),
            )
        self._image.info = {}
        return self._image

    def part(self, box: tuple[int, int, int, int]) -> "Image.Image":
        """Return a small part in `mode`, without making an image of all of it.

        Args:
            box: left, top, right and bottom in pixels, right and bottom excluded.
        """
        if self._planes is not None:
            return self._planes.crop(box).convert("RGB")
        if self._image is not None:
            return self._image.crop(box)
        left, top, right, bottom = box
        channels, (width, _) = CHANNELS[self.mode], self.size
        starts = (channels * (width * y + left) for y in range(top, bottom))
        length = channels * (right - left)
        rows = b"".join(self.raw[start : start + length] for start in starts)
        return Picture(self.mode, (right - left, bottom - top), rows, None).image()

    def jpeg_image(self) -> "Image.Image":
        """Return what Pillow's JPEG encoder takes with the least work: YCbCr stays YCbCr."""
        if self._planes is None:
            return self.image()
        self._planes.info = {}
        return self._planes
