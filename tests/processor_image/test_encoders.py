import builtins
import io
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest
from PIL import Image, ImageDraw
from PIL.JpegImagePlugin import JpegImageFile

from safelight_contract import policy
from safelight_contract.policy import Format
from safelight_contract.recipe import ColourSpace, Profile
from safelight_processor.encoders import Settings, encode, encoder, jpeg
from safelight_processor.encoders.reducing import reduced, visible
from safelight_processor.encoders.within import encode_within, jpeg_quality
from safelight_processor.engines import Engine
from safelight_processor.engines.pillow import PillowEngine
from safelight_processor.engines.vips import VipsEngine
from safelight_processor.picture import Mode, Picture
from safelight_processor.profiles import DISPLAY_P3_PROFILE
from tests.processor_image.helpers import worst_difference
from tests.support import file_parts, images

EXACT = Settings(quality=None)
LOSSY = Settings(quality=80)
WAYS = [(policy.JPEG, LOSSY), (policy.PNG, EXACT), (policy.WEBP, LOSSY), (policy.WEBP, EXACT)]
WAYS += [(policy.AVIF, LOSSY)]


def picture(width: int, height: int, mode: str = "RGB") -> Picture:
    return Picture.from_pillow(images.picture(width, height, mode))


def noisy(width: int, height: int) -> Picture:
    """Return what compresses as a photo does: smooth, with noise that never repeats."""
    noise = Image.merge("RGB", [Image.effect_noise((width, height), 20) for _ in range(3)])
    return Picture.from_pillow(Image.blend(images.picture(width, height), noise, 0.3))


def text_on_white(width: int, height: int) -> Picture:
    """Return what a screenshot of a page of text looks like."""
    page = Image.new("RGB", (width, height), (250, 250, 248))
    draw = ImageDraw.Draw(page)
    for row in range(0, height, 24):
        draw.text((10, row), "The quick brown fox jumps. " * (width // 100), fill=(20, 20, 30))
    return Picture.from_pillow(page)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.fixture
def no_jpegli(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Hide both wheels of jpegli, as if they were not installed; yields the names."""
    hidden = {"pyjpegli", "ajpegli"}
    real = builtins.__import__

    def hiding(name: str, *rest: object, **named: object) -> ModuleType:
        if name in hidden:
            raise ImportError(f"{name} is hidden")
        return real(name, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", hiding)
    jpeg._is_there.cache_clear()  # noqa: SLF001 - what can be imported changes only in tests
    yield hidden
    jpeg._is_there.cache_clear()  # noqa: SLF001 - as above


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize(("image_format", "settings"), WAYS)
def test_same_picture_gives_same_bytes_and_nothing_but_pixels(
    image_format: Format, settings: Settings, profile: Profile
) -> None:
    settings = Settings(quality=settings.quality, profile=profile)
    data = encode(noisy(90, 70), image_format, settings)
    again = encode(Picture.from_pillow(opened(data).convert("RGB")), image_format, settings)
    assert encode(Picture.from_pillow(opened(data).convert("RGB")), image_format, settings) == again
    parts = set(file_parts.of(data, image_format))
    assert parts <= file_parts.ALLOWED[image_format.name] - {"APP2:ICC_PROFILE", "iCCP", "ICCP"}
    assert opened(data).size == (90, 70)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("is_raw", [True, False])
def test_threads_may_write_one_picture_at_the_same_time(
    mode: Mode,
    is_raw: bool,  # noqa: FBT001 - a parameter of a test
) -> None:
    """Each with its own settings, and the bytes that it would have written alone."""
    shown = images.picture(200, 150, mode)
    shared = Picture.from_pillow(shown)
    if is_raw:
        shared = Picture.from_raw(mode, shown.size, shown.tobytes())
    ways = [way for way in WAYS if mode != "RGBA" or way[0] is not policy.JPEG]
    alone = [encode(shared, *way) for way in ways]

    def rotated(start: int) -> list[bytes]:
        turns = [*range(start, len(ways)), *range(start)]
        return [encode(shared, *ways[turn]) for turn in turns for _ in range(10)]

    with ThreadPoolExecutor(len(ways)) as pool:
        for start, written in enumerate(pool.map(rotated, range(len(ways)))):
            expected = [*alone[start:], *alone[:start]]
            assert written == [data for data in expected for _ in range(10)]


@pytest.mark.parametrize(("image_format", "settings"), WAYS)
def test_display_p3_is_told_by_the_small_profile(image_format: Format, settings: Settings) -> None:
    wide = Settings(quality=settings.quality, space=ColourSpace.DISPLAY_P3)
    assert opened(encode(picture(40, 30), image_format, wide)).info["icc_profile"] == (
        DISPLAY_P3_PROFILE
    )


@pytest.mark.parametrize("profile", Profile)
def test_exif_of_credits_gets_into_a_jpeg(profile: Profile) -> None:
    block = images.exif(None, make="Somebody")
    data = encode(picture(40, 30), policy.JPEG, Settings(quality=80, profile=profile, exif=block))
    assert opened(data).getexif()[271] == "Somebody"


@pytest.mark.parametrize(
    ("profile", "expected", "frame"),
    [(Profile.FAST, "pyjpegli", "SOF0"), (Profile.SMALL, "ajpegli", "SOF2")],
)
def test_jpeg_is_written_by_jpegli_with_half_the_chroma(
    profile: Profile, expected: str, frame: str
) -> None:
    assert encoder(policy.JPEG, "RGB", profile)[0] == expected
    data = encode(picture(64, 48), policy.JPEG, Settings(quality=80, profile=profile))
    assert frame in file_parts.of(data, policy.JPEG)
    sampling = [component[1:3] for component in JpegImageFile(io.BytesIO(data)).layer]
    assert sampling == [(2, 2), (1, 1), (1, 1)]


@pytest.mark.parametrize("profile", Profile)
def test_without_jpegli_a_jpeg_is_progressive_by_libjpeg_turbo(
    profile: Profile, no_jpegli: set[str]
) -> None:
    assert no_jpegli
    assert encoder(policy.JPEG, "RGB", profile)[0] == "libjpeg_turbo"
    data = encode(picture(64, 48), policy.JPEG, Settings(quality=80, profile=profile))
    assert "SOF2" in file_parts.of(data, policy.JPEG)


def test_without_the_slow_jpegli_the_quick_one_is_the_small_profile(no_jpegli: set[str]) -> None:
    no_jpegli.remove("pyjpegli")
    assert encoder(policy.JPEG, "RGB", Profile.SMALL)[0] == "pyjpegli"


def test_grey_jpeg_has_one_channel() -> None:
    assert opened(encode(picture(40, 30, "L"), policy.JPEG, LOSSY)).mode == "L"


def test_jpeg_refuses_alpha() -> None:
    with pytest.raises(ValueError, match="alpha"):
        encode(picture(40, 30, "RGBA"), policy.JPEG, LOSSY)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("colours", [1, 2, 3, 16, 17, 200, 256, 257, 4000])
def test_png_is_lossless_with_any_number_of_colours(mode: str, colours: int) -> None:
    levels = bytes(number * 7919 % 65536 % 251 for number in range(colours * len(mode)))
    pixels = [levels[at * len(mode) :][: len(mode)] for at in range(colours)]
    made = Image.frombytes(
        mode, (120, 90), b"".join(pixels[number * 31 % colours] for number in range(120 * 90))
    )
    data = encode(Picture.from_pillow(made), policy.PNG, EXACT)
    assert worst_difference(opened(data).convert(mode), made) == 0


def test_png_of_few_colours_has_a_palette_of_few_bits() -> None:
    made = Image.new("RGB", (300, 300), "white")
    ImageDraw.Draw(made).ellipse((20, 20, 280, 280), fill="red")
    data = encode(Picture.from_pillow(made), policy.PNG, EXACT)
    assert data[24:26] == bytes((1, 3))


def test_png_of_a_grey_picture_in_rgb_is_grey() -> None:
    grey = images.picture(80, 60, "L")
    assert reduced(Picture.from_pillow(grey.convert("RGB"))).mode == "L"


def test_idle_alpha_goes_and_so_does_the_colour_of_invisible_pixels() -> None:
    opaque = images.picture(80, 60)
    opaque.putalpha(255)
    assert visible(Picture.from_pillow(opaque)).mode == "RGB"
    holed = Image.new("RGBA", (2, 1), (9, 8, 7, 0))
    holed.putpixel((1, 0), (9, 8, 7, 1))
    assert visible(Picture.from_pillow(holed)).raw == bytes((0, 0, 0, 0, 9, 8, 7, 1))


def test_png_of_a_drawing_is_small() -> None:
    page = text_on_white(1000, 700)
    data = encode(page, policy.PNG, EXACT)
    assert len(data) < 0.5 * len(images.encoded(page.image(), policy.PNG, compress_type=3))


def test_png_of_a_photo_is_made_the_quick_way() -> None:
    """Run-length coding alone: within some percent of the slow way on what does not repeat."""
    photo = noisy(600, 400)
    data = encode(photo, policy.PNG, EXACT)
    assert data == images.encoded(photo.image(), policy.PNG, compress_type=zlib.Z_RLE)
    assert len(data) < 1.1 * len(images.encoded(photo.image(), policy.PNG, compress_level=9))


@pytest.mark.parametrize(("settings", "chunk"), [(EXACT, "VP8L"), (LOSSY, "VP8")])
def test_webp_is_as_lossless_as_it_is_told(settings: Settings, chunk: str) -> None:
    assert chunk in file_parts.of(encode(picture(60, 40), policy.WEBP, settings), policy.WEBP)


@pytest.mark.parametrize("image_format", [policy.JPEG, policy.WEBP, policy.AVIF])
def test_lossy_is_never_larger_than_its_original(image_format: Format) -> None:
    original = images.encoded(noisy(300, 200).image(), image_format, quality=40)
    again = Picture.from_pillow(opened(original).convert("RGB"))
    data = encode_within(again, image_format, Settings(quality=95), original)
    assert len(data) <= len(original)


def test_png_that_nobody_can_make_smaller_keeps_its_stream_and_nothing_else() -> None:
    made = noisy(64, 48)
    best = min(
        (
            images.encoded(made.image(), policy.PNG, compress_level=level, compress_type=kind)
            for level in (9,)
            for kind in (zlib.Z_FILTERED, zlib.Z_DEFAULT_STRATEGY, zlib.Z_RLE)
        ),
        key=len,
    )
    # The same rows, better compressed than by us: an unfiltered stream would do as well.
    secret = images.png_chunk(b"tEXt", b"Comment\0" + images.SECRET.encode())
    original = best[:33] + secret + best[33:]
    data = encode_within(made, policy.PNG, EXACT, original)
    assert len(data) <= len(original)
    assert images.SECRET.encode() not in data
    assert worst_difference(opened(data), made.image()) == 0


@pytest.mark.parametrize("quality", [25, 35, 50, 75, 92])
def test_quality_of_a_jpeg_is_told_by_its_tables(quality: int) -> None:
    found = jpeg_quality(images.encoded(images.picture(16, 16), policy.JPEG, quality=quality))
    assert found == pytest.approx(quality, abs=1)


@pytest.mark.parametrize("engine", [PillowEngine(), VipsEngine()], ids=lambda engine: engine.name)
def test_resizing_leaves_invisible_pixels_no_colour(engine: Engine) -> None:
    """So they need no clearing afterwards, which costs 30 ms for a large picture."""
    image = Image.new("RGBA", (90, 60), (200, 100, 50, 0))
    image.paste((10, 20, 30, 255), (0, 0, 45, 60))
    small = engine.resize(Picture.from_pillow(image), (30, 20))
    assert bytes(small.raw)[-4:] == bytes(4)
    assert visible(small, is_resized=True) is small
