"""The pixels that are stored are the pixels that were meant, by both engines."""

import struct
from typing import Any

import pytest
from PIL import Image

from safelight_contract import policy
from safelight_contract.policy import Format
from safelight_contract.recipe import ColourSpace
from safelight_processor.engines import Engine
from safelight_processor.engines.pillow import PillowEngine
from safelight_processor.engines.vips import VipsEngine
from safelight_processor.headers import read_header
from safelight_processor.picture import Picture
from tests.processor_image.helpers import is_near, pixel
from tests.support import bmff, images

SIZE = (32, 32)
BOTH = pytest.mark.parametrize(
    "engine", [PillowEngine(), VipsEngine()], ids=lambda engine: engine.name
)
P3_COLOUR, SRGB_COLOUR = (200, 100, 50), (215, 93, 31)
"""One colour in Display P3, and in sRGB."""


def fitted(
    engine: Engine,
    data: bytes,
    image_format: Format,
    size: tuple[int, int] | None = None,
    space: ColourSpace = ColourSpace.SRGB,
) -> Picture:
    header = read_header(data, image_format)
    return engine.fit(data, header, size or header.upright_size, space)


def middle(picture: Picture) -> tuple[int, ...]:
    return pixel(picture.image(), picture.size[0] // 2, picture.size[1] // 2)


def plain(colour: tuple[int, ...], mode: str = "RGB") -> Image.Image:
    return Image.new(mode, SIZE, colour)


def with_profile(colour: tuple[int, ...], image_format: Format, mode: str = "RGB") -> bytes:
    """Return a plain file in Display P3, of the best quality there is."""
    image = plain(colour, mode)
    image.info["icc_profile"] = images.display_p3()
    best = {"JPEG": 98, "WEBP": 100, "AVIF": 100, "HEIF": 100}
    return images.encoded(
        image,
        image_format,
        **{"quality": best[image_format.name]} if image_format.name in best else {},
        **{"icc_profile": images.display_p3()} if image_format is not policy.HEIF else {},
    )


@BOTH
@pytest.mark.parametrize(
    "image_format",
    [policy.JPEG, policy.PNG, policy.WEBP, policy.AVIF, policy.HEIF],
    ids=lambda f: f.name,
)
def test_display_p3_becomes_srgb_or_is_kept(engine: Engine, image_format: Format) -> None:
    data = with_profile(P3_COLOUR, image_format)
    for space, expected in (
        (ColourSpace.SRGB, SRGB_COLOUR),
        (ColourSpace.DISPLAY_P3, P3_COLOUR),
    ):
        found = middle(fitted(engine, data, image_format, space=space))
        assert found == pytest.approx(expected, abs=4)


@BOTH
def test_srgb_stays_as_it_is_where_display_p3_is_kept(engine: Engine) -> None:
    data = images.encoded(plain(P3_COLOUR), policy.PNG)
    assert middle(fitted(engine, data, policy.PNG, space=ColourSpace.DISPLAY_P3)) == P3_COLOUR


@BOTH
@pytest.mark.parametrize(
    ("chunk", "stored", "expected"),
    [
        (images.png_chunk(b"gAMA", struct.pack(">I", 100_000)), (128, 128, 128), (188, 188, 188)),
        (images.png_chunk(b"cICP", bytes((12, 13, 0, 1))), P3_COLOUR, SRGB_COLOUR),
        (images.png_chunk(b"cICP", bytes((9, 16, 0, 1))), (148, 148, 148), (237, 237, 237)),
        (images.png_chunk(b"sRGB", b"\0"), P3_COLOUR, P3_COLOUR),
    ],
    ids=["gAMA", "cICP of Display P3", "cICP of PQ", "sRGB"],
)
def test_numbers_in_a_png_are_applied(
    engine: Engine,
    chunk: bytes,
    stored: tuple[int, ...],
    expected: tuple[int, ...],
) -> None:
    data = images.png(*SIZE, 8, 2, bytes(stored) * 32 * 32, chunk)
    assert middle(fitted(engine, data, policy.PNG)) == pytest.approx(expected, abs=3)


@BOTH
@pytest.mark.parametrize("image_format", [policy.AVIF, policy.HEIF], ids=lambda f: f.name)
def test_code_points_in_boxes_are_applied(engine: Engine, image_format: Format) -> None:
    data = images.encoded(plain(P3_COLOUR), image_format, quality=100)
    data = bmff.with_code_points(data, 12, 13)
    assert middle(fitted(engine, data, image_format)) == pytest.approx(SRGB_COLOUR, abs=4)


@BOTH
@pytest.mark.parametrize("level", [0, 1, 127, 128, 200, 254, 255])
@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_of_a_value_of_eight_are_that_value(
    engine: Engine, level: int, colour: int, channels: int
) -> None:
    """What was eight bits before (times 257) comes out exact; all else within one level."""
    rows = struct.pack(">H", level * 257) * channels * 32 * 32
    picture = fitted(engine, images.png(*SIZE, 16, colour, rows), policy.PNG)
    assert picture.mode == {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    assert middle(picture) == (level,) * channels


@BOTH
def test_palette_with_transparency_is_exact(engine: Engine) -> None:
    colours = [(n, 255 - n, n * 7 % 256) for n in range(256)]
    image = Image.new("P", (16, 16))
    image.putpalette(bytes(part for colour in colours for part in colour))
    image.putdata(list(range(256)))
    data = images.encoded(image, policy.PNG, transparency=bytes(range(256)))
    picture = fitted(engine, data, policy.PNG)
    assert picture.mode == "RGBA"
    expected = b"".join(bytes((*colour, alpha)) for alpha, colour in enumerate(colours))
    assert bytes(picture.raw) == expected


@BOTH
@pytest.mark.parametrize(
    "image_format", [policy.PNG, policy.WEBP, policy.AVIF, policy.HEIF], ids=lambda f: f.name
)
def test_transparent_pixels_do_not_bleed(engine: Engine, image_format: Format) -> None:
    """Half of the picture is green and transparent, and none of it is seen in the red half."""
    image = Image.new("RGBA", (256, 256), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (128, 0, 256, 256))
    options: dict[str, dict[str, Any]] = {
        "WEBP": {"lossless": True, "exact": True},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
        "HEIF": {"quality": 100, "chroma": 444},
    }
    data = images.encoded(image, image_format, **options.get(image_format.name, {}))
    # 17 columns: the edge falls within one.
    shown = fitted(engine, data, image_format, (17, 17)).image()
    for x in range(9, 17):
        assert is_near(pixel(shown, x, 8)[:3], (255, 0, 0)) or pixel(shown, x, 8)[1] <= 8
    edge = pixel(shown, 8, 8)
    assert edge[1] <= 8
    assert 90 <= edge[3] <= 165


@BOTH
@pytest.mark.parametrize(
    "image_format",
    [policy.JPEG, policy.PNG, policy.WEBP, policy.AVIF, policy.HEIF],
    ids=lambda f: f.name,
)
def test_grey_stays_grey_where_the_format_knows_it(engine: Engine, image_format: Format) -> None:
    data = images.encoded(images.picture(64, 64, "L"), image_format)
    assert fitted(engine, data, image_format).mode == (
        "RGB" if image_format is policy.WEBP else "L"
    )


@BOTH
def test_both_engines_convert_cmyk_alike(engine: Engine) -> None:
    image = Image.new("CMYK", SIZE, (255, 0, 0, 0))
    options = {"quality": 98, "icc_profile": images.cmyk_profile()}
    data = images.encoded(image, policy.JPEG, **options)
    assert is_near(middle(fitted(engine, data, policy.JPEG)), (119, 119, 119))
    plainly = images.encoded(image, policy.JPEG, quality=98)
    assert is_near(middle(fitted(engine, plainly, policy.JPEG)), (0, 255, 255))
