"""Saving through Pillow: only what is passed gets into the file."""

import io
from typing import Any

from PIL import Image

from safelight_contract.policy import Format
from safelight_contract.recipe import ColourSpace
from safelight_processor.encoders.settings import Settings
from safelight_processor.profiles import DISPLAY_P3_PROFILE


class _Buffer(io.BytesIO):
    """Memory with a file's name: by its extension Pillow imports one plugin, by a format five."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def save(image: Image.Image, image_format: Format, settings: Settings, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's options are of any type
    """Encode by Pillow.

    Args:
        image: made by us, so with nothing in its `info`.
        image_format: of the result.
        settings: `space` and `exif` are used here, the rest by whoever calls.
        options: Pillow's, for the format.
    """
    buffer = _Buffer(f"image.{image_format.extension}")
    profile = profile_of(settings, image.mode)
    _apart(image).save(buffer, icc_profile=profile, exif=settings.exif, **options)
    return buffer.getvalue()


def _apart(image: Image.Image) -> Image.Image:
    """Return another image of the same pixels.

    While it saves, Pillow keeps the options in the image itself, where a thread that writes the
    same picture in another format would find them.
    """
    return image._new(image.im)  # noqa: SLF001 - whatever is public copies the pixels


def profile_of(settings: Settings, mode: str) -> bytes | None:
    """Return the profile to write, if any.

    Grey needs none in either space: the two share their tone curve, and a profile for colour is
    wrong for it.
    """
    is_wide = settings.space is ColourSpace.DISPLAY_P3 and mode not in {"L", "LA"}
    return DISPLAY_P3_PROFILE if is_wide else None
