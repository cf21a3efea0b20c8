import io

import pytest
from PIL import Image, ImageCms

from safelight_processor.profiles import DISPLAY_P3_PROFILE


def test_little_cms_reads_the_display_p3_profile_as_what_it_is() -> None:
    """The primaries are those that Apple's own profile has, to four digits."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(DISPLAY_P3_PROFILE)).profile
    assert profile.profile_description == "Display P3"
    primaries = (profile.red_primary, profile.green_primary, profile.blue_primary)
    expected = ((0.5151, 0.2412, -0.0010), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
    for found, wanted in zip(primaries, expected, strict=True):
        assert found is not None
        assert found[0] == pytest.approx(wanted, abs=0.0002)


def test_saturated_red_of_display_p3_lies_outside_of_srgb() -> None:
    """Converting it clips: sRGB's red is 234/51/35 in Display P3."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(DISPLAY_P3_PROFILE))
    conversion = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), profile, "RGB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC
    )

    converted = conversion.apply(Image.new("RGB", (1, 1), (255, 0, 0)))
    assert converted.getpixel((0, 0)) == pytest.approx((234, 51, 35), abs=1)
