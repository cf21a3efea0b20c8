import io
import struct
from dataclasses import replace

import pytest
from PIL import Image, ImageCms

from safelight_contract import policy
from safelight_contract.recipe import ColourSpace
from safelight_processor.colour import SRGB_PROFILE, convert
from safelight_processor.profile_reader import is_srgb
from safelight_processor.profiles import DISPLAY_P3_PROFILE
from tests.processor_image.helpers import BARE, is_near, pixel, transformed
from tests.support import images

# Display P3 to sRGB by the two standards' formulas, rounded; what sRGB cannot show is cut off.
P3_TO_SRGB = [
    ((255, 255, 255), (255, 255, 255)),
    ((128, 128, 128), (128, 128, 128)),
    ((0, 0, 0), (0, 0, 0)),
    ((255, 0, 0), (255, 0, 0)),
    ((200, 100, 50), (215, 93, 31)),
    ((100, 150, 200), (83, 152, 205)),
    ((60, 120, 60), (30, 122, 52)),
]


def test_built_in_profile_is_srgb() -> None:
    parsed = ImageCms.ImageCmsProfile(io.BytesIO(SRGB_PROFILE)).profile
    assert parsed.xcolor_space == "RGB "
    assert is_srgb(SRGB_PROFILE)


def test_built_in_profile_is_what_little_cms_makes_but_for_the_date() -> None:
    fresh = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert (fresh[:24], fresh[36:]) == (SRGB_PROFILE[:24], SRGB_PROFILE[36:])


@pytest.mark.parametrize(("p3", "srgb"), P3_TO_SRGB, ids=str)
def test_display_p3_becomes_srgb(p3: tuple[int, int, int], srgb: tuple[int, int, int]) -> None:
    assert is_near(pixel(convert(Image.new("RGB", (1, 1), p3), images.display_p3())), srgb)


def test_alpha_survives_the_conversion() -> None:
    picture = images.picture(9, 9, "RGBA")
    converted = convert(picture, images.display_p3())
    assert converted.getchannel("A").tobytes() == picture.getchannel("A").tobytes()
    assert converted.getchannel("R").tobytes() != picture.getchannel("R").tobytes()


def test_srgb_picture_is_not_touched() -> None:
    picture = images.picture(9, 9)
    assert convert(picture, SRGB_PROFILE) is picture


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize(
    "profile",
    [b"", b"no profile", SRGB_PROFILE[:200], bytes(500), images.cmyk_profile()],
    ids=["empty", "text", "cut short", "zeros", "for CMYK"],
)
def test_unusable_profile_is_ignored(mode: str, profile: bytes) -> None:
    picture = images.picture(9, 9, mode)
    assert convert(picture, profile).tobytes() == picture.tobytes()


def test_unusable_profile_leaves_cmyk_to_the_plain_conversion() -> None:
    picture = images.picture(9, 9, "CMYK")
    assert convert(picture, SRGB_PROFILE).tobytes() == picture.convert("RGB").tobytes()


@pytest.mark.parametrize(
    ("ink", "expected"),
    [
        ((0, 0, 0, 0), (255, 255, 255)),
        ((255, 0, 0, 0), (119, 119, 119)),  # L* 50: a grey, which no plain conversion makes of cyan
        ((0, 0, 0, 255), (0, 0, 0)),
    ],
)
def test_cmyk_is_converted_by_its_profile(
    ink: tuple[int, ...],
    expected: tuple[int, ...],
) -> None:
    result = convert(Image.new("CMYK", (1, 1), ink), images.cmyk_profile())
    assert result.mode == "RGB"
    assert is_near(pixel(result), expected)


@pytest.mark.parametrize("profile", [None, images.cmyk_profile()], ids=["without", "with profile"])
def test_cmyk_jpeg_becomes_rgb(profile: bytes | None) -> None:
    """Adobe's files hold the inks inverted; Pillow writes and reads them so."""
    options = {} if profile is None else {"icc_profile": profile}
    data = images.encoded(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), policy.JPEG, **options)
    _, picture = transformed(data, policy.JPEG)
    assert picture.mode == "RGB"
    assert is_near(pixel(picture, 8, 8), (255, 255, 255))


def test_grey_profile_is_applied_and_grey_stays_grey() -> None:
    """A linear grey profile: its 50 % is much lighter than sRGB's."""
    linear = _grey_profile()
    result = convert(Image.new("L", (1, 1), 128), linear)
    assert result.mode == "L"
    assert is_near(pixel(result), (188,))


def test_name_of_a_profile_is_no_proof() -> None:
    assert not is_srgb(images.display_p3())


def test_p3_photo_becomes_srgb_which_needs_no_profile() -> None:
    data = images.encoded(
        Image.new("RGB", (32, 32), (200, 100, 50)),
        policy.PNG,
        icc_profile=images.display_p3(),
    )
    _, picture = transformed(data, policy.PNG)
    assert "icc_profile" not in picture.info
    assert is_near(pixel(picture.convert("RGB")), (215, 93, 31))


def test_p3_photo_stays_display_p3_with_the_small_profile_where_it_is_kept() -> None:
    data = images.encoded(
        Image.new("RGB", (32, 32), (200, 100, 50)),
        policy.PNG,
        icc_profile=images.display_p3(),
    )
    recipe = replace(BARE, colour=ColourSpace.DISPLAY_P3)
    _, picture = transformed(data, policy.PNG, recipe)
    assert picture.info["icc_profile"] == DISPLAY_P3_PROFILE
    assert pixel(picture.convert("RGB")) == (200, 100, 50)


def _grey_profile() -> bytes:
    """Return a profile for grey with a linear curve, built by hand as Pillow cannot make one."""
    white = struct.pack(">4s4x3i", b"XYZ ", 63190, 65536, 54061)
    curve = struct.pack(">4s4xI", b"curv", 0)
    tags = [(b"wtpt", white), (b"kTRC", curve)]
    start = 128 + 4 + 12 * len(tags)
    directory, body = struct.pack(">I", len(tags)), b""
    for signature, data in tags:
        directory += struct.pack(">4sII", signature, start + len(body), len(data))
        body += data
    header = struct.pack(
        ">I4sI4s4s4s6H4s",
        *(start + len(body), b"none", 0x02400000, b"mntr", b"GRAY", b"XYZ "),
        *(2000, 1, 1, 0, 0, 0, b"acsp"),
    )
    header += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + directory + body
