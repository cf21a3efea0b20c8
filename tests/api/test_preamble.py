import pytest

from safelight_api.preamble import MAX_BYTES, NoBoundaryError, Preamble


def read(body: bytes, piece: int) -> bytes:
    """Return what is no preamble."""
    preamble = Preamble(b"b")
    return b"".join(
        preamble.feed(body[start : start + piece]) for start in range(0, len(body), piece)
    )


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b"--b\r\nrest", b"--b\r\nrest"),
        (b"\r\n--b\r\nrest", b"--b\r\nrest"),
        (b"This is MIME.\r\n--b\r\nrest\r\n--b--", b"--b\r\nrest\r\n--b--"),
        (b"--b \t\r\nrest", b"--b\r\nrest"),
        (b"\r\n\r\n--b \r\n--b\r\n", b"--b\r\n--b\r\n"),
        (b"--bc\r\n --b\r\nx--b\r\n--b\r\nrest", b"--b\r\nrest"),
        (b"--b--", b"--b--"),
        (b"nothing\r\n--b--\r\nepilogue", b"--b--\r\nepilogue"),
        (b"--b" + b" " * 300 + b"no\r\n--b\r\nrest", b"--b\r\nrest"),
        (b"--", b""),
        (b"", b""),
        (b"no boundary\r\n", b""),
    ],
)
def test_what_stands_before_the_first_boundary_is_ignored(
    piece: int, body: bytes, left: bytes
) -> None:
    assert read(body, piece) == left


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
@pytest.mark.parametrize("line", [b"x", b"\r\n", b"-", b"--b ", b"a line\r\n"])
def test_it_is_bounded(piece: int, line: bytes) -> None:
    body = line * (MAX_BYTES // len(line) + 1)
    with pytest.raises(NoBoundaryError):
        read(body, piece)
    assert read(body[: MAX_BYTES - 2] + b"\r\n", piece) == b""
