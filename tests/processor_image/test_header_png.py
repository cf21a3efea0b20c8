import struct
import time
import zlib

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from safelight_contract import policy
from safelight_contract.facts import Removed
from safelight_contract.job import ExitCode
from safelight_processor.errors import ImageRejected
from safelight_processor.header import Header
from safelight_processor.headers import read_header
from safelight_processor.profile_reader import channels, is_display_p3
from tests.support import images

P3 = images.display_p3()
GAMMA_ONE = images.png_chunk(b"gAMA", struct.pack(">I", 100_000))
GAMMA_SRGB = images.png_chunk(b"gAMA", struct.pack(">I", 45_455))
SRGB = images.png_chunk(b"sRGB", b"\0")
CORNERS_P3 = images.png_chunk(
    b"cHRM",
    struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
)
CORNERS_SRGB = images.png_chunk(
    b"cHRM",
    struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
)
CICP_SRGB = images.png_chunk(b"cICP", bytes((1, 13, 0, 1)))
CICP_P3 = images.png_chunk(b"cICP", bytes((12, 13, 0, 1)))
CICP_PQ = images.png_chunk(b"cICP", bytes((9, 16, 0, 1)))
PROFILE = images.png_chunk(b"iCCP", b"p\0\0" + zlib.compress(P3))


def read(data: bytes) -> Header:
    return read_header(data, policy.PNG)


def rgb(*extra_chunks: bytes) -> bytes:
    return images.png(1, 1, 8, 2, bytes(3), *extra_chunks)


def rejection(data: bytes) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        read(data)
    return caught.value


@pytest.mark.parametrize(
    ("bits", "colour", "is_grey", "has_alpha", "told"),
    [
        (1, 0, True, False, 1),
        (16, 0, True, False, 16),
        (8, 2, False, False, 8),
        (16, 2, False, False, 16),
        (4, 3, False, False, 8),
        (8, 4, True, True, 8),
        (16, 6, False, True, 16),
    ],
)
def test_channels_are_told(
    bits: int,
    colour: int,
    is_grey: bool,  # noqa: FBT001 - a parameter of a test
    has_alpha: bool,  # noqa: FBT001 - a parameter of a test
    told: int,
) -> None:
    header = read(images.png(2, 3, bits, colour, bytes(48)))
    assert header.size == (2, 3)
    assert (header.bits, header.is_grey, header.has_alpha) == (told, is_grey, has_alpha)
    assert header.is_lossless
    assert header.metadata == set()
    assert header.profile is None


def test_transparent_colour_is_alpha() -> None:
    assert read(rgb(images.png_chunk(b"tRNS", bytes(6)))).has_alpha


@pytest.mark.parametrize(
    "chunks",
    [
        (),
        (SRGB,),
        (GAMMA_SRGB,),
        (GAMMA_SRGB, CORNERS_SRGB),
        (CICP_SRGB,),
        (CICP_SRGB, PROFILE, GAMMA_ONE),
        (SRGB, GAMMA_ONE, CORNERS_P3),
        (CORNERS_P3,),
        (images.png_chunk(b"gAMA", bytes(4)),),
        (images.png_chunk(b"gAMA", b"\0"),),
        (images.png_chunk(b"cICP", bytes((12, 13, 1, 1))),),
        (images.png_chunk(b"cICP", b"\x0c"),),
    ],
    ids=[
        "nothing",
        "sRGB",
        "gAMA of sRGB",
        "all of sRGB",
        "cICP",
        "cICP before iCCP and gAMA",
        "sRGB before gAMA",
        "cHRM alone",
        "gAMA of zero",
        "gAMA cut short",
        "cICP with a matrix",
        "cICP cut short",
    ],
)
def test_srgb_needs_no_profile(chunks: tuple[bytes, ...]) -> None:
    assert read(rgb(*chunks)).profile is None


@pytest.mark.parametrize(
    "chunks",
    [(PROFILE,), (PROFILE, SRGB, GAMMA_ONE), (PROFILE, images.png_chunk(b"cICP", b"\x0c"))],
    ids=["alone", "before sRGB and gAMA", "before a broken cICP"],
)
def test_embedded_profile_is_told(chunks: tuple[bytes, ...]) -> None:
    header = read(rgb(*chunks))
    assert header.profile == P3
    assert header.metadata == {Removed.ICC_PROFILE}


@pytest.mark.parametrize(
    "chunks",
    [(CICP_P3,), (GAMMA_SRGB, CORNERS_P3), (CICP_P3, SRGB)],
    ids=["cICP", "gAMA and cHRM", "cICP before sRGB"],
)
def test_numbers_of_display_p3_become_its_profile(chunks: tuple[bytes, ...]) -> None:
    header = read(rgb(*chunks))
    assert header.profile is not None
    assert is_display_p3(header.profile)
    assert header.metadata == set()


def test_gamma_of_grey_becomes_a_profile_for_grey() -> None:
    header = read(images.png(1, 1, 8, 0, bytes(1), GAMMA_ONE, CORNERS_P3))
    assert header.profile is not None
    assert channels(header.profile) == b"GRAY"


def test_chromaticities_on_a_line_are_ignored() -> None:
    line = struct.pack(">8I", 30000, 30000, 10000, 10000, 20000, 20000, 40000, 40000)
    header = read(rgb(GAMMA_SRGB, images.png_chunk(b"cHRM", line)))
    assert header.profile is None
    assert read(rgb(GAMMA_SRGB, images.png_chunk(b"cHRM", bytes(32)))).profile is None


def test_what_follows_the_pixels_says_nothing_of_them() -> None:
    data = rgb()
    assert read(data[:-12] + GAMMA_ONE + PROFILE + data[-12:]).profile is None


def test_hdr_is_told() -> None:
    header = read(rgb(CICP_PQ))
    assert header.is_hdr
    assert header.profile is not None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"], ids=["as the standard says", "prefixed"])
def test_orientation_is_read_from_the_chunk(orientation: int, prefix: bytes) -> None:
    block = images.exif(orientation).removeprefix(b"Exif\0\0")
    header = read(rgb(images.png_chunk(b"eXIf", prefix + block)))
    assert header.orientation == orientation
    assert header.metadata == {Removed.EXIF, Removed.GPS}


def test_orientation_is_read_after_the_pixels_too() -> None:
    data = rgb()
    assert (
        read(data[:-12] + images.png_chunk(b"eXIf", images.exif(6)) + data[-12:]).orientation == 6
    )


@pytest.mark.parametrize("name", [b"tEXt", b"zTXt"])
def test_exif_that_imagemagick_writes_as_text_is_read(name: bytes) -> None:
    block = images.exif(6)
    text = b"\nexif\n%8d\n" % len(block) + block.hex().encode() + b"\n"
    body = b"\0" + zlib.compress(text) if name == b"zTXt" else text
    header = read(rgb(images.png_chunk(name, b"Raw profile type exif\0" + body)))
    assert header.orientation == 6
    assert header.metadata == {Removed.EXIF, Removed.GPS}


def test_orientation_in_xmp_counts_where_there_is_no_exif() -> None:
    xmp = PngInfo()
    xmp.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="8"/>', zip=True)
    data = images.encoded(images.picture(4, 3), policy.PNG, pnginfo=xmp)
    header = read(data)
    assert header.orientation == 8
    assert header.metadata == {Removed.XMP}
    both = images.encoded(images.picture(4, 3), policy.PNG, pnginfo=xmp, exif=images.exif(3))
    assert read(both).orientation == 3


def test_all_kinds_of_metadata_are_told() -> None:
    data = images.with_metadata(images.picture(40, 30), policy.PNG)
    c2pa = images.png_chunk(b"caBX", b"\0\0\0\x08jumb")
    iptc = images.png_chunk(b"tEXt", b"Raw profile type iptc\0\niptc\n 4\n00ff00ff\n")
    assert read(data[:33] + c2pa + iptc + data[33:]).metadata == {
        *(Removed.EXIF, Removed.GPS, Removed.ICC_PROFILE, Removed.COMMENT),
        *(Removed.TEXT, Removed.TRAILING_DATA, Removed.C2PA, Removed.IPTC),
    }


def test_frames_are_counted() -> None:
    frames = [Image.new("RGB", (40, 30), (n, 200, 9)) for n in range(1, 4)]
    data = images.encoded(images.picture(40, 30), policy.PNG, save_all=True, append_images=frames)
    header = read(data)
    assert (header.frames, header.is_animated) == (4, True)


def test_number_of_frames_without_any_frame_is_ignored() -> None:
    assert read(rgb(images.png_chunk(b"acTL", struct.pack(">II", 99, 0)))).frames == 1


@pytest.mark.parametrize(
    ("size", "frames", "words"),
    [((10_001, 5_000), 1, "50000000"), ((2, 2), 501, "501 frames"), ((7000, 7000), 3, "100000000")],
    ids=["pixels", "frames", "pixels over all frames"],
)
def test_too_much_is_refused_by_the_header(size: tuple[int, int], frames: int, words: str) -> None:
    animation = images.png_chunk(b"acTL", struct.pack(">II", frames, 0))
    control = images.png_chunk(b"fcTL", bytes(26))
    refused = rejection(images.png_of_size(*size, animation, control))
    assert refused.code == ExitCode.IMAGE_TOO_LARGE
    assert words in refused.detail


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt"])
def test_texts_are_inflated_to_1_mib_each_and_16_in_all(name: bytes) -> None:
    def text(size: int) -> bytes:
        body = b"k\0" + (b"\x01\0\0\0" if name == b"iTXt" else b"\0")
        return images.png_chunk(name, body + zlib.compress(bytes(size)))

    assert read(rgb(*[text(2**20)] * 16)).metadata == {Removed.TEXT}
    assert rejection(rgb(text(2**20 + 1))).code == ExitCode.IMAGE_TOO_LARGE
    assert rejection(rgb(*[text(2**20)] * 17)).code == ExitCode.IMAGE_TOO_LARGE


def test_broken_compressed_text_is_ignored() -> None:
    assert read(rgb(images.png_chunk(b"zTXt", b"k\0\0junk"))).metadata == {Removed.TEXT}
    assert read(rgb(images.png_chunk(b"iCCP", b"p\0\0junk"))).profile is None


def test_absurdly_many_chunks_are_refused_soon() -> None:
    data = rgb(*[images.png_chunk(b"juNk", b"")] * 1_600_000)
    start = time.process_time()
    assert rejection(data).code == ExitCode.IMAGE_TOO_LARGE
    assert time.process_time() - start < 1


def test_file_without_a_header_has_no_size() -> None:
    assert rejection(images.photo(4, 3, policy.PNG)[:8]).code == ExitCode.CORRUPT_IMAGE
