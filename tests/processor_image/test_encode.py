import io

import pytest
from PIL import Image, ImageDraw
from PIL.JpegImagePlugin import JpegImageFile

from safelight_contract import policy
from safelight_processor.encode import encode
from tests.processor_image.helpers import worst_difference
from tests.support import images


def text_on_white(width: int, height: int) -> Image.Image:
    """Return what a screenshot of a page of text looks like."""
    page = Image.new("RGB", (width, height), (250, 250, 248))
    draw = ImageDraw.Draw(page)
    for row in range(0, height, 24):
        draw.text((10, row), "The quick brown fox jumps. " * (width // 100), fill=(20, 20, 30))
    return page


def noisy(width: int, height: int) -> Image.Image:
    """Return what compresses as a photo does: smooth, with noise that never repeats."""
    noise = Image.merge("RGB", [Image.effect_noise((width, height), 20) for _ in range(3)])
    return Image.blend(images.picture(width, height), noise, 0.3)


def test_jpeg_is_progressive_with_half_the_chroma() -> None:
    data = encode(images.picture(64, 48), policy.JPEG, is_lossless=False)
    assert "SOF2" in images.parts(data, policy.JPEG)
    sampling = [component[1:3] for component in JpegImageFile(io.BytesIO(data)).layer]
    assert sampling == [(2, 2), (1, 1), (1, 1)]


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_png_is_lossless(mode: str) -> None:
    picture = images.picture(200, 150, mode)
    data = encode(picture, policy.PNG, is_lossless=True)
    assert worst_difference(Image.open(io.BytesIO(data)), picture) == 0


def test_png_of_a_drawing_is_small() -> None:
    page = text_on_white(1000, 700)
    data = encode(page, policy.PNG, is_lossless=True)
    photo_way = images.encoded(page, policy.PNG, compress_type=3)
    assert len(data) < 0.5 * len(photo_way)


def test_png_of_a_photo_is_made_the_quick_way() -> None:
    """Run-length coding alone: within some percent of the slow way on what does not repeat."""
    picture = noisy(600, 400)
    data = encode(picture, policy.PNG, is_lossless=True)
    profile = {"icc_profile": Image.open(io.BytesIO(data)).info["icc_profile"]}
    assert data == images.encoded(picture, policy.PNG, compress_type=3, **profile)
    assert len(data) < 1.1 * len(images.encoded(picture, policy.PNG, compress_level=9))


@pytest.mark.parametrize(("is_lossless", "chunk"), [(True, "VP8L"), (False, "VP8")])
def test_webp_is_as_lossless_as_its_original(is_lossless: bool, chunk: str) -> None:  # noqa: FBT001 - a parameter of a test
    data = encode(images.picture(60, 40), policy.WEBP, is_lossless=is_lossless)
    assert chunk in images.parts(data, policy.WEBP)


def test_profile_is_for_colour_only() -> None:
    grey = encode(images.picture(9, 9, "L"), policy.PNG, is_lossless=True)
    colour = encode(images.picture(9, 9), policy.PNG, is_lossless=True)
    assert "iCCP" not in images.parts(grey, policy.PNG)
    assert "iCCP" in images.parts(colour, policy.PNG)
