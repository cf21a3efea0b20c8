"""Animations: every frame, its time and its transparency are kept, and nothing else is."""

import io
from pathlib import Path

import pytest
from PIL import Image

from safelight_contract import policy
from safelight_contract.facts import Warning as Told
from safelight_contract.policy import Format
from safelight_contract.recipe import ColourSpace, Recipe
from safelight_processor.animation import animate, output_format
from safelight_processor.headers import read_header
from tests.processor_image.animations import (
    BLUE,
    GREEN,
    KINDS,
    RED,
    animated,
    drawn,
    loops,
    photos,
    shown,
)
from tests.processor_image.helpers import BARE, made, mean_difference, pixel
from tests.support import file_parts, images

MIRRORED = Image.Transpose.FLIP_LEFT_RIGHT


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
    assert set(file_parts.of(image.data, image.format)) <= file_parts.ALLOWED[image.format.name]


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
    assert set(file_parts.of(image.data, kind)) <= file_parts.ALLOWED[kind.name]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_same_input_gives_the_same_bytes(kind: Format) -> None:
    data = animated(photos((60, 40)), kind)
    assert made(data, kind).image == made(data, kind).image


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


def test_variants_are_skipped_with_a_warning() -> None:
    result = made(animated(drawn(), policy.GIF), policy.GIF, Recipe())
    assert result.variants == ()
    assert Told.VARIANTS_SKIPPED in result.facts.warnings
    bare = made(animated(drawn(), policy.GIF), policy.GIF, BARE)
    assert Told.VARIANTS_SKIPPED not in bare.facts.warnings


def test_drawing_stays_exact_and_photo_becomes_small() -> None:
    drawing = animated(drawn((200, 150)), policy.GIF)
    assert "VP8" not in file_parts.of(made(drawing, policy.GIF).image.data, policy.WEBP)
    photo = animated(photos((200, 150), 6), policy.GIF)
    image = made(photo, policy.GIF).image
    assert "VP8" in file_parts.of(image.data, policy.WEBP)
    assert len(image.data) < 0.5 * len(photo)


@pytest.mark.parametrize("kind", [policy.GIF, policy.PNG], ids=lambda kind: kind.name)
def test_result_is_not_larger_than_the_original(kind: Format) -> None:
    for frames in (drawn((300, 200)), photos((120, 80), 5)):
        data = animated(frames, kind)
        assert len(made(data, kind).image.data) <= len(data)


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
