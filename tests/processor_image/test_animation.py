"""Animations: every frame, its time and its transparency are kept, and nothing else is."""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageSequence

from safelight_contract import policy
from safelight_contract.facts import Warning as Told
from safelight_contract.job import ExitCode
from safelight_contract.policy import Format
from safelight_contract.recipe import Animation, ColourSpace, Recipe
from safelight_processor.animation import animate, output_format
from safelight_processor.errors import ImageRejected
from safelight_processor.header import Header
from safelight_processor.headers import read_header
from tests.processor_image.helpers import BARE, is_near, made, mean_difference, pixel
from tests.support import images

RED, GREEN, BLUE, CLEAR = (250, 0, 0, 255), (0, 250, 0, 255), (0, 0, 250, 255), (0, 0, 0, 0)
KINDS = (policy.GIF, policy.WEBP, policy.PNG, policy.AVIF)
MIRRORED = Image.Transpose.FLIP_LEFT_RIGHT
Shown = list[tuple[Image.Image, float]]


def drawn(size: tuple[int, int] = (40, 30), mode: str = "RGBA") -> list[Image.Image]:
    """Return three pictures that differ in a square."""
    found = []
    for place, colour in enumerate((RED, GREEN, BLUE)):
        picture = Image.new("RGBA", size, (200, 190, 180, 255))
        picture.paste(colour, (8 * place, 4, 8 * place + 8, 12))
        found.append(picture.convert(mode))
    return found


def photos(size: tuple[int, int], count: int = 3) -> list[Image.Image]:
    """Return pictures in which every pixel differs from the one before."""
    wide = images.picture(size[0] + 8 * count, size[1])
    noise = Image.effect_noise(wide.size, 40)
    wide = Image.blend(wide, Image.merge("RGB", [noise] * 3), 0.2)
    return [wide.crop((8 * n, 0, 8 * n + size[0], size[1])) for n in range(count)]


def animated(frames: Sequence[Image.Image], kind: Format, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's options are of any type
    """Return an animation by Pillow's encoder, 100 ms a frame."""
    first, *others = frames
    settings = {"duration": 100, "append_images": others, "save_all": True} | options
    if kind is policy.WEBP:
        settings = {"lossless": True} | settings
    return images.encoded(first, kind, **settings)


def shown(data: bytes) -> Shown:
    """Return every frame as RGBA, with its milliseconds."""
    with Image.open(io.BytesIO(data)) as opened:
        return [
            (frame.convert("RGBA"), float(frame.info.get("duration", 0)))
            for frame in ImageSequence.Iterator(opened)
        ]


def loops(data: bytes) -> int:
    """Return how often it is played; 0: for ever."""
    with Image.open(io.BytesIO(data)) as opened:
        return int(opened.info["loop"])


def gif(
    size: tuple[int, int],
    parts: Sequence[tuple[bytes, bytes]],
    loop: bytes = b"",
    palette: Sequence[tuple[int, ...]] = (RED, GREEN, BLUE, CLEAR),
) -> bytes:
    """Return a GIF with four colours from control extensions and pictures."""
    table = b"".join(bytes(colour[:3]) for colour in palette)
    head = b"GIF89a" + struct.pack("<HHBBB", *size, 0x81, 0, 0) + table + loop
    return head + b"".join(control + picture for control, picture in parts) + b";"


def gif_control(afterwards: int, delay: int = 10, transparent: int | None = 3) -> bytes:
    flags = afterwards << 2 | (transparent is not None)
    return struct.pack("<BBBBHBB", 0x21, 0xF9, 4, flags, delay, transparent or 0, 0)


def gif_picture(place: tuple[int, int], size: tuple[int, int], colour: int) -> bytes:
    """Return a rectangle of one colour, in codes that never become longer."""
    codes: list[int] = []
    for _ in range(size[0] * size[1]):
        # Clearing the table before every pixel keeps all codes at 3 bits.
        codes += [4, colour]
    codes.append(5)
    bits = sum(code << 3 * n for n, code in enumerate(codes))
    raw = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
    blocks = b"".join(
        bytes([len(raw[n : n + 255])]) + raw[n : n + 255] for n in range(0, len(raw), 255)
    )
    return struct.pack("<BHHHHB", 0x2C, *place, *size, 0) + b"\x02" + blocks + b"\0"


NETSCAPE = b"\x21\xff\x0bNETSCAPE2.0\x03\x01%b\x00"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_frames_and_durations_are_kept(kind: Format) -> None:
    frames = drawn(mode="RGB")
    result = made(animated(frames, kind, duration=[50, 300, 1000], loop=3), kind)
    image = result.image
    assert image.format is (policy.WEBP if kind is policy.GIF else kind)
    assert (image.width, image.height) == (40, 30)
    assert result.facts.frames == 3
    found = shown(image.data)
    assert [duration for _, duration in found] == [50, 300, 1000]
    for (picture, _), original in zip(found, frames, strict=True):
        assert mean_difference(picture, original.convert("RGBA")) < (
            4 if kind is policy.AVIF else 1
        )
    assert set(images.parts(image.data, image.format)) <= images.PARTS[image.format.name]


@pytest.mark.parametrize(
    ("kind", "told", "expected"),
    [
        (policy.WEBP, 0, 0),
        (policy.WEBP, 1, 1),
        (policy.WEBP, 7, 7),
        (policy.PNG, 0, 0),
        (policy.PNG, 2, 2),
    ],
)
def test_plays_are_kept(kind: Format, told: int, expected: int) -> None:
    assert loops(made(animated(drawn(), kind, loop=told), kind).image.data) == expected


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        (b"", 1),
        (NETSCAPE % b"\x00\x00", 0),
        (NETSCAPE % b"\x02\x00", 3),
        (NETSCAPE % b"\xff\xff", 65535),
        (b"\x21\xff\x0bANIMEXTS1.0\x03\x01\x01\x00\x00", 2),
        (b"\x21\xff\x0bSOMETHING10\x03\x01\x01\x00\x00", 1),
    ],
    ids=["none", "for ever", "twice more", "most", "other name", "other extension"],
)
def test_gif_says_how_often_to_begin_again(loop: bytes, expected: int) -> None:
    parts = [(gif_control(0), gif_picture((0, 0), (2, 2), colour)) for colour in (0, 1)]
    assert loops(made(gif((2, 2), parts, loop), policy.GIF).image.data) == expected


@pytest.mark.parametrize(("told", "expected"), [(0, 100), (1, 100), (2, 20), (65535, 655350)])
def test_gif_that_hurries_is_slowed_down_as_by_browsers(told: int, expected: int) -> None:
    parts = [(gif_control(0, told), gif_picture((0, 0), (2, 2), colour)) for colour in (0, 1)]
    found = shown(made(gif((2, 2), parts), policy.GIF).image.data)
    assert [duration for _, duration in found] == [expected, expected]


@pytest.mark.parametrize(
    ("afterwards", "under"),
    [(0, GREEN), (1, GREEN), (2, CLEAR), (3, RED), (4, RED)],
    ids=["unspecified", "stays", "cleared", "undone", "undone by the third bit"],
)
def test_gif_disposal(afterwards: int, under: tuple[int, ...]) -> None:
    """Red everywhere, green in a corner, then blue elsewhere: what is where green was?"""
    parts = [
        (gif_control(1), gif_picture((0, 0), (6, 6), 0)),
        (gif_control(afterwards), gif_picture((0, 0), (3, 3), 1)),
        (gif_control(1), gif_picture((4, 4), (2, 2), 2)),
    ]
    last, _ = shown(made(gif((6, 6), parts), policy.GIF).image.data)[-1]
    assert pixel(last, 1, 1)[3] == under[3]
    assert under is CLEAR or is_near(pixel(last, 1, 1), under)
    assert is_near(pixel(last, 5, 5), BLUE)
    assert is_near(pixel(last, 5, 0), RED)


def test_what_a_gif_does_not_cover_is_transparent() -> None:
    """Also without a transparent colour, and whatever the background colour is."""
    parts = [
        (gif_control(1, transparent=None), gif_picture((2, 2), (2, 2), colour)) for colour in (0, 1)
    ]
    for picture, _ in shown(made(gif((6, 6), parts), policy.GIF).image.data):
        assert pixel(picture, 0, 0)[3] == 0
        assert pixel(picture, 3, 3)[3] == 255


def test_gif_part_that_sticks_out_is_cut() -> None:
    parts = [
        (gif_control(1), gif_picture((0, 0), (6, 6), 0)),
        (gif_control(1), gif_picture((4, 4), (8, 8), 1)),
        (gif_control(1), gif_picture((60, 60), (2, 2), 2)),
    ]
    image = made(gif((6, 6), parts), policy.GIF).image
    assert (image.width, image.height) == (6, 6)
    last, _ = shown(image.data)[-1]
    assert is_near(pixel(last, 5, 5), GREEN)
    assert is_near(pixel(last, 0, 0), RED)


def apng(
    mode: str,
    parts: Sequence[tuple[Image.Image, tuple[int, int], int, int]],
    *,
    frames: int | None = None,
    extra: bytes = b"",
    default: Image.Image | None = None,
) -> bytes:
    """Return an APNG of rectangles: pixels, place, disposal and blending of each."""

    def pixels(image: Image.Image) -> bytes:
        data = images.encoded(image.convert(mode), policy.PNG)
        position, found = 8, b""
        while position < len(data):
            size, name = struct.unpack_from(">I4s", data, position)
            found += data[position + 8 : position + 8 + size] if name == b"IDAT" else b""
            position += 12 + size
        return found

    size = (default or parts[0][0]).size
    colour = {"L": 0, "RGB": 2, "RGBA": 6}[mode]
    chunks = [
        b"\x89PNG\r\n\x1a\n",
        images.png_chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, colour, 0, 0, 0)),
        extra,
        images.png_chunk(b"acTL", struct.pack(">II", frames or len(parts), 0)),
    ]
    if default is not None:
        chunks.append(images.png_chunk(b"IDAT", pixels(default)))
    number = 0
    for image, place, dispose, blend in parts:
        control = struct.pack(">5I2H2B", number, *image.size, *place, 1, 10, dispose, blend)
        chunks.append(images.png_chunk(b"fcTL", control))
        number += 1
        if default is None and number == 1:
            chunks.append(images.png_chunk(b"IDAT", pixels(image)))
        else:
            chunks.append(images.png_chunk(b"fdAT", struct.pack(">I", number) + pixels(image)))
            number += 1
    return b"".join([*chunks, images.png_chunk(b"IEND", b"")])


def plain(colour: tuple[int, ...], size: tuple[int, int] = (6, 6)) -> Image.Image:
    return Image.new("RGBA", size, colour)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize(
    ("dispose", "under"),
    [(0, GREEN), (1, CLEAR), (2, RED)],
    ids=["stays", "cleared", "undone"],
)
def test_apng_disposal(mode: str, dispose: int, under: tuple[int, ...]) -> None:
    """Also without an alpha channel a cleared rectangle is transparent."""
    parts = [
        (plain(RED), (0, 0), 0, 0),
        (plain(GREEN, (3, 3)), (0, 0), dispose, 0),
        (plain(BLUE, (2, 2)), (4, 4), 0, 0),
    ]
    last, duration = shown(made(apng(mode, parts), policy.PNG).image.data)[-1]
    assert pixel(last, 1, 1) == under
    assert pixel(last, 5, 5) == BLUE
    assert pixel(last, 5, 0) == RED
    assert duration == 100


@pytest.mark.parametrize(
    ("blend", "expected"),
    [(0, (0, 0, 250, 128)), (1, (125, 0, 125, 255))],
    ids=["replaces", "over"],
)
def test_apng_blending(blend: int, expected: tuple[int, ...]) -> None:
    parts = [(plain(RED), (0, 0), 0, 0), (plain((0, 0, 250, 128)), (0, 0), 0, blend)]
    last, _ = shown(made(apng("RGBA", parts), policy.PNG).image.data)[-1]
    assert is_near(pixel(last, 1, 1), expected)


def test_picture_for_readers_without_animation_is_left_out() -> None:
    parts = [(plain(RED), (0, 0), 0, 0), (plain(GREEN), (0, 0), 0, 0)]
    result = made(apng("RGB", parts, default=plain(BLUE)), policy.PNG)
    found = [pixel(picture) for picture, _ in shown(result.image.data)]
    assert found == [RED, GREEN]


@pytest.mark.parametrize("kind", [policy.WEBP, policy.PNG], ids=lambda kind: kind.name)
def test_transparency_is_kept(kind: Format) -> None:
    frames = [images.picture(40, 30, "RGBA"), images.picture(40, 30, "RGBA").transpose(MIRRORED)]
    found = shown(made(animated(frames, kind), kind).image.data)
    for (picture, _), original in zip(found, frames, strict=True):
        alpha, expected = picture.getchannel("A"), original.getchannel("A")
        assert mean_difference(alpha, expected) < 1


@pytest.mark.parametrize("size", [(5, 3), (1, 7), (33, 1)])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_odd_sizes(kind: Format, size: tuple[int, int]) -> None:
    frames = [Image.new("RGB", size, colour[:3]) for colour in (RED, GREEN, BLUE)]
    image = made(animated(frames, kind), kind).image
    assert (image.width, image.height) == size
    assert [picture.size for picture, _ in shown(image.data)] == [size] * 3


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_frame_is_fitted_into_the_box(kind: Format) -> None:
    colours = [RED, GREEN, BLUE]
    frames = [Image.new("RGB", (4000, 200), colour[:3]) for colour in colours]
    image = made(animated(frames, kind), kind).image
    assert (image.width, image.height) == (3840, 192)
    found = shown(image.data)
    assert [picture.size for picture, _ in found] == [(3840, 192)] * 3
    for (picture, _), colour in zip(found, colours, strict=True):
        assert all(abs(a - b) < 8 for a, b in zip(pixel(picture, 1900, 90), colour, strict=True))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_a_webp_is_applied_to_every_frame(orientation: int) -> None:
    upright = [images.picture(48, 32), images.picture(48, 32).transpose(MIRRORED)]
    stored = [images.as_stored(picture, orientation) for picture in upright]
    data = animated(stored, policy.WEBP, exif=images.exif(orientation))
    image = made(data, policy.WEBP).image
    assert (image.width, image.height) == (48, 32)
    for (picture, _), original in zip(shown(image.data), upright, strict=True):
        assert mean_difference(picture.convert("RGB"), original) < 3
    assert images.SECRET.encode() not in image.data


@pytest.mark.parametrize("kind", [policy.WEBP, policy.PNG, policy.AVIF], ids=lambda kind: kind.name)
@pytest.mark.parametrize("space", list(ColourSpace))
def test_colours_are_converted_or_kept(kind: Format, space: ColourSpace) -> None:
    frames = [Image.new("RGB", (16, 16), (200, n, 40)) for n in (60, 90)]
    data = animated(frames, kind, icc_profile=images.display_p3())
    image = made(data, kind, Recipe(variants=(), colour=space)).image
    first, _ = shown(image.data)[0]
    with Image.open(io.BytesIO(image.data)) as opened:
        has_profile = bool(opened.info.get("icc_profile"))
    assert has_profile is (space is ColourSpace.DISPLAY_P3)
    red = pixel(first)[0]
    assert (red > 210) is (space is ColourSpace.SRGB)


@pytest.mark.parametrize("kind", [policy.WEBP, policy.PNG], ids=lambda kind: kind.name)
def test_metadata_is_left_behind(kind: Format) -> None:
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/" about="{images.SECRET}"/>'.encode()
    data = animated(drawn(), kind, exif=images.exif(1), xmp=xmp) + images.SECRET.encode()
    image = made(data, kind).image
    assert images.SECRET.encode() not in image.data
    assert set(images.parts(image.data, kind)) <= images.PARTS[kind.name]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_same_input_gives_the_same_bytes(kind: Format) -> None:
    data = animated(photos((60, 40)), kind)
    assert made(data, kind).image == made(data, kind).image


def _gif_with_a_bad_frame() -> bytes:
    parts = [(gif_control(1), gif_picture((0, 0), (20, 20), colour)) for colour in (0, 1)]
    good = gif((20, 20), parts)
    # The end-of-information code in place of all pixels: the frame is short of them.
    short = struct.pack("<BHHHHB", 0x2C, 0, 0, 20, 20, 0) + b"\x02\x01\x2c\x00"
    return good[:-1] + short + b";"


def _webp_with_a_bad_frame() -> bytes:
    data = bytearray(animated(photos((60, 40)), policy.WEBP))
    last = data.rindex(b"ANMF")
    data[last + 40 :] = bytes(len(data) - last - 40)
    return bytes(data)


def _apng_with_a_bad_frame() -> bytes:
    data = bytearray(animated(photos((60, 40)), policy.PNG))
    start = data.rindex(b"fdAT")
    (size,) = struct.unpack_from(">I", data, start - 4)
    content = data[start + 4 : start + 12] + bytes(size - 8)
    data[start + 4 : start + 8 + size] = content + struct.pack(
        ">I", zlib.crc32(bytes(b"fdAT" + content))
    )
    return bytes(data)


def _avif_with_a_bad_frame() -> bytes:
    data = bytearray(animated(photos((60, 40)), policy.AVIF))
    data[-200:] = bytes(200)
    return bytes(data)


BAD: dict[str, tuple[Format, Callable[[], bytes]]] = {
    "bad frame of a GIF": (policy.GIF, _gif_with_a_bad_frame),
    "bad frame of a WebP": (policy.WEBP, _webp_with_a_bad_frame),
    "bad frame of an APNG": (policy.PNG, _apng_with_a_bad_frame),
    "bad frame of an AVIF": (policy.AVIF, _avif_with_a_bad_frame),
    "GIF ends in its last frame": (policy.GIF, lambda: animated(drawn(), policy.GIF)[:-6]),
    "WebP is cut": (policy.WEBP, lambda: animated(drawn(), policy.WEBP)[:-6]),
    "APNG is cut": (policy.PNG, lambda: animated(drawn(), policy.PNG)[:-30]),
    "APNG with fewer frames than it says": (
        policy.PNG,
        lambda: apng("RGB", [(plain(RED), (0, 0), 0, 0)] * 2, frames=3),
    ),
    "APNG with more frames than it says": (
        policy.PNG,
        lambda: apng("RGB", [(plain(RED), (0, 0), 0, 0)] * 3, frames=2),
    ),
    "APNG frame outside of the picture": (
        policy.PNG,
        lambda: apng("RGB", [(plain(RED), (0, 0), 0, 0), (plain(GREEN), (1, 0), 0, 0)]),
    ),
    "APNG with an unknown disposal": (
        policy.PNG,
        lambda: apng("RGB", [(plain(RED), (0, 0), 3, 0), (plain(GREEN), (0, 0), 0, 0)]),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_damage_anywhere_is_final(name: str) -> None:
    kind, make = BAD[name]
    with pytest.raises(ImageRejected) as caught:
        made(make(), kind)
    assert caught.value.code is ExitCode.CORRUPT_IMAGE


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    ("size", "frames"),
    [((10, 10), policy.MAX_FRAMES + 1), ((1000, 1001), 100), ((5000, 5001), 2)],
    ids=["frames", "pixels", "canvas"],
)
def test_budgets_are_checked_before_anything_is_decoded(
    kind: Format, size: tuple[int, int], frames: int
) -> None:
    with pytest.raises(ImageRejected) as caught:
        animate(b"", Header(format=kind, size=size, frames=frames), BARE)
    assert caught.value.code is ExitCode.IMAGE_TOO_LARGE


def test_avif_needs_more_memory_and_may_be_half_as_large() -> None:
    with pytest.raises(ImageRejected) as caught:
        animate(b"", Header(format=policy.AVIF, size=(4000, 4000), frames=2), BARE)
    assert caught.value.code is ExitCode.IMAGE_TOO_LARGE


def test_gif_parts_count_even_where_they_are_not_seen() -> None:
    """A canvas of one pixel, and in it a picture of 3.6 gigapixels."""
    huge = struct.pack("<BHHHHB", 0x2C, 0, 0, 60000, 60000, 0) + b"\x02\x02\x4c\x01\x00"
    parts = [(b"", gif_picture((0, 0), (1, 1), 0)), (b"", huge)]
    with pytest.raises(ImageRejected) as caught:
        made(gif((1, 1), parts), policy.GIF)
    assert caught.value.code is ExitCode.IMAGE_TOO_LARGE


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_recipe_refuses_animations(kind: Format) -> None:
    recipe = Recipe(variants=(), animation=Animation.REFUSE)
    with pytest.raises(ImageRejected) as caught:
        made(animated(drawn(), kind), kind, recipe)
    assert caught.value.code is ExitCode.UNSUPPORTED_FORMAT
    still = made(images.photo(20, 20, policy.PNG), policy.PNG, recipe)
    assert still.facts.frames == 1


@pytest.mark.parametrize(
    ("source", "wanted", "written"),
    [
        (policy.GIF, "same", policy.WEBP),
        (policy.GIF, "jpeg", policy.WEBP),
        (policy.GIF, "png", policy.WEBP),
        (policy.PNG, "webp", policy.WEBP),
        (policy.PNG, "avif", policy.PNG),
        (policy.WEBP, "jpeg", policy.WEBP),
        (policy.AVIF, "same", policy.AVIF),
        (policy.AVIF, "webp", policy.WEBP),
    ],
)
def test_format_of_the_result(source: Format, wanted: str, written: Format) -> None:
    recipe = Recipe(variants=(), format=wanted)
    assert output_format(source, recipe) is written
    assert (written.word in {f.word for f in recipe.image_formats(source)}) is True
    result = made(animated(drawn(mode="RGB"), source), source, recipe)
    assert result.image.format is written
    assert len(shown(result.image.data)) == 3


def test_sequence_in_heic_is_refused() -> None:
    with pytest.raises(ImageRejected) as caught:
        output_format(policy.HEIF, BARE)
    assert caught.value.code is ExitCode.UNSUPPORTED_FORMAT


def test_variants_are_skipped_with_a_warning() -> None:
    result = made(animated(drawn(), policy.GIF), policy.GIF, Recipe())
    assert result.variants == ()
    assert Told.VARIANTS_SKIPPED in result.facts.warnings
    bare = made(animated(drawn(), policy.GIF), policy.GIF, BARE)
    assert Told.VARIANTS_SKIPPED not in bare.facts.warnings


def test_drawing_stays_exact_and_photo_becomes_small() -> None:
    drawing = animated(drawn((200, 150)), policy.GIF)
    assert "VP8" not in images.parts(made(drawing, policy.GIF).image.data, policy.WEBP)
    photo = animated(photos((200, 150), 6), policy.GIF)
    image = made(photo, policy.GIF).image
    assert "VP8" in images.parts(image.data, policy.WEBP)
    assert len(image.data) < 0.5 * len(photo)


@pytest.mark.parametrize("kind", [policy.GIF, policy.PNG], ids=lambda kind: kind.name)
def test_result_is_not_larger_than_the_original(kind: Format) -> None:
    for frames in (drawn((300, 200)), photos((120, 80), 5)):
        data = animated(frames, kind)
        assert len(made(data, kind).image.data) <= len(data)


@pytest.mark.parametrize(
    ("colours", "mode"),
    [
        ([(9, 9, 9), (200, 200, 200)], "L"),
        ([(250, 0, 0), (0, 0, 250)], "P"),
    ],
)
def test_apng_is_stored_as_what_it_needs(colours: list[tuple[int, int, int]], mode: str) -> None:
    frames = [Image.new("RGBA", (20, 20), (*colour, 255)) for colour in colours]
    with Image.open(io.BytesIO(made(animated(frames, policy.PNG), policy.PNG).image.data)) as found:
        assert found.mode == mode


def test_rows_of_the_corpus_keep_their_frames(corpus: list[dict[str, str]]) -> None:
    """All good ones; that of odd ones the damaged are refused says the test of the corpus."""
    seen = 0
    for row in corpus:
        source = next((f for f in KINDS if f.name == row["format"]), None)
        if source is None or row["expected"] != "ok" or row["frames"] in {"", "1"}:
            continue
        data = Path(row["path"]).read_bytes()
        header = read_header(data, source)
        if not header.is_animated:
            continue
        image = animate(data, header, BARE)
        # Frames that look alike may have become one, but their time is kept.
        expected = sum(max(100, t) if t <= 10 else t for _, t in shown(data)[-header.frames :])
        found = shown(image.data)
        assert len(found) <= header.frames
        if len(found) > 1:
            assert sum(duration for _, duration in found) == pytest.approx(expected, abs=1), row
        seen += 1
    assert seen >= 10
