import struct
import time

import pytest
from PIL import Image

from safelight_contract import policy
from safelight_contract.facts import Removed
from safelight_contract.job import ExitCode
from safelight_processor.decode import decode
from safelight_processor.errors import ImageRejected
from safelight_processor.header import Header
from safelight_processor.headers import read_header
from safelight_processor.pixels import to_eight_bits
from tests.processor_image.helpers import pixel
from tests.support import images

FRAME = b"\x2c" + bytes(8) + b"\0" + b"\x02\x02\x44\x01\0"
"""A picture of nothing."""


def read(data: bytes) -> Header:
    return read_header(data, policy.GIF)


def rejection(data: bytes) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        read(data)
    return caught.value


def gif(size: tuple[int, int], *blocks: bytes) -> bytes:
    """Return a file with a small palette and these blocks."""
    screen = struct.pack("<6sHHBBB", b"GIF89a", *size, 0x80, 0, 0)
    return screen + bytes(6) + b"".join(blocks) + b"\x3b"


def extension(kind: int, *parts: bytes) -> bytes:
    sub_blocks = b"".join(bytes((len(part),)) + part for part in parts)
    return bytes((0x21, kind)) + sub_blocks + b"\0"


def test_still_picture_is_told() -> None:
    header = read(images.photo(40, 30, policy.GIF))
    assert (header.size, header.frames, header.has_alpha) == ((40, 30), 1, False)
    assert header.is_lossless
    assert header.metadata == set()


@pytest.mark.parametrize("frames", [2, 7])
def test_frames_are_counted(frames: int) -> None:
    more = [Image.new("RGB", (40, 30), (n * 30, 200, 9)) for n in range(1, frames)]
    data = images.encoded(images.picture(40, 30), policy.GIF, save_all=True, append_images=more)
    assert read(data).frames == frames


def test_transparent_colour_is_alpha() -> None:
    control = extension(0xF9, b"\x01\0\0\0")
    assert read(gif((1, 1), control, FRAME)).has_alpha


def test_screen_grows_to_the_first_picture() -> None:
    """As decoders have it; the rest of the screen is transparent."""
    frame = b"\x2c" + struct.pack("<4H", 5, 6, 10, 20) + FRAME[9:]
    header = read(gif((8, 40), frame))
    assert header.size == (15, 40)
    assert header.has_alpha


def test_all_kinds_of_metadata_are_told() -> None:
    comment = extension(0xFE, b"hello")
    text = extension(0x01, bytes(12), b"hello")
    xmp = b"\x21\xff\x0bXMP DataXMP" + b"<x/>" + b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    profile = extension(0xFF, b"ICCRGBG1012", b"one", b"two")
    loops = extension(0xFF, b"NETSCAPE2.0", b"\x01\0\0")
    header = read(gif((1, 1), comment, text, xmp, profile, loops, FRAME) + b"PK\x03\x04")
    assert header.profile == b"onetwo"
    assert header.frames == 1
    assert header.metadata == {
        *(Removed.COMMENT, Removed.TEXT, Removed.XMP, Removed.ICC_PROFILE, Removed.TRAILING_DATA),
    }


@pytest.mark.parametrize(
    ("size", "frames", "words"),
    [
        ((65535, 65535), 1, "50000000"),
        ((1, 1), 10_000, "10000 frames"),
        ((7000, 7000), 3, "100000000"),
    ],
    ids=["pixels", "frames", "pixels over all frames"],
)
def test_too_much_is_refused_by_the_header(size: tuple[int, int], frames: int, words: str) -> None:
    refused = rejection(gif(size, *[FRAME] * frames))
    assert refused.code == ExitCode.IMAGE_TOO_LARGE
    assert words in refused.detail


def test_stray_bytes_hide_no_frames() -> None:
    assert read(gif((1, 1), FRAME, b"\0junk\xff", FRAME)).frames == 2


@pytest.mark.parametrize("length", [13, 20, 500, 780, 785, 790, 800])
def test_cut_file_ends(length: int) -> None:
    data = images.photo(40, 30, policy.GIF)
    assert read(data[:length]).frames == 1


def test_magic_bytes_alone_have_no_size() -> None:
    assert rejection(b"GIF89a").code == ExitCode.CORRUPT_IMAGE


def test_absurdly_many_blocks_are_refused_soon() -> None:
    """Of one byte each: ten million of them."""
    data = gif((1, 1), b"\x2c" + bytes(8) + b"\0\x02" + b"\x01\x01" * 10_000_000 + b"\0")
    start = time.process_time()
    assert rejection(data).code == ExitCode.IMAGE_TOO_LARGE
    assert time.process_time() - start < 1


@pytest.mark.parametrize("control", [b"", extension(0xF9, b"\x01\0\0\x01")])
def test_screen_that_the_picture_does_not_cover_is_transparent(control: bytes) -> None:
    """As browsers have it; Pillow fills it with the palette's first colour."""
    frame = b"\x2c" + struct.pack("<4H", 1, 0, 1, 1) + FRAME[9:]
    data = gif((4, 2), control, frame)
    header = read(data)
    assert header.covered == (1, 0, 2, 1)
    shown = to_eight_bits(decode(data, header).image)
    assert shown.mode == "RGBA"
    alpha = [pixel(shown, x, y)[3] for y in range(2) for x in range(4)]
    assert alpha == [0, 255, 0, 0, 0, 0, 0, 0]


def test_still_picture_is_decoded() -> None:
    data = images.photo(40, 30, policy.GIF)
    image = decode(data, read(data)).image
    assert (image.size, image.mode) == ((40, 30), "P")
