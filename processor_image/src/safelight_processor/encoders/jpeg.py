"""JPEG: by jpegli, which is smaller at the same look, or by libjpeg-turbo where it is absent.

jpegli comes in two wheels of one maintainer each, so neither may be needed: `coder` takes what can
be imported. `pyjpegli` is quickest and loads in a millisecond, but knows RGB only and one scan;
`ajpegli` writes several scans, and loads NumPy for that (0.1 s).
"""

import os
import struct
from enum import StrEnum
from functools import cache
from typing import Final

from safelight_contract import policy
from safelight_contract.recipe import Profile
from safelight_processor.encoders.saving import profile_of, save
from safelight_processor.encoders.settings import Settings
from safelight_processor.picture import Mode, Picture

_SUBSAMPLING: Final = "4:2:0"
_JFIF: Final = b"\xff\xd8\xff\xe0"


class Coder(StrEnum):
    """A library that writes JPEG; each has its own scale of quality."""

    PYJPEGLI = "pyjpegli"
    AJPEGLI = "ajpegli"
    TURBO = "libjpeg-turbo"


_CHOICE: Final = {
    # Without its own library, `small` is still better off with the other one than with turbo.
    Profile.SMALL: (Coder.AJPEGLI, Coder.PYJPEGLI),
    Profile.FAST: (Coder.PYJPEGLI,),
}


def coder(mode: Mode, profile: Profile) -> Coder:
    """Return what will write a picture: depends on what is installed.

    Args:
        mode: of the picture; grey is written by libjpeg-turbo, since `pyjpegli` cannot.
        profile: what to save on.
    """
    if mode == "L":
        return Coder.TURBO
    return next((coder for coder in _CHOICE[profile] if _is_there(coder)), Coder.TURBO)


def encode(picture: Picture, settings: Settings) -> bytes:
    """Encode a picture without alpha; the same picture always gives the same bytes.

    Raises:
        ValueError: there is an alpha channel, or no quality.
    """
    if picture.has_alpha or settings.quality is None:
        raise ValueError("JPEG holds no alpha channel, and is never without loss")
    match coder(picture.mode, settings.profile):
        case Coder.TURBO:
            return save(
                picture.jpeg_image(),
                policy.JPEG,
                settings,
                quality=settings.quality,
                progressive=True,
                optimize=True,
                subsampling=_SUBSAMPLING,
            )
        case Coder.PYJPEGLI:
            data = _by_pyjpegli(picture, settings.quality)
        case Coder.AJPEGLI:
            data = _by_ajpegli(picture, settings.quality)
    return _with_segments(data, settings.exif, profile_of(settings, picture.mode))


@cache
def _is_there(coder: Coder) -> bool:
    try:
        match coder:
            case Coder.PYJPEGLI:
                import pyjpegli  # noqa: F401, PLC0415 - may be absent
            case Coder.AJPEGLI:
                # NumPy's BLAS would start a thread, with 40 MiB of address space, for nothing.
                os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
                import ajpegli  # noqa: F401, PLC0415 - may be absent
            case Coder.TURBO:
                pass
    except ImportError:
        return False
    return True


def _by_pyjpegli(picture: Picture, quality: int) -> bytes:
    import pyjpegli  # noqa: PLC0415 - may be absent

    data: bytes = pyjpegli.encode(picture.raw, *picture.size, quality=quality)
    return data


def _by_ajpegli(picture: Picture, quality: int) -> bytes:
    import ajpegli  # noqa: PLC0415 - may be absent
    import numpy as np  # noqa: PLC0415 - its needs

    width, height = picture.size
    pixels = np.frombuffer(picture.raw, np.uint8).reshape(height, width, 3)
    return ajpegli.encode(pixels, quality=quality, progressive=2, subsampling="420")


def _with_segments(data: bytes, exif: bytes, profile: bytes | None) -> bytes:
    """Insert what jpegli's wheels cannot write; both are smaller than a segment's 64 KiB."""
    extra = b""
    if exif:
        extra += _segment(0xE1, b"Exif\0\0" + exif.removeprefix(b"Exif\0\0"))
    if profile:
        extra += _segment(0xE2, b"ICC_PROFILE\0\x01\x01" + profile)
    if not extra:
        return data
    start = 2
    if data.startswith(_JFIF):
        # JFIF's own segment has to be the first one.
        start = 4 + struct.unpack_from(">H", data, 4)[0]
    return data[:start] + extra + data[start:]


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
