import sys
from collections.abc import AsyncIterator, Iterable, Iterator

import pytest

from safelight_contract import pages
from safelight_contract.pages import PageSizes, TooLongError
from safelight_contract.unreadable import UnreadableError

KIB = 1024


async def chunks(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_lines_of_any_length_come_however_they_are_cut() -> None:
    events = [b"a", b"b" * 300 * KIB, b"", b"c"]
    stream = b"\n".join(events) + b"\n"
    for size in (1, 7, 100_000, len(stream)):
        parts = (stream[at : at + size] for at in range(0, len(stream), size))
        if size == 1:
            parts = (bytes([byte]) for byte in b"a\n\nbb\nc\n")
            assert [line async for line in pages.lines(chunks(parts))] == [b"a", b"bb", b"c"]
        else:
            found = [line async for line in pages.lines(chunks(parts))]
            assert found == [event for event in events if event]


async def test_a_line_that_is_cut_off_is_no_event() -> None:
    assert [line async for line in pages.lines(chunks([b"a\nb"]))] == [b"a"]


async def test_nothing_is_read_beyond_a_bound() -> None:
    read: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            read.append(KIB)
            yield b"x" * KIB

    with pytest.raises(TooLongError):
        await pages.whole(chunks(endless()), 10 * KIB)
    assert sum(read) == 11 * KIB
    with pytest.raises(TooLongError):
        _ = [line async for line in pages.lines(chunks(endless()), 10 * KIB)]
    assert sum(read) == 22 * KIB


async def test_a_body_within_the_bound_is_whole() -> None:
    assert await pages.whole(chunks([b"a", b"bc"]), 3) == b"abc"


def test_pages_grow_and_shrink_towards_the_budget() -> None:
    sizes = PageSizes()
    seen = []
    for octets in (4 * KIB,) * 5:
        seen.append(sizes.size)
        sizes.took(sizes.size, sizes.size * octets)
    assert seen == [20, 80, 320, 500, 500]
    sizes.took(10, 10 * 1024 * KIB)
    assert sizes.size == 2
    assert sizes.largest == 10 * 1024 * KIB
    sizes.took(1, pages.MAX_BYTES)
    assert sizes.size == 1


def test_a_page_that_does_not_fit_is_halved_down_to_one_object() -> None:
    sizes = PageSizes(size=500)
    seen = []
    while sizes.shrink():
        seen.append(sizes.size)
    assert seen == [125, 31, 7, 1]
    sizes.took(0, 0)
    assert sizes.size == 4, "an empty page says nothing against larger ones"


@pytest.mark.parametrize("text", [b"{", b"\xff", b'{"a":' + b"9" * 5000 + b"}"])
def test_what_is_no_json_is_unreadable(text: bytes) -> None:
    with pytest.raises(UnreadableError):
        pages.decode(text)


@pytest.mark.parametrize("depth", [10_000, 1_000_000])
@pytest.mark.parametrize("brackets", [(b'{"a":', b"}"), (b"[", b"]")], ids=["objects", "arrays"])
def test_json_is_read_as_deep_as_the_api_server_takes_it(
    brackets: tuple[bytes, bytes], depth: int
) -> None:
    before = sys.getrecursionlimit()
    text = brackets[0] * depth + b"0" + brackets[1] * depth
    try:
        if depth > 10_000:
            with pytest.raises(UnreadableError, match="RecursionError"):
                pages.decode(text)
        else:
            levels, found = 0, pages.decode(text)
            while not isinstance(found, int):
                found = found["a"] if isinstance(found, dict) else found[0]
                levels += 1
            assert levels == depth
    finally:
        sys.setrecursionlimit(before)


def test_a_page_of_several_objects_is_read_less_far_than_one_of_one() -> None:
    """Python needs up to 24 times the bytes of deeply nested JSON to hold it."""
    sizes = PageSizes()
    assert sizes.most_bytes == pages.SEVERAL_BYTES
    while sizes.shrink():
        pass
    assert sizes.most_bytes == pages.MAX_BYTES
