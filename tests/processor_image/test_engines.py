"""Both engines keep one contract: the same picture but for rounding, the same refusals."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from safelight_contract import policy
from safelight_contract.policy import Format
from safelight_contract.recipe import ColourSpace
from safelight_processor.engines import Engine, planes
from safelight_processor.engines.pillow import PillowEngine
from safelight_processor.engines.vips import VipsEngine
from safelight_processor.errors import ImageRejected
from safelight_processor.header import Header
from safelight_processor.headers import read_header
from safelight_processor.picture import MODES, Mode, Picture
from safelight_processor.sizes import fit
from tests.processor_image.helpers import is_near, lossless, pixel
from tests.support import images, photos

PILLOW, VIPS = PillowEngine(), VipsEngine()
ENGINES: tuple[Engine, ...] = (PILLOW, VIPS)
LEAST_SIDE = 24
"""Smaller pictures are mostly edges."""
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
every_format = pytest.mark.parametrize(
    "image_format",
    [policy.JPEG, policy.PNG, policy.WEBP],
    ids=lambda f: f.name,
)


def fitted(
    engine: Engine,
    data: bytes,
    image_format: Format,
    size: tuple[int, int] | None = None,
) -> Picture:
    header = read_header(data, image_format)
    picture = engine.fit(data, header, size or header.upright_size, ColourSpace.SRGB)
    assert picture.size == (size or header.upright_size)
    assert picture.mode in MODES
    return picture


def difference(one: Picture, other: Picture) -> float:
    """Return the mean difference of the channel that differs most, 0 to 255.

    Colours count as much as they are seen: not at all where they are transparent.
    """
    assert one.size == other.size
    pair = [picture.image().convert("RGBA").convert("RGBa") for picture in (one, other)]
    return max(ImageStat.Stat(ImageChops.difference(*pair)).mean)


def test_name_and_versions_are_told() -> None:
    assert PILLOW.name == "pillow"
    assert set(PILLOW.versions()) == {"pillow"}
    assert VIPS.name == "vips"
    assert set(VIPS.versions()) == {"libvips", "pyvips"}


def test_file_of_the_corpus_is_the_same_to_both(
    corpus_row: dict[str, str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Same size and look, or refused by both; nothing is written to anybody's stderr."""
    data = Path(corpus_row["path"]).read_bytes()
    image_format = policy.sniff(data[: policy.SNIFF_BYTES])
    if image_format is None:
        return
    try:
        header = read_header(data, image_format)
    except ImageRejected:
        return
    width, height = header.upright_size
    for size in ((width, height), (-(-width // 2), -(-height // 2))):
        made = [attempt(engine, data, header, size) for engine in ENGINES]
        assert len({type(one) for one in made}) == 1, made
        if isinstance(made[0], Picture) and isinstance(made[1], Picture):
            # Grey of 16 bits is rounded by one, and cut by the other.
            # Both clip between their two passes, which they do in opposite order: hard edges show.
            most = 0.5 if size == (width, height) else 1 if min(size) >= LEAST_SIDE else 6
            assert difference(made[0], made[1]) < most
    assert capfd.readouterr() == ("", "")


def attempt(engine: Engine, data: bytes, header: Header, size: tuple[int, int]) -> object:
    try:
        return engine.fit(data, header, size, ColourSpace.SRGB)
    except ImageRejected as error:
        return error.code


@every_engine
@every_format
@pytest.mark.parametrize("size", [(1200, 800), (400, 267)], ids=["kept", "reduced"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_is_upright_and_in_place(
    engine: Engine,
    image_format: Format,
    size: tuple[int, int],
    orientation: int,
) -> None:
    stored = images.as_stored(images.picture(1200, 800), orientation)
    data = lossless(stored, image_format, exif=images.exif(orientation))
    expected = Picture.from_pillow(images.picture(*size))
    assert difference(fitted(engine, data, image_format, size), expected) < 1.5


@every_engine
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(90, 60), (45, 30), (7, 60), (1, 1)], ids=str)
def test_every_mode_is_kept(engine: Engine, mode: Mode, size: tuple[int, int]) -> None:
    data = images.encoded(images.picture(90, 60, mode), policy.PNG)
    picture = fitted(engine, data, policy.PNG, size)
    assert picture.mode == mode
    shrunk = images.picture(90, 60, mode).resize(size, Image.Resampling.LANCZOS)
    assert difference(picture, Picture.from_pillow(shrunk)) <= 2
    again = engine.resize(Picture.from_pillow(images.picture(90, 60, mode)), size)
    assert (again.mode, again.size) == (mode, size)
    assert difference(again, picture) < 1


@every_engine
def test_colour_of_transparent_pixels_does_not_bleed(engine: Engine) -> None:
    """Nor does the rounding of weighted colours darken what is half transparent."""
    picture = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    picture.paste((200, 200, 200, 128), (0, 0, 32, 64))
    data = images.encoded(picture, policy.PNG)
    for made in (
        fitted(engine, data, policy.PNG, (20, 20)),
        engine.resize(Picture.from_pillow(picture), (20, 20)),
    ):
        row = [pixel(made.image(), x, 10) for x in range(20)]
        assert is_near(row[3], (200, 200, 200, 128))
        assert all(is_near(p[:3], (200, 200, 200)) for p in row if p[3] > 40)
        assert row[16][3] == 0


@every_engine
@pytest.mark.parametrize("image_format", [policy.PNG, policy.WEBP], ids=lambda f: f.name)
def test_half_transparent_photo_is_not_darkened(engine: Engine, image_format: Format) -> None:
    """A cast that cuts off instead of rounding takes two levels off each channel."""
    noisy = Image.effect_noise((600, 400), 60)
    picture = Image.merge("RGBA", (noisy, noisy, noisy, Image.new("L", noisy.size, 128)))
    data = lossless(picture, image_format)
    made = fitted(engine, data, image_format, (300, 200)).image()
    assert ImageStat.Stat(made).mean[0] == pytest.approx(ImageStat.Stat(noisy).mean[0], abs=0.6)


@every_engine
@pytest.mark.parametrize(
    ("size", "target"),
    [((3900, 2600), (3240, 2160)), ((20001, 601), (3840, 115)), ((36003, 405), (3840, 43))],
    ids=str,
)
def test_reducing_while_decoding_shifts_nothing(
    engine: Engine,
    size: tuple[int, int],
    target: tuple[int, int],
) -> None:
    """Odd sizes: at 1/2 and 1/4 the last row and column are parts of pixels."""
    data = images.encoded(images.picture(*size), policy.JPEG)
    expected = Picture.from_pillow(images.picture(*target))
    assert difference(fitted(engine, data, policy.JPEG, target), expected) < 1.5


@every_engine
@pytest.mark.parametrize("box", [(10, 20, 70, 50), (10.4, 19.6, 70.2, 50.1)], ids=str)
def test_part_of_a_picture_can_be_resized(
    engine: Engine,
    box: tuple[float, float, float, float],
) -> None:
    whole = images.picture(90, 60)
    part = whole.crop((10, 20, 70, 50)).resize((30, 15), Image.Resampling.LANCZOS)
    made = engine.resize(Picture.from_pillow(whole), (30, 15), box)
    assert made.size == (30, 15)
    assert difference(made, Picture.from_pillow(part)) < 1.5


@every_engine
def test_resized_picture_stays_as_it_was(engine: Engine) -> None:
    picture = Picture.from_pillow(images.picture(90, 60, "RGBA"))
    before = bytes(picture.raw)
    engine.resize(picture, (30, 20))
    assert bytes(picture.raw) == before


@every_engine
@pytest.mark.parametrize(
    "as_buffer", [bytes, bytearray, memoryview], ids=lambda kind: kind.__name__
)
def test_original_may_be_any_memory(engine: Engine, as_buffer: type) -> None:
    data = images.photo(60, 40)
    header = read_header(data, policy.JPEG)
    made = engine.fit(as_buffer(data), header, (60, 40), ColourSpace.SRGB)
    assert difference(made, fitted(engine, data, policy.JPEG)) == 0


@every_engine
@every_format
def test_truncated_file_is_refused(engine: Engine, image_format: Format) -> None:
    data = images.photo(600, 400, image_format)
    for end in (len(data) // 2, len(data) * 9 // 10):
        with pytest.raises(ImageRejected):
            fitted(engine, data[:end], image_format, (300, 200))


@every_engine
def test_sixteen_bits_are_rounded_to_eight(engine: Engine) -> None:
    rows = b"\0\0\x01\x01\x80\x80\xff\xff"
    made = fitted(engine, images.png(4, 1, 16, 0, rows), policy.PNG)
    assert bytes(made.raw) == bytes([0, 1, 128, 255])


@every_engine
def test_colours_are_converted(engine: Engine) -> None:
    """The reddest red of Display P3 is out of sRGB's reach, and a middle one is not."""
    picture = Image.new("RGB", (64, 48), (200, 100, 50))
    data = images.encoded(picture, policy.PNG, icc_profile=images.display_p3())
    for size in ((64, 48), (32, 24)):
        assert is_near(pixel(fitted(engine, data, policy.PNG, size).image()), (215, 93, 31))


@every_engine
def test_cmyk_becomes_rgb(engine: Engine) -> None:
    data = images.encoded(images.picture(90, 60, "CMYK"), policy.JPEG, quality=95)
    made = fitted(engine, data, policy.JPEG, (45, 30))
    assert made.mode == "RGB"
    assert difference(made, Picture.from_pillow(images.picture(45, 30))) < 3


def sixty_percent(data: bytes) -> tuple[Header, tuple[int, int]]:
    header = read_header(data, policy.JPEG)
    return header, fit(*header.size, header.size[0] * 3 // 5, header.size[1])


def test_photo_decoded_in_planes_looks_the_same() -> None:
    data = photos.photo(1501, 999)
    header, size = sixty_percent(data)
    assert planes.suits(header, size)
    made = PILLOW.fit(data, header, size, ColourSpace.SRGB)
    assert made.jpeg_image().mode == "YCbCr"
    whole = Image.open(io.BytesIO(data)).resize(size, Image.Resampling.LANCZOS)
    assert difference(made, Picture.from_pillow(whole)) < 1


@pytest.mark.parametrize(
    "options",
    [
        {"subsampling": "4:4:4"},
        {"progressive": True},
        {"keep_rgb": True},
    ],
    ids=str,
)
def test_other_photos_are_decoded_whole(options: dict[str, object]) -> None:
    data = images.encoded(images.picture(300, 200), policy.JPEG, **options)
    header, size = sixty_percent(data)
    made = PILLOW.fit(data, header, size, ColourSpace.SRGB)
    assert made.jpeg_image().mode == "RGB"
    assert difference(made, Picture.from_pillow(images.picture(*size))) < 1.5


def test_rgb_that_is_stored_with_halved_channels_is_decoded_whole() -> None:
    """Without a JFIF or Adobe segment, the names of its channels tell; colour planes fail then."""
    data = images.encoded(images.picture(300, 200), policy.JPEG, subsampling="4:2:0")
    assert data[2:4] == b"\xff\xe0"
    start = 4 + int.from_bytes(data[4:6], "big")
    data = data[:2] + data[start:]
    for named, channel in ((b"\x01\x22\0", b"R"), (b"\x02\x11\1", b"G"), (b"\x03\x11\1", b"B")):
        data = data.replace(named, channel + named[1:], 1)
    data = data.replace(b"\3\1\0\2\x11\3\x11", b"\3R\0G\x11B\x11", 1)
    header, size = sixty_percent(data)
    assert planes.suits(header, size)
    one, other = (engine.fit(data, header, size, ColourSpace.SRGB) for engine in ENGINES)
    assert one.jpeg_image().mode == "RGB"
    assert difference(one, other) < 1.5


def test_planes_are_turned_and_converted_like_any_picture() -> None:
    stored = images.as_stored(images.picture(400, 600), 6)
    data = images.encoded(
        stored,
        policy.JPEG,
        exif=images.exif(6),
        icc_profile=images.display_p3(),
        quality=95,
    )
    assert planes.suits(read_header(data, policy.JPEG), (360, 240))
    one, other = (fitted(engine, data, policy.JPEG, (240, 360)) for engine in ENGINES)
    assert difference(one, other) < 1.5
