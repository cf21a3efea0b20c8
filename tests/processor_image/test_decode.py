"""Hostile and broken files: each is refused for the right reason, and none costs memory."""

import subprocess
import sys
import zlib
from dataclasses import replace

import pytest

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_contract.policy import Format
from safelight_contract.recipe import Engine
from safelight_processor import decode as decode_module
from safelight_processor.decode import decode
from safelight_processor.errors import ImageRejected
from safelight_processor.headers import read_header
from safelight_processor.sizes import jpeg_divisor
from tests.processor_image.helpers import BARE, made, memory_growth
from tests.support import images

REFUSALS = {ExitCode.CORRUPT_IMAGE, ExitCode.IMAGE_TOO_LARGE, ExitCode.UNSUPPORTED_FORMAT}

every_format = pytest.mark.parametrize("image_format", policy.FORMATS, ids=lambda f: f.name)


def rejection(data: bytes, image_format: Format) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        decode(data, read_header(data, image_format))
    return caught.value


@every_format
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_truncated_file_is_refused(image_format: Format, part: float) -> None:
    data = images.photo(200, 150, image_format)
    assert rejection(data[: int(len(data) * part)], image_format).code == ExitCode.CORRUPT_IMAGE


@every_format
def test_magic_bytes_alone_are_refused(image_format: Format) -> None:
    data = images.photo(20, 20, image_format)[: policy.SNIFF_BYTES]
    assert rejection(data, image_format).code == ExitCode.CORRUPT_IMAGE


@every_format
@pytest.mark.parametrize("other", policy.FORMATS, ids=lambda f: f"as {f.name}")
def test_only_the_named_decoder_is_let_near(image_format: Format, other: Format) -> None:
    data = images.photo(20, 20, image_format)
    if image_format is other:
        assert decode(data, read_header(data, other)).image.size == (20, 20)
    else:
        # What another format's reader takes for a size may be any size.
        assert rejection(data, other).code in REFUSALS


def test_first_failure_is_final() -> None:
    """A second load of a damaged PNG would succeed, with a partly empty picture."""
    data = bytearray(images.encoded(images.picture(300, 300), policy.PNG))
    start = data.index(b"IDAT") + 40
    data[start : start + 40] = bytes(40)
    assert rejection(bytes(data), policy.PNG).code == ExitCode.CORRUPT_IMAGE


def webp_of_size(width: int, height: int) -> bytes:
    """Return a WebP file that claims a size in its extended header."""
    data = bytearray(images.encoded(images.picture(8, 8), policy.WEBP, exif=images.exif(1)))
    assert data[12:16] == b"VP8X"
    data[24:27] = (width - 1).to_bytes(3, "little")
    data[27:30] = (height - 1).to_bytes(3, "little")
    return bytes(data)


def jpeg_of_size(width: int, height: int) -> bytes:
    """Return a JPEG file that claims a size in its frame header."""
    data = bytearray(images.photo(8, 8, policy.JPEG))
    frame = data.index(b"\xff\xc0") + 5
    data[frame : frame + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "image_format"),
    [
        (images.png_of_size(65536, 65536), policy.PNG),
        (images.png_of_size(2**31 - 1, 2**31 - 1), policy.PNG),
        (images.png_of_size(7072, 7072), policy.PNG),
        (images.png_of_size(policy.MAX_PIXELS + 1, 1), policy.PNG),
        (webp_of_size(16383, 16383), policy.WEBP),
        (webp_of_size(2**24, 2**7), policy.WEBP),
        (jpeg_of_size(65500, 65500), policy.JPEG),
        (jpeg_of_size(10_000, 5_001), policy.JPEG),
    ],
    ids=[
        "PNG 65536",
        "PNG 2^31",
        "PNG just above",
        "PNG one row",
        "WebP 16383",
        "WebP 2^24",
        "JPEG 65500",
        "JPEG just above",
    ],
)
def test_flood_of_pixels_is_refused_by_the_header(data: bytes, image_format: Format) -> None:
    with memory_growth() as growth:
        refused = rejection(data, image_format)
    assert refused.code == ExitCode.IMAGE_TOO_LARGE
    assert str(policy.MAX_PIXELS) in refused.detail
    assert growth[0] < 20


def test_exactly_the_limit_passes_the_header_check() -> None:
    """It fails later, as its pixels are missing: the size was not what stopped it."""
    data = images.png_of_size(10_000, policy.MAX_PIXELS // 10_000)
    assert rejection(data, policy.PNG).code == ExitCode.CORRUPT_IMAGE


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt", b"iCCP"])
def test_text_bomb_is_refused(name: bytes) -> None:
    """100 MB of zeros in 100 KB: never inflated beyond the header's bound."""
    bomb = zlib.compress(bytes(100_000_000), 9)
    body = {
        b"zTXt": b"Comment\0\0" + bomb,
        b"iTXt": b"Comment\0\x01\0\0\0" + bomb,
        b"iCCP": b"profile\0\0" + bomb,
    }[name]
    data = images.png_of_size(8, 8, images.png_chunk(name, body))
    with memory_growth() as growth:
        assert rejection(data, policy.PNG).code == ExitCode.IMAGE_TOO_LARGE
    assert growth[0] < 20


def test_want_of_memory_is_not_the_pictures_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL.PngImagePlugin import PngImageFile  # noqa: PLC0415 - what the test replaces

    def load(_image: PngImageFile) -> None:
        raise MemoryError

    data = images.photo(8, 8, policy.PNG)
    monkeypatch.setattr(PngImageFile, "load", load)
    with pytest.raises(MemoryError):
        decode(data, read_header(data, policy.PNG))


def test_bug_of_ours_is_not_the_pictures_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> int:
        raise ZeroDivisionError

    data = images.photo(8, 8)
    monkeypatch.setattr(decode_module, "jpeg_divisor", broken)
    with pytest.raises(ZeroDivisionError):
        decode(data, read_header(data, policy.JPEG), (8, 8))


def test_rejection_tells_nothing_of_the_file() -> None:
    data = images.png_of_size(8, 8, images.png_chunk(b"zTXt", images.SECRET.encode() + b"\0\x09x"))
    assert images.SECRET not in rejection(data, policy.PNG).detail


@every_format
def test_no_other_decoder_is_imported(image_format: Format) -> None:
    """Fewer parsers in reach of hostile bytes, and a quicker start."""
    program = (
        "import sys\n"
        "from safelight_contract import policy\n"
        "from safelight_processor.decode import decode\n"
        "from safelight_processor.headers import read_header\n"
        "data = sys.stdin.buffer.read()\n"
        f"decode(data, read_header(data, policy.{image_format.name}))\n"
        "print(*(m for m in sys.modules if m.endswith('ImagePlugin') or m == 'pillow_heif'))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        input=images.photo(50, 40, image_format),
        capture_output=True,
        check=True,
    )

    plugin = {"JPEG": "Jpeg", "PNG": "Png", "WEBP": "WebP", "AVIF": "Avif", "GIF": "Gif"}
    name = plugin.get(image_format.name)
    expected = f"PIL.{name}ImagePlugin" if name else "pillow_heif"
    assert ended.stdout.decode().split() == [expected]


@pytest.mark.parametrize(
    ("size", "target", "divisor"),
    [
        ((6000, 4000), (3240, 2160), 1),  # 1.85 times: 0.93 would be left
        ((6479, 4319), (2160, 1440), 1),
        ((6480, 4320), (2160, 1440), 2),
        ((8640, 5760), (2160, 1440), 2),  # 1/4 would leave 1.0
        ((17280, 2000), (2160, 250), 4),
        ((34560, 1000), (2160, 62), 8),
    ],
)
def test_jpeg_is_reduced_only_while_nobody_sees_it(
    size: tuple[int, int],
    target: tuple[int, int],
    divisor: int,
) -> None:
    assert jpeg_divisor(size, target) == divisor


@pytest.mark.parametrize("engine", ["vips", "pillow"])
def test_heic_is_unsupported_where_its_library_was_left_out(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not damaged: another installation could read it."""
    data = images.photo(64, 48, policy.HEIF)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageRejected) as caught:
        made(data, policy.HEIF, replace(BARE, engine=Engine(engine)))
    assert caught.value.code == ExitCode.UNSUPPORTED_FORMAT
