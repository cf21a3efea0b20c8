"""What a file says of itself before a pixel is decoded; `headers.read_header` finds it out."""

from dataclasses import dataclass, field

from safelight_contract.facts import Removed
from safelight_contract.policy import Format
from safelight_processor.sizes import swapped

Data = bytes | bytearray | memoryview
"""A whole file, or a part of it, in memory."""

Crop = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels, right and bottom excluded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The container's own words; the decoder's answer wins where the two differ.

    Who applies what: `decode` cuts to `crop`; the engine applies `orientation`, after the fit. For
    AVIF they are the clap, irot and imir boxes, which its decoder hands on. For HEIF there is
    neither, since libheif cuts, turns and mirrors while it decodes: `size` is upright there. For
    the others `orientation` is EXIF's, or XMP's where EXIF has none, and nothing is cut.
    """

    format: Format
    size: tuple[int, int]
    """Pixels of the first picture as `decode` returns it: cut, not yet turned."""
    orientation: int = 1
    """1 to 8, as EXIF counts them: what still has to be applied to the decoded picture."""
    crop: Crop | None = None
    """The part of the coded picture that is to be shown, where the decoder does not cut it out."""
    coded_size: tuple[int, int] | None = None
    """Pixels before anything is cut or turned; None: the same as `size`."""
    covered: Crop | None = None
    """The part of a GIF's screen that its first picture covers; the rest of it is transparent.
    None: all of it."""
    is_cropped: bool = False
    """A part of the coded picture is cut off, whoever does it."""
    is_turned: bool = False
    """The coded picture is turned or mirrored, whoever does it."""
    profile: bytes | None = None
    """An ICC profile of the pixels, not yet checked: embedded, or made from the numbers that stand
    in place of one (PNG's gAMA, cHRM and cICP, AVIF's and HEIF's nclx). None: they are sRGB."""
    is_hdr: bool = False
    """The pixels are PQ or HLG; converting them from `profile` also maps the tones."""
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
    """Pictures of an animation; 1: it is none."""
    extra_pictures: bool = False
    """Further pictures that are no animation (MPO, HEIF); only the first one is used."""
    gain_map: bool = False
    """There is an HDR gain map, which is not used."""
    metadata: frozenset[Removed] = field(default_factory=frozenset)
    """What is there beside the pixels."""

    @property
    def upright_size(self) -> tuple[int, int]:
        """The size as it is to be seen, in pixels."""
        return swapped(self.size, self.orientation)

    @property
    def is_animated(self) -> bool:
        """Say whether there is more than one frame."""
        return self.frames > 1

    @property
    def pixels(self) -> int:
        """Pixels that have to be decoded, over all frames."""
        width, height = self.coded_size or self.size
        return width * height * self.frames
