import pytest
from PIL import Image

from safelight_processor.pixels import resize, to_eight_bits, turn_upright
from safelight_processor.sizes import fit, fit_stored
from tests.processor_image.helpers import worst_difference
from tests.support import images

FITS = [
    ((1, 1), (1, 1)),
    ((3840, 2160), (3840, 2160)),
    ((3841, 2160), (3840, 2159)),
    ((3840, 2161), (3838, 2160)),
    ((3000, 100), (3000, 100)),
    ((7680, 4320), (3840, 2160)),
    ((6000, 4000), (3240, 2160)),
    ((4000, 6000), (1440, 2160)),
    ((4032, 3024), (2880, 2160)),
    ((8000, 8000), (2160, 2160)),
    ((8660, 5773), (3240, 2160)),
    ((50_000_000, 1), (3840, 1)),
    ((1, 50_000_000), (1, 2160)),
    ((10_000, 2), (3840, 1)),
    ((3, 4320), (2, 2160)),
]


@pytest.mark.parametrize(("size", "expected"), FITS, ids=str)
def test_size_is_fitted_into_the_box(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fit(*size, 3840, 2160) == expected


@pytest.mark.parametrize("size", [size for size, _ in FITS], ids=str)
def test_fitted_sides_are_within_a_pixel_of_the_aspect(size: tuple[int, int]) -> None:
    width, height = fit(*size, 3840, 2160)
    scale = min(1, 3840 / size[0], 2160 / size[1])
    assert abs(width - size[0] * scale) < 1
    assert abs(height - size[1] * scale) < 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_box_lies_on_its_side_with_the_picture(orientation: int) -> None:
    expected = (3240, 2160) if orientation < 5 else (2160, 1440)
    assert fit_stored((6000, 4000), orientation) == expected


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation: int) -> None:
    upright = images.picture(7, 5)
    turned = turn_upright(images.as_stored(upright, orientation), orientation)
    assert turned.size == (7, 5)
    assert turned.tobytes() == upright.tobytes()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK"])
def test_bands_give_the_pixels_of_one_call(mode: str) -> None:
    """The result is more than two bands high, and the last one is not full."""
    image = images.picture(300, 1500, mode)
    size = (120, 600)
    whole = image.resize(size, Image.Resampling.LANCZOS)
    in_bands = resize(image, size, (0, 0, 300, 1500))
    assert in_bands.mode == mode
    assert worst_difference(in_bands, whole) == 0


def test_unchanged_size_keeps_every_pixel_and_nothing_else() -> None:
    image = images.picture(20, 10)
    image.info["comment"] = images.SECRET
    result = resize(image, (20, 10), (0, 0, 20, 10))
    assert result.tobytes() == image.tobytes()
    assert result.info == {}


def test_transparent_pixels_do_not_bleed_when_resized() -> None:
    """Red that nobody sees, beside opaque blue, must not turn the edge purple."""
    image = Image.new("RGBA", (100, 100), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (50, 0, 100, 100))
    result = resize(image, (31, 31), (0, 0, 100, 100))
    assert result.getchannel("A").getextrema() == (0, 255)
    seen = Image.composite(result, Image.new("RGBA", result.size), result.getchannel("A"))
    assert max(seen.getchannel("R").tobytes()) <= 2


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("1", "L"),
        ("L", "L"),
        ("LA", "LA"),
        ("P", "RGB"),
        ("PA", "RGBA"),
        ("RGB", "RGB"),
        ("RGBA", "RGBA"),
        ("CMYK", "CMYK"),
        ("YCbCr", "RGB"),
        ("I;16", "L"),
        ("I", "L"),
    ],
)
def test_every_mode_becomes_one_with_eight_bits(mode: str, expected: str) -> None:
    assert to_eight_bits(Image.new(mode, (3, 2))).mode == expected


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK"])
def test_picture_in_such_a_mode_is_not_copied(mode: str) -> None:
    image = images.picture(3, 2, mode)
    assert to_eight_bits(image) is image


@pytest.mark.parametrize("mode", ["I", "I;16"])
@pytest.mark.parametrize(
    ("deep", "shallow"),
    [(0, 0), (1, 0), (128, 0), (129, 1), (257, 1), (32768, 128), (65406, 254), (65535, 255)],
)
def test_sixteen_bits_are_scaled(mode: str, deep: int, shallow: int) -> None:
    assert to_eight_bits(Image.new(mode, (1, 1), deep)).getpixel((0, 0)) == shallow


def test_transparent_grey_of_sixteen_bits_becomes_alpha() -> None:
    """The neighbour that rounds to the same 8 bits stays opaque."""
    image = Image.new("I;16", (2, 1), 30000)
    image.putpixel((1, 0), 30001)
    image.info["transparency"] = 30000
    result = to_eight_bits(image)
    assert result.mode == "LA"
    assert [result.getpixel((x, 0)) for x in (0, 1)] == [(117, 0), (117, 255)]
