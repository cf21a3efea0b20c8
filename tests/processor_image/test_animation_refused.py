"""Animations that are damaged, too large or not wanted are refused."""

import struct
import zlib
from collections.abc import Callable

import pytest

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_contract.policy import Format
from safelight_contract.recipe import Animation, Recipe
from safelight_processor.animation import animate, output_format
from safelight_processor.errors import ImageRejected
from safelight_processor.header import Header
from tests.processor_image.animations import (
    GREEN,
    KINDS,
    RED,
    animated,
    apng,
    drawn,
    gif,
    gif_control,
    gif_picture,
    photos,
    plain,
)
from tests.processor_image.helpers import BARE, made
from tests.support import images


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


def test_sequence_in_heic_is_refused() -> None:
    with pytest.raises(ImageRejected) as caught:
        output_format(policy.HEIF, BARE)
    assert caught.value.code is ExitCode.UNSUPPORTED_FORMAT
