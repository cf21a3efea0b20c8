"""Animated PNGs: disposal and blending, and the kind of pixels that is written."""

import io

import pytest
from PIL import Image

from safelight_contract import policy
from tests.processor_image.animations import (
    BLUE,
    CLEAR,
    GREEN,
    RED,
    animated,
    apng,
    plain,
    shown,
)
from tests.processor_image.helpers import is_near, made, pixel


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
