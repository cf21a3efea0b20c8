import io
import struct
import time

import pytest
from PIL import Image

from safelight_contract import policy
from safelight_contract.facts import Removed
from safelight_contract.job import ExitCode
from safelight_processor.errors import ImageRejected
from safelight_processor.header import Header
from safelight_processor.headers import read_header
from safelight_processor.plugins import plugin_of
from tests.support import images

P3 = images.display_p3()


def read(data: bytes) -> Header:
    return read_header(data, policy.WEBP)


def animated(frames: int, size: tuple[int, int] = (40, 30)) -> bytes:
    """Return a WebP file of frames that differ."""
    more = [Image.new("RGB", size, (n % 256, n // 256 * 99, 9)) for n in range(1, frames)]
    return images.encoded(
        images.picture(*size), policy.WEBP, save_all=True, append_images=more, lossless=True
    )


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("exif", [b"", images.exif(1)], ids=["plain", "extended"])
@pytest.mark.parametrize("frames", [1, 3])
def test_kind_of_compression_is_told(
    lossless: bool,  # noqa: FBT001 - a parameter of a test
    mode: str,
    exif: bytes,
    frames: int,
) -> None:
    more = [Image.new(mode, (40, 30), (90 * n, 200, 9)) for n in range(1, frames)]
    data = images.encoded(
        images.picture(40, 30, mode),
        policy.WEBP,
        lossless=lossless,
        exif=exif,
        save_all=frames > 1,
        append_images=more,
    )
    header = read(data)
    assert header.is_lossless is lossless
    assert header.size == (40, 30)
    assert header.frames == frames
    assert header.has_alpha is (mode == "RGBA")


@pytest.mark.parametrize("length", [0, 4, 12, 16, 20])
def test_cut_file_has_no_size_and_ends(length: int) -> None:
    data = images.encoded(images.picture(40, 30), policy.WEBP, exif=images.exif(1))
    with pytest.raises(ImageRejected) as caught:
        read(data[:length])
    assert caught.value.code == ExitCode.CORRUPT_IMAGE


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_and_metadata_are_told(orientation: int) -> None:
    data = images.encoded(
        images.picture(40, 30),
        policy.WEBP,
        exif=images.exif(orientation),
        xmp=b"<x/>",
        icc_profile=P3,
    )
    header = read(data + b"more")
    assert header.orientation == orientation
    assert header.upright_size == ((40, 30) if orientation < 5 else (30, 40))
    assert header.profile == P3
    assert header.metadata == {
        *(Removed.EXIF, Removed.GPS, Removed.XMP, Removed.ICC_PROFILE, Removed.TRAILING_DATA),
    }


def test_too_many_frames_are_refused_by_the_header() -> None:
    assert read(animated(policy.MAX_FRAMES, (2, 2))).frames == policy.MAX_FRAMES
    with pytest.raises(ImageRejected) as caught:
        read(animated(policy.MAX_FRAMES + 1, (2, 2)))
    assert caught.value.code == ExitCode.IMAGE_TOO_LARGE
    assert "frames" in caught.value.detail


def test_too_many_pixels_over_all_frames_are_refused_by_the_header() -> None:
    data = bytearray(animated(3))
    # The canvas, in the extended header; the frames stay small.
    data[24:30] = (6999).to_bytes(3, "little") * 2
    with pytest.raises(ImageRejected) as caught:
        read(bytes(data))
    assert caught.value.code == ExitCode.IMAGE_TOO_LARGE
    assert str(policy.MAX_ANIMATED_PIXELS) in caught.value.detail


def test_absurdly_many_chunks_are_refused_soon() -> None:
    chunks = b"JUNK\0\0\0\0" * 2_500_000
    data = struct.pack("<4sI4s", b"RIFF", len(chunks) + 4, b"WEBP") + chunks
    start = time.process_time()
    with pytest.raises(ImageRejected) as caught:
        read(data)
    assert caught.value.code == ExitCode.IMAGE_TOO_LARGE
    assert time.process_time() - start < 1


def test_decoder_is_let_go_with_the_first_frame() -> None:
    """Its canvases are half of all memory that a WebP needs."""
    picture = plugin_of(policy.WEBP)(io.BytesIO(images.photo(40, 30, policy.WEBP)))
    assert hasattr(picture, "_decoder")
    picture.load()
    assert not hasattr(picture, "_decoder")
    assert picture.getpixel((0, 0)) is not None
