import time

import pytest

from safelight_api.conditions import (
    ByteRange,
    UnsatisfiableRangeError,
    byte_range,
    matches,
)

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "etag", "expected"),
    [
        (None, ETAG, False),
        ('"abc"', ETAG, True),
        ('W/"abc"', ETAG, True),
        ('"x", W/"abc"', 'W/"abc"', True),
        ("*", ETAG, True),
        ('"ab"', ETAG, False),
        ("abc", ETAG, False),
        ("", ETAG, False),
    ],
)
def test_if_none_match(header: str | None, etag: str, *, expected: bool) -> None:
    assert matches(header, etag) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 0)),
        ("bytes=2-5", ByteRange(2, 5)),
        ("bytes=2-", ByteRange(2, 9)),
        ("bytes=2-100", ByteRange(2, 9)),
        ("bytes=-3", ByteRange(7, 9)),
        ("bytes=-100", ByteRange(0, 9)),
        ("BYTES=1-2", ByteRange(1, 2)),
        (" bytes= 1-2 ", ByteRange(1, 2)),
        # The whole is sent: several ranges, another unit, or no range at all.
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=a-b", None),
        ("bytes=0-1-2", None),
        ("", None),
        (None, None),
        ("bytes=" + ",".join(["0-"] * 10_000), None),
        ("bytes=" + "9" * 10_000 + "-", None),
    ],
)
def test_range(header: str | None, expected: ByteRange | None) -> None:
    started_at = time.perf_counter()
    assert byte_range(header, None, ETAG, 10) == expected
    assert time.perf_counter() - started_at < 0.05


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=99-100", "bytes=-0"])
def test_a_range_without_any_byte(header: str) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        byte_range(header, None, ETAG, 10)


@pytest.mark.parametrize(
    ("if_range", "expected"),
    [
        (ETAG, ByteRange(0, 1)),
        (' "abc" ', ByteRange(0, 1)),
        ('W/"abc"', None),
        ('"other"', None),
        ("Wed, 01 Jan 2025 12:00:00 GMT", None),
    ],
)
def test_if_range(if_range: str, expected: ByteRange | None) -> None:
    """The range counts only for the very bytes that the client has a part of (strong tags)."""
    assert byte_range("bytes=0-1", if_range, ETAG, 10) == expected


def test_length() -> None:
    assert len(ByteRange(2, 5)) == 4
