"""What all encoders are told."""

from dataclasses import dataclass

from safelight_contract.recipe import ColourSpace, Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to write a picture, beside its pixels."""

    quality: int | None
    """On the encoder's own scale of 1 to 100; None: without loss, where the format can."""
    profile: Profile = Profile.FAST
    space: ColourSpace = ColourSpace.SRGB
    """The colours that the pixels are in; only what is not sRGB is written into the file."""
    exif: bytes = b""
    """A TIFF block of our own making, for credits; empty: none."""
