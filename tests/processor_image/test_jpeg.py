import io
import time

import pytest
from PIL import Image

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_processor.decode import decode
from safelight_processor.errors import ImageRejected
from safelight_processor.jpeg import MAX_SCANS, has_too_many_scans
from tests.support import images

START_OF_SCAN, END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"


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
    assert decode(io.BytesIO(data), policy.JPEG).size == (40, 30)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe0\0\0"])
def test_broken_file_ends_the_count(data: bytes) -> None:
    assert not has_too_many_scans(data)


def test_endless_scans_are_refused_before_they_cost_anything() -> None:
    """Decoding it would take a minute."""
    data = with_scans(progressive(7000, 7000), 2000)
    start = time.process_time()
    with pytest.raises(ImageRejected) as caught:
        decode(io.BytesIO(data), policy.JPEG)
    assert caught.value.code == ExitCode.CORRUPT_IMAGE
    assert time.process_time() - start < 0.5
