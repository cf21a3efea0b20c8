"""What a file says of itself before a pixel is decoded, and whether that is within the budgets."""

from dataclasses import dataclass, field
from typing import Final

from safelight_contract.policy import Format

_FIRST_LYING: Final = 5
"""From this orientation on the stored width is the shown height."""

Crop = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels, right and bottom excluded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The container's own words; the decoder's answer wins where the two differ.

    Who applies what: `decode` cuts to `crop`; the engine applies `orientation`, after the fit. For
    HEIF both are None and 1, since libheif crops, turns and mirrors while it decodes; for AVIF
    they are the clap, irot and imir boxes, which the decoder hands on; for all others `orientation`
    is EXIF's (or XMP's, where there is no EXIF) and nothing is cropped.
    """

    format: Format
    size: tuple[int, int]
    """Pixels of the first picture as `decode` returns it: cut, not yet turned."""
    orientation: int = 1
    """1 to 8, as EXIF counts them: what still has to be applied to the decoded picture."""
    crop: Crop | None = None
    """The part of the coded picture that is to be shown, where the decoder does not cut it out."""
    coded_size: tuple[int, int] | None = None
    """Pixels before `crop`; None: the same as `size`."""
    profile: bytes | None = None
    """The embedded ICC profile, not yet checked."""
    bits: int = 8
    """Bits of a channel."""
    has_alpha: bool = False
    """There is an alpha channel or a transparent colour; all of it may still be opaque."""
    is_grey: bool = False
    is_cmyk: bool = False
    """Four channels of ink: CMYK or YCCK."""
    is_lossless: bool = False
    """The pixels are stored without loss (PNG, GIF, lossless WebP)."""
    is_progressive: bool = False
    """A JPEG in several scans, or an interlaced PNG: the decoder holds all of it at once."""
    subsampling: str | None = None
    """Of the colour channels, as `4:2:0`; None: unknown, or there are none."""
    frames: int = 1
    """Pictures of an animation, of which there is one if it is more than 1."""
    extra_pictures: bool = False
    """Further pictures that are no animation (MPO, HEIF); only the first one is used."""
    gain_map: bool = False
    """There is an HDR gain map, which is not used."""
    metadata: frozenset[str] = field(default_factory=frozenset)
    """The kinds of metadata that are present."""

    @property
    def upright_size(self) -> tuple[int, int]:
        """The size as it is to be seen, in pixels."""
        width, height = self.size
        return (width, height) if self.orientation < _FIRST_LYING else (height, width)

    @property
    def pixels(self) -> int:
        """Pixels that have to be decoded, over all frames."""
        width, height = self.coded_size or self.size
        return width * height * self.frames


def read_header(data: bytes | memoryview, image_format: Format) -> Header:
    """Read what a file says of itself, in a time bounded by the policy, without decoding.

    Args:
        data: the whole file.
        image_format: what its magic bytes say.

    Raises:
        ImageRejected: it has too many pixels, frames or parts, or not even a size.
    """
    raise NotImplementedError
