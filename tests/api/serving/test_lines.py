import pytest

from safelight_api.serving.events import RefusedError
from safelight_api.serving.lines import HeadFinder

HEAD = b"GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n"


def found(data: bytes, most: int, size: int) -> int | str | None:
    """Feed it in pieces of a size; return the end, the refusal's status, or None."""
    finder = HeadFinder(most)
    for end in range(size, len(data) + size, size):
        try:
            position = finder.find(bytearray(data[:end]), 0)
        except RefusedError as error:
            return f"{error.refusal.status:d}"
        if position is not None:
            return position
    return None


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(
    ("data", "most", "expected"),
    [
        (HEAD, 100, len(HEAD)),
        (HEAD + b"\0\n" + HEAD, 100, len(HEAD)),
        (HEAD, len(HEAD), len(HEAD)),
        (HEAD, len(HEAD) - 1, "431"),
        (HEAD[:-1], 100, None),
        (HEAD[:-1], len(HEAD) - 1, "431"),
        (b"GET / HTTP/1.0\r\n\r\n", 100, 18),
        (b"GET / HTTP/1.1\nHost: x\n\n", 100, "400"),
        (b"GET / HTTP/1.1\r\nHost: x\n\n", 100, "400"),
        (b"GET / HTTP/1.1\r\n\n", 100, "400"),
        (b"GET / HTTP/3.0\r\nHost", 100, "505"),
        (b"\x16\x03\x01\x02\x00\x01", 100, "400"),
        (b"GET /\xe9", 100, "400"),
        (b"GET /\rx", 100, "400"),
        (b"GET /\r", 100, None),
        (b" GET", 100, "400"),
        (b"A" * 32, 100, None),
        (b"A" * 33, 100, "400"),
        (b"A/", 100, "400"),
        (b"GET /" + b"a" * 95, 100, "431"),
        (b"GET /" + b"a" * 90 + b"\n", 100, "400"),
        (b"GET /" + b"a" * 95 + b"\n", 100, "431"),
    ],
)
def test_where_a_head_ends(data: bytes, most: int, size: int, expected: int | str | None) -> None:
    assert found(data, most, size) == expected


def test_the_start_may_move() -> None:
    finder = HeadFinder(100)
    assert finder.find(b"....." + HEAD[:20], 5) is None
    assert finder.find(HEAD[:-1], 0) is None
    assert finder.find(b".." + HEAD, 2) == len(HEAD) + 2
    assert finder.find(HEAD + HEAD, len(HEAD)) == 2 * len(HEAD)
