"""The encoders: from a picture's pixels to a file that holds them and nothing else.

The same picture and settings always give the same bytes, with the same versions of the libraries.
"""

from importlib import import_module
from typing import Final

from PIL import features

from safelight_contract.policy import Format
from safelight_contract.recipe import Profile
from safelight_processor.encoders import jpeg
from safelight_processor.encoders.settings import Settings
from safelight_processor.picture import Mode, Picture

__all__ = ["Settings", "encode", "encoder"]

_LIBRARIES: Final = {"JPEG": "libjpeg_turbo", "PNG": "zlib", "WEBP": "webp", "AVIF": "avif"}
"""The part of Pillow that says which version of an encoder is at work."""


def encode(picture: Picture, image_format: Format, settings: Settings, *, effort: int = 0) -> bytes:
    """Encode a picture.

    Args:
        picture: of any mode that the format can hold.
        image_format: of the result.
        settings: see there.
        effort: for formats without loss, how long to search for fewer bytes: 0 is quickest.

    Raises:
        ValueError: the format cannot hold an alpha channel, or not without loss.
        MemoryError: it needs more memory than there is.
    """
    # A plugin costs some milliseconds to load, so only what is needed is.
    match image_format.name:
        case "JPEG":
            return jpeg.encode(picture, settings)
        case "PNG":
            from safelight_processor.encoders import png  # noqa: PLC0415 - see above

            return png.encode(picture, settings, effort=effort)
        case "WEBP":
            from safelight_processor.encoders import webp  # noqa: PLC0415 - see above

            return webp.encode(picture, settings, effort=effort)
        case "AVIF":
            from safelight_processor.encoders import avif  # noqa: PLC0415 - see above

            return avif.encode(picture, settings)
        case name:
            raise ValueError(f"{name} is not written")


def encoder(image_format: Format, mode: Mode, profile: Profile) -> tuple[str, str]:
    """Return the name and version of what writes a format."""
    if image_format.name == "JPEG":
        coder = jpeg.coder(mode, profile)
        if coder is not jpeg.Coder.TURBO:
            # It says so itself; to read its metadata costs 40 ms, as much as to encode 4 Mpx.
            return coder, str(import_module(coder).__version__)
    library = _LIBRARIES[image_format.name]
    return library, str(features.version(library))
