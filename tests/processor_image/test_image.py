"""The whole way of a picture, from one file to the next."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from safelight_contract import policy
from safelight_contract.policy import Format
from safelight_processor.colour import SRGB_PROFILE
from safelight_processor.decode import decode
from safelight_processor.headers import read_header
from safelight_processor.sizes import fit
from tests.processor_image.helpers import (
    BARE,
    lossless,
    made,
    mean_difference,
    transformed,
    worst_difference,
)
from tests.support import file_parts, images

every_format = pytest.mark.parametrize("image_format", policy.FORMATS, ids=lambda f: f.name)
format_with_metadata = pytest.mark.parametrize(
    "image_format", [policy.JPEG, policy.PNG, policy.WEBP], ids=lambda f: f.name
)
"""Those that hold EXIF as it is: AVIF and HEIF have boxes of their own for the orientation."""


@format_with_metadata
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_baked_in(image_format: Format, orientation: int) -> None:
    upright = images.picture(64, 48)
    stored = images.as_stored(upright, orientation)
    data = lossless(stored, image_format, exif=images.exif(orientation))
    _, picture = transformed(data, image_format)
    assert picture.getexif().get(images.ORIENTATION, 1) == 1
    assert mean_difference(picture.convert("RGB"), upright) < 3


def test_alternatives_are_the_image_itself_in_other_formats() -> None:
    recipe = replace(BARE, alternatives=("avif", "webp", "jpeg"))
    result = made(images.photo(900, 600), policy.JPEG, recipe)
    assert [each.file_name for each in result.variants] == ["image.avif", "image.webp"]
    for each in result.variants:
        assert (each.width, each.height) == (900, 600)
        assert len(each.data) < len(result.image.data)


def test_a_picture_with_transparency_has_no_alternative_that_cannot_hold_it() -> None:
    data = images.encoded(images.picture(90, 60, "RGBA"), policy.PNG)
    result = made(data, policy.PNG, replace(BARE, alternatives=("jpeg", "avif")))
    assert "image.jpg" not in [each.file_name for each in result.variants]


def test_large_picture_on_its_side_is_reduced_to_the_upright_box() -> None:
    stored = images.as_stored(images.picture(4000, 6000), 6)
    data = images.encoded(stored, policy.JPEG, exif=images.exif(6), quality=90)
    result, picture = transformed(data, policy.JPEG)
    assert (result.width, result.height) == (1440, 2160)
    assert mean_difference(picture.resize((64, 96)), images.picture(64, 96)) < 2


@pytest.mark.parametrize("stored_as", [1, 3, 4], ids=["BYTE", "SHORT", "LONG"])
def test_orientation_is_read_whatever_type_it_has(stored_as: int) -> None:
    entry = b"\x12\x01" + bytes((stored_as, 0)) + b"\x01\0\0\0" + b"\x06\0\0\0"
    block = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + bytes(4)
    data = images.encoded(images.picture(40, 20), policy.JPEG, exif=block)
    assert transformed(data, policy.JPEG)[1].size == (20, 40)


@pytest.mark.parametrize(
    "block",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0garbage and more of it",
        images.exif(9),
        images.exif(0),
    ],
    ids=["empty", "offset beyond the end", "garbage", "9", "0"],
)
@format_with_metadata
def test_broken_exif_never_fails_a_picture(image_format: Format, block: bytes) -> None:
    data = images.encoded(images.picture(40, 20), image_format, exif=block)
    assert transformed(data, image_format)[1].size == (40, 20)


@every_format
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("size", [(48, 48), (3900, 40)], ids=["kept", "reduced"])
def test_nothing_but_pixels_and_a_small_profile_is_left(
    image_format: Format,
    mode: str,
    size: tuple[int, int],
) -> None:
    if image_format is policy.JPEG:
        mode = "RGB"
    data = images.with_metadata(images.picture(*size, mode), image_format)
    assert data.count(images.SECRET.encode()) >= 2
    result, picture = transformed(data, image_format)
    assert set(file_parts.of(result.data, result.format)) <= file_parts.ALLOWED[result.format.name]
    assert images.SECRET.encode() not in result.data
    assert picture.info.get("icc_profile") in {None, SRGB_PROFILE}
    assert len(picture.getexif()) == 0


@every_format
def test_same_file_gives_the_same_bytes(image_format: Format) -> None:
    data = images.encoded(images.picture(500, 400), image_format, icc_profile=images.display_p3())
    first, second = (made(data, image_format) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "image_format",
    # libheif's encoder refuses to make such a file.
    [known for known in policy.FORMATS if known is not policy.HEIF],
    ids=lambda f: f.name,
)
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 5000), (5000, 2)], ids=str)
def test_smallest_and_thinnest_pictures(image_format: Format, size: tuple[int, int]) -> None:
    result, _ = transformed(images.photo(*size, image_format), image_format)
    scale = min(1, 3840 / size[0], 2160 / size[1])
    assert abs(result.width - max(1, size[0] * scale)) < 1
    assert abs(result.height - max(1, size[1] * scale)) < 1


@every_format
def test_small_picture_is_not_enlarged_and_keeps_its_look(image_format: Format) -> None:
    picture = images.picture(120, 80)
    _, shown = transformed(lossless(picture, image_format), image_format)
    # A GIF has 256 colours.
    assert mean_difference(shown.convert("RGB"), picture) < (5 if image_format is policy.GIF else 2)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "1", "P"])
def test_png_keeps_every_pixel_of_a_small_picture(mode: str) -> None:
    picture = images.picture(60, 40, mode)
    _, shown = transformed(images.encoded(picture, policy.PNG), policy.PNG)
    # In whatever form takes the fewest bytes.
    seen = {"1": "L", "P": "RGB"}.get(mode, mode)
    assert worst_difference(shown.convert(seen), picture.convert(seen)) == 0


@pytest.mark.parametrize("image_format", [policy.PNG, policy.WEBP], ids=lambda f: f.name)
def test_alpha_is_kept(image_format: Format) -> None:
    picture = images.picture(60, 40, "RGBA")
    _, shown = transformed(lossless(picture, image_format), image_format)
    assert worst_difference(shown.getchannel("A"), picture.getchannel("A")) == 0


def test_palette_with_transparency_becomes_alpha() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((1, 0), 1)
    data = images.encoded(picture, policy.PNG, transparency=bytes((0, 255)))
    _, shown = transformed(data, policy.PNG)
    shown = shown.convert("RGBA")
    assert [shown.getpixel((x, 0)) for x in (0, 1)] == [(0, 0, 0, 0), (0, 0, 255, 255)]


@pytest.mark.parametrize(
    ("bit_depth", "colour_type", "rows", "transparent", "expected"),
    [
        (1, 0, b"\x40", b"\0\x01", [(0, 255), (0, 0)]),
        (2, 0, b"\x60", b"\0\x02", [(85, 255), (0, 0)]),
        (4, 0, b"\x3f", b"\0\x0f", [(51, 255), (0, 0)]),
        (8, 0, b"\x10\x11", b"\0\x11", [(16, 255), (0, 0)]),
        (16, 0, b"\x80\0\x80\x01", b"\x80\x01", [(128, 255), (0, 0)]),
        (8, 2, b"\1\2\3\4\5\6", b"\0\4\0\5\0\6", [(1, 2, 3, 255), (0, 0, 0, 0)]),
        (
            *(16, 2, b"\x10\0\x20\0\x30\0\x40\0\x50\0\x60\0", b"\x40\0\x50\0\x60\0"),
            [(16, 32, 48, 255), (0, 0, 0, 0)],
        ),
    ],
    ids=["grey 1", "grey 2", "grey 4", "grey 8", "grey 16", "RGB 8", "RGB 16"],
)
def test_transparent_colour_becomes_alpha_at_every_depth(
    bit_depth: int,
    colour_type: int,
    rows: bytes,
    transparent: bytes,
    expected: list[tuple[int, ...]],
) -> None:
    """The colour itself is gone: nobody sees it, and it may be what somebody meant to erase."""
    chunk = images.png_chunk(b"tRNS", transparent)
    data = images.png(2, 1, bit_depth, colour_type, rows, chunk)
    _, shown = transformed(data, policy.PNG)
    shown = shown.convert("LA" if colour_type == 0 else "RGBA")
    assert [shown.getpixel((x, 0)) for x in (0, 1)] == expected


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    rows = b"\0\0\x01\x01\x80\x80\xff\xff"
    _, shown = transformed(images.png(4, 1, 16, 0, rows), policy.PNG)
    assert [shown.getpixel((x, 0)) for x in range(4)] == [0, 1, 128, 255]


def test_of_several_pictures_in_a_jpeg_the_first_is_kept() -> None:
    """Phones write those, and Pillow calls the format MPO."""
    buffer = io.BytesIO()
    second = Image.new("RGB", (30, 20), "blue")
    Image.new("RGB", (30, 20), "red").save(buffer, "MPO", save_all=True, append_images=[second])
    result, shown = transformed(buffer.getvalue(), policy.JPEG)
    assert set(file_parts.of(result.data, policy.JPEG)) <= file_parts.ALLOWED["JPEG"]
    assert mean_difference(shown, Image.new("RGB", (30, 20), "red")) < 3


def test_grey_jpeg_stays_grey() -> None:
    data = images.encoded(images.picture(50, 40, "L"), policy.JPEG)
    result, shown = transformed(data, policy.JPEG)
    assert shown.mode == "L"
    assert "APP2:ICC_PROFILE" not in file_parts.of(result.data, policy.JPEG)


@pytest.mark.parametrize(
    ("size", "divisor"),
    [((3900, 2600), 1), ((20001, 601), 2), ((36003, 405), 4)],
    ids=str,
)
@pytest.mark.parametrize("is_progressive", [False, True])
def test_reducing_while_decoding_shifts_nothing(
    size: tuple[int, int],
    divisor: int,
    is_progressive: bool,  # noqa: FBT001 - a parameter of a test
) -> None:
    """Odd sizes: at 1/2 and 1/4 the last row and column are parts of pixels."""
    data = images.encoded(images.picture(*size), policy.JPEG, progressive=is_progressive)
    decoded = decode(data, read_header(data, policy.JPEG), fit(*size, 3840, 2160))
    assert decoded.image.size == tuple(-(-side // divisor) for side in size)
    result, shown = transformed(data, policy.JPEG)
    assert (result.width, result.height) == fit(*size, 3840, 2160)
    small = (96, 64)
    expected = images.picture(result.width, result.height)
    assert mean_difference(shown.resize(small), expected.resize(small)) < 1.5
