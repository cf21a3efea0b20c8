import io
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
from safelight_processor.headers.jpeg import MAX_SCANS, has_too_many_scans
from tests.support import images

START_OF_SCAN, END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"


def read(data: bytes) -> Header:
    return read_header(data, policy.JPEG)


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segments(data: bytes, *segments: bytes) -> bytes:
    """Return the file with segments after its start."""
    return data[:2] + b"".join(segments) + data[2:]


def with_scans(data: bytes, scans: int) -> bytes:
    """Return a progressive JPEG file with its last scan repeated until there are so many."""
    start, end = data.rindex(START_OF_SCAN), data.rindex(END_OF_IMAGE)
    repeated = data[start:end] * (scans - data.count(START_OF_SCAN))
    return data[:end] + repeated + data[end:]


def progressive(width: int, height: int) -> bytes:
    return images.encoded(Image.new("L", (width, height), 99), policy.JPEG, progressive=True)


@pytest.mark.parametrize(
    ("scans", "too_many"),
    [(10, False), (MAX_SCANS, False), (MAX_SCANS + 1, True), (5000, True)],
)
def test_scans_are_counted(scans: int, too_many: bool) -> None:  # noqa: FBT001 - a parameter of a test
    assert has_too_many_scans(with_scans(progressive(40, 30), scans)) is too_many


def test_what_follows_the_first_picture_does_not_count() -> None:
    """Phones append whole films."""
    data = progressive(40, 30)
    assert not has_too_many_scans(data + data + START_OF_SCAN * 1000)


def test_what_looks_like_a_scan_within_metadata_does_not_count() -> None:
    data = images.encoded(
        images.picture(40, 30),
        policy.JPEG,
        progressive=True,
        comment=START_OF_SCAN * 1000,
    )
    assert not has_too_many_scans(data)
    assert decode(data, read(data)).image.size == (40, 30)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe0\0\0"])
def test_broken_file_ends_the_count(data: bytes) -> None:
    assert not has_too_many_scans(data)


def test_scans_of_a_file_that_is_not_progressive_count_if_the_first_has_not_all_channels() -> None:
    """Then libjpeg reads all of them before it gives a row, too."""
    data = images.photo(40, 30)
    start, end = data.rindex(START_OF_SCAN), data.rindex(END_OF_IMAGE)
    length = int.from_bytes(data[start + 2 : start + 4], "big")
    assert length == 12
    one_channel = segment(0xDA, bytes((1, *data[start + 5 : start + 7], 0, 63, 0)))
    with pytest.raises(ImageRejected) as caught:
        read(data[:start] + one_channel * 2000 + data[end:])
    assert caught.value.code == ExitCode.IMAGE_TOO_LARGE


@pytest.mark.parametrize(
    ("mode", "options", "subsampling"),
    [
        ("RGB", {"subsampling": "4:2:0"}, "4:2:0"),
        ("RGB", {"subsampling": "4:2:2"}, "4:2:2"),
        ("RGB", {"subsampling": "4:4:4"}, "4:4:4"),
        ("L", {}, None),
        ("CMYK", {}, None),
    ],
)
@pytest.mark.parametrize("is_progressive", [False, True])
def test_channels_are_told(
    mode: str,
    options: dict[str, str],
    subsampling: str | None,
    is_progressive: bool,  # noqa: FBT001 - a parameter of a test
) -> None:
    data = images.encoded(
        images.picture(40, 30, mode), policy.JPEG, progressive=is_progressive, **options
    )
    header = read(data)
    assert header.size == (40, 30)
    assert header.subsampling == subsampling
    assert header.is_progressive is is_progressive
    assert (header.is_grey, header.is_cmyk) == (mode == "L", mode == "CMYK")
    assert (header.bits, header.frames, header.has_alpha) == (8, 1, False)


def test_profile_in_many_parts_is_joined_in_its_order() -> None:
    profile = bytes(range(256)) * 600
    data = images.encoded(images.picture(9, 9), policy.JPEG, icc_profile=profile)
    assert read(data).profile == profile
    parts = [
        segment(0xE2, b"ICC_PROFILE\0" + bytes((number, 2)) + part)
        for number, part in ((2, b"two"), (1, b"one"))
    ]
    assert read(with_segments(images.photo(9, 9), *parts)).profile == b"onetwo"


def test_all_kinds_of_metadata_are_told() -> None:
    data = images.with_metadata(images.picture(40, 30), policy.JPEG)
    assert read(data).metadata == {
        *(Removed.EXIF, Removed.GPS, Removed.XMP, Removed.ICC_PROFILE, Removed.COMMENT),
        Removed.TRAILING_DATA,
    }
    more = with_segments(
        images.photo(9, 9),
        segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x00"),
        segment(0xEB, b"JP\0\x01\0\0\0\x01"),
        segment(0xE0, b"JFXX\0\x10"),
    )
    assert read(more).metadata == {Removed.IPTC, Removed.C2PA, Removed.THUMBNAIL}


def test_plain_photo_has_none() -> None:
    assert read(images.photo(40, 30)).metadata == set()


@pytest.mark.parametrize(
    "told",
    [
        segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version="1.0"/>'),
        segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"),
    ],
    ids=["Ultra HDR", "ISO 21496-1"],
)
def test_gain_map_is_told(told: bytes) -> None:
    assert read(with_segments(images.photo(40, 30), told)).gain_map
    assert not read(images.photo(40, 30)).gain_map


def test_second_picture_is_told_and_the_first_is_taken() -> None:
    buffer = io.BytesIO()
    images.picture(40, 30).save(
        buffer, "MPO", save_all=True, append_images=[images.picture(20, 10)]
    )
    data = buffer.getvalue()
    header = read(data)
    assert header.extra_pictures
    assert header.frames == 1
    assert Removed.EXTRA_PICTURES in header.metadata
    assert decode(data, header).image.size == (40, 30)


def test_apples_gain_map_in_the_second_picture_is_told() -> None:
    data = with_segments(images.photo(40, 30), segment(0xE2, b"MPF\0MM\0*"))
    assert not read(data).gain_map
    assert read(data + b"<x>urn:com:apple:photo:2020:aux:hdrgainmap</x>").gain_map


@pytest.mark.parametrize("data", [b"\xff\xd8\xff", b"\xff\xd8\xff\xc0\0\x04\x08\0", b"\xff" * 99])
def test_file_without_a_size_is_refused(data: bytes) -> None:
    with pytest.raises(ImageRejected) as caught:
        read(data)
    assert caught.value.code == ExitCode.CORRUPT_IMAGE


def test_absurdly_many_segments_are_refused_soon() -> None:
    data = with_segments(images.photo(9, 9), *[segment(0xFE, b"")] * 4_000_000)
    start = time.process_time()
    with pytest.raises(ImageRejected) as caught:
        read(data)
    assert caught.value.code == ExitCode.IMAGE_TOO_LARGE
    assert time.process_time() - start < 1


def test_endless_scans_are_refused_before_they_cost_anything() -> None:
    """Decoding it would take a minute."""
    data = with_scans(progressive(7000, 7000), 2000)
    start = time.process_time()
    with pytest.raises(ImageRejected) as caught:
        read(data)
    assert caught.value.code == ExitCode.IMAGE_TOO_LARGE
    assert time.process_time() - start < 0.5
