"""Animated GIFs: plays, delays and disposal are taken as browsers take them."""

import pytest

from safelight_contract import policy
from tests.processor_image.animations import (
    BLUE,
    CLEAR,
    GREEN,
    RED,
    gif,
    gif_control,
    gif_picture,
    loops,
    shown,
)
from tests.processor_image.helpers import is_near, made, pixel

NETSCAPE = b"\x21\xff\x0bNETSCAPE2.0\x03\x01%b\x00"


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
