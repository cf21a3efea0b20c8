import pytest

from safelight_api.serving import chunks
from safelight_api.serving.chunks import MAX_LINE_BYTES, MAX_PIECES, ChunkDecoder
from safelight_api.serving.events import RefusedError
from safelight_api.serving.heads import MAX_FIELDS


def decoded(data: bytes, most: int = 1000, size: int | None = None) -> tuple[bytes, bytes, bool]:
    """Return the body, what is left over, and whether it is complete; fed in pieces of a size."""
    decoder = ChunkDecoder(most)
    pieces: list[bytes | bytearray] = []
    held = bytearray()
    for start in range(0, len(data), size or len(data)):
        held += data[start : start + (size or len(data))]
        while True:
            found: list[bytes | bytearray] = []
            position = decoder.decode(held, 0, found)
            del held[:position]
            pieces += found
            if not found or decoder.is_done:
                break
    return b"".join(pieces), bytes(held), decoder.is_done


@pytest.mark.parametrize("size", [None, 1, 2, 3])
@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"0\r\n\r\n", b""),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"A\r\n0123456789\r\n1\r\n\n\r\n000\r\n\r\n", b"0123456789\n"),
        (b"000000000003\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"3;a=b\r\nabc\r\n2;c;d\r\nde\r\n0;x\r\n\r\n", b"abcde"),
        (b'3;a="b\\" ;c";d\r\nabc\r\n0\r\nA: b\r\nContent-Length: 5\r\n\r\n', b"abc"),
        (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
        (b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n"),
    ],
)
def test_bodies(data: bytes, body: bytes, size: int | None) -> None:
    assert decoded(data + b"GET", size=size)[0] == body
    assert decoded(data, size=size) == (body, b"", True)


@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"0x1", b"1_0", b"+1", b"-1", b" 1", b"1 ", b"1\t", b"g", b"1g", b"1 ;a", b"\xb2"),
        *(b"1\n", b"1\r", b"1;a\r", b"1;a\nb", b"1;\x00", b"1;\x0b", b"1;\xe9", b"1,2", b"1.0"),
        *(b"1;", b"1;a=", b"1;a b", b"1; a", b'1;a="b', b'1;a="b"c', b'1;a="\\\x00"'),
        *(b"0000000000001", b"FFFFFFFFFFFFFFFFF", b"1;" + b"a" * MAX_LINE_BYTES),
    ],
)
def test_sizes_that_are_refused(line: bytes, size: int | None) -> None:
    with pytest.raises(RefusedError) as caught:
        decoded(b"1\r\na\r\n" + line + b"\r\na\r\n0\r\n\r\n", most=MAX_LINE_BYTES * 2, size=size)
    assert caught.value.refusal.status == 400


@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize(
    "data", [b"1\r\nab\r\n", b"1\r\na\n", b"1\r\na\r\r\n", b"3\r\nab\r\n0", b"1\r\na0\r\n\r\n"]
)
def test_data_end_where_the_size_says(data: bytes, size: int | None) -> None:
    with pytest.raises(RefusedError) as caught:
        decoded(data + b"0\r\n\r\n", size=size)
    assert caught.value.refusal.status == 400


@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize(
    "trailer", [b" folded: a", b"a : b", b"a", b"a: b\nc: d", b"a: \x00", b"a: b\rc", b"\n", b": a"]
)
def test_trailers_that_are_refused(trailer: bytes, size: int | None) -> None:
    with pytest.raises(RefusedError) as caught:
        decoded(b"0\r\n" + trailer + b"\r\n\r\n", size=size)
    assert caught.value.refusal.status == 400


@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize(
    ("ends_well", "too_much"),
    [
        (b"0\r\na: 3456789\r\n\r\n", b"0\r\na: 34567890\r\n\r\n"),
        (b"0\r\na:345\r\nb:345\r\n\r\n", b"0\r\na:345\r\nb:3456\r\n\r\n"),
        (b"1;2345\r\na\r\n0;2345\r\n\r\n", b"1;2345\r\na\r\n1;23456\r\na\r\n0\r\n"),
        (b"1;2345\r\na\r\n0\r\na:345\r\n\r\n", b"1;2345\r\na\r\n0\r\na:3456\r\n\r\n"),
        (b"0\r\na:34567890", b"0\r\na:34567890123"),
    ],
)
def test_extensions_and_trailers_share_a_bound(
    ends_well: bytes, too_much: bytes, size: int | None
) -> None:
    decoded(ends_well, most=10, size=size)
    with pytest.raises(RefusedError) as caught:
        decoded(too_much, most=10, size=size)
    assert caught.value.refusal.status == 431


def test_a_body_without_any_needs_no_room_for_them() -> None:
    assert decoded(b"1\r\na\r\n0\r\n\r\n", most=0) == (b"a", b"", True)


def test_trailers_are_counted() -> None:
    assert decoded(b"0\r\n" + b"a:\r\n" * MAX_FIELDS + b"\r\n")[2]
    with pytest.raises(RefusedError) as caught:
        decoded(b"0\r\n" + b"a:\r\n" * (MAX_FIELDS + 1) + b"\r\n")
    assert caught.value.refusal.status == 431


def test_one_call_takes_a_bounded_number_of_chunks() -> None:
    data = b"1\r\na\r\n" * (MAX_PIECES + 5)
    decoder = ChunkDecoder(0)
    pieces: list[bytes | bytearray] = []
    position = decoder.decode(data, 0, pieces)
    assert (len(pieces), position) == (MAX_PIECES, MAX_PIECES * len(b"1\r\na\r\n"))
    again: list[bytes | bytearray] = []
    assert decoder.decode(data, position, again) == len(data)
    assert len(again) == 5


def test_both_ways_through_a_chunk_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"
    quick = decoded(data)
    monkeypatch.setattr(
        chunks.ChunkDecoder,
        "_take_whole_chunk",
        lambda decoder, held, position, _: decoder._take_line(held, position),  # noqa: SLF001 - the longer way
    )
    assert decoded(data) == quick == (b"abcd", b"", True)
