import io
from itertools import pairwise

import pytest
from PIL import Image, ImageCms

from safelight_contract.recipe import ColourSpace
from safelight_processor import icc, profile_reader
from safelight_processor.colour import convert
from tests.processor_image.helpers import is_near, pixel
from tests.support import images

WHITE_203_NITS_PQ = 148
"""58 % of PQ's range, and 75 % of HLG's, is paper white (ITU-R BT.2408, table 1)."""
WHITE_203_NITS_HLG = 191


def profile(primaries: int, transfer: int) -> bytes:
    made = icc.from_code_points(primaries, transfer)
    assert made is not None
    return made


def converted(colour: tuple[int, int, int], made: bytes) -> tuple[int, ...]:
    return pixel(convert(Image.new("RGB", (1, 1), colour), made))


def test_little_cms_reads_what_is_made() -> None:
    for made in (profile(9, 13), icc.grey_profile(b"curv" + bytes(8))):
        parsed = ImageCms.ImageCmsProfile(io.BytesIO(made)).profile
        assert parsed.version == pytest.approx(4.2)
        assert len(made) == int.from_bytes(made[:4], "big")


def test_same_numbers_give_the_same_bytes() -> None:
    assert profile(12, 13) == profile(12, 13)


def test_display_p3_is_recognised_by_its_numbers() -> None:
    assert profile_reader.is_display_p3(profile(12, 13))
    assert profile_reader.is_wide(profile(12, 13))
    assert not profile_reader.is_srgb(profile(12, 13))


@pytest.mark.parametrize("primaries", [1, 2, 99])
@pytest.mark.parametrize("transfer", [1, 2, 6, 13, 14, 15])
def test_srgb_and_what_counts_as_it_need_no_profile(primaries: int, transfer: int) -> None:
    assert icc.from_code_points(primaries, transfer) is None


def test_srgb_made_of_numbers_is_recognised() -> None:
    """The matrices are right to four digits, as far as profiles hold them."""
    made = icc.rgb_profile(icc.SRGB, profile(12, 13)[-32:])
    assert profile_reader.is_srgb(made)
    assert not profile_reader.is_wide(made)


@pytest.mark.parametrize("primaries", sorted(icc.PRIMARIES))
def test_white_stays_white_and_grey_stays_grey(primaries: int) -> None:
    made = profile(primaries, 13)
    for level in (0, 77, 128, 255):
        assert is_near(converted((level, level, level), made), (level, level, level))


@pytest.mark.parametrize(
    ("primaries", "is_wide"), [(4, True), (5, False), (6, False), (9, True), (11, True), (12, True)]
)
def test_wide_gamuts_are_told_from_those_of_television(
    primaries: int,
    is_wide: bool,  # noqa: FBT001 - a parameter of a test
) -> None:
    assert profile_reader.is_wide(profile(primaries, 13)) is is_wide


@pytest.mark.parametrize(
    ("p3", "srgb"),
    [
        ((200, 100, 50), (215, 93, 31)),
        ((100, 150, 200), (83, 152, 205)),
        ((255, 0, 0), (255, 0, 0)),
    ],
)
def test_numbers_convert_as_the_profile_does(
    p3: tuple[int, int, int], srgb: tuple[int, int, int]
) -> None:
    assert is_near(converted(p3, profile(12, 13)), srgb)
    assert converted(p3, profile(12, 13)) == pytest.approx(
        converted(p3, images.display_p3()), abs=1
    )


def test_linear_light_is_made_brighter() -> None:
    assert is_near(converted((128, 128, 128), profile(1, 8)), (188, 188, 188))


@pytest.mark.parametrize(
    ("gamma", "expected"), [(1.0, 188), (1.8, 144), (2.2, None), (2.21, None), (2.6, 112)]
)
def test_gamma_becomes_a_profile_unless_it_is_about_that_of_srgb(
    gamma: float, expected: int | None
) -> None:
    made = icc.from_gamma(gamma, None)
    assert (made is None) is (expected is None)
    if made is not None and expected is not None:
        assert is_near(converted((128, 128, 128), made), (expected,) * 3)


@pytest.mark.parametrize(
    ("transfer", "white"), [(icc.PQ, WHITE_203_NITS_PQ), (icc.HLG, WHITE_203_NITS_HLG)]
)
def test_hdr_is_mapped_to_sdr(transfer: int, white: int) -> None:
    """Paper white comes out just below white, with room for highlights; dark tones stay put."""
    made = profile(9, transfer)
    levels = [converted((value,) * 3, made)[0] for value in range(0, 256, 5)]
    assert levels == sorted(levels)
    assert levels[0] == 0
    assert levels[-1] >= 254
    assert converted((white,) * 3, made)[0] == pytest.approx(237, abs=3)
    # A quarter of paper white, 50 candela per square metre, is a quarter of sRGB's light: 137.
    quarter = {icc.PQ: 112, icc.HLG: 128}[transfer]
    assert converted((quarter,) * 3, made)[0] == pytest.approx(137, abs=6)


def test_tone_curve_has_no_corner() -> None:
    made = profile(1, icc.PQ)
    steps = [converted((value,) * 3, made)[0] for value in range(90, 190)]
    rises = [b - a for a, b in pairwise(steps)]
    assert max(rises) <= 4
    assert min(rises) >= 0


def test_primaries_on_a_line_make_no_profile() -> None:
    line = icc.Primaries((0.1, 0.1), (0.2, 0.2), (0.3, 0.3))
    with pytest.raises(ValueError, match="inverse"):
        icc.rgb_profile(line, b"curv" + bytes(8))


def test_wide_colours_are_kept_in_display_p3() -> None:
    """Twice: a picture in it is not touched, and one in a wider space is converted into it."""
    p3 = Image.new("RGB", (1, 1), (255, 0, 0))
    assert convert(p3, images.display_p3(), ColourSpace.DISPLAY_P3) is p3
    adobe_green = icc.rgb_profile(
        icc.Primaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), b"curv" + bytes(8)
    )
    green = Image.new("RGB", (1, 1), (0, 128, 0))
    kept, clipped = (
        pixel(convert(green, adobe_green, space))
        for space in (ColourSpace.DISPLAY_P3, ColourSpace.SRGB)
    )
    assert kept != clipped
    assert kept[1] > 100
