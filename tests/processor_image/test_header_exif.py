"""EXIF and XMP as they are found: odd, broken, and hostile."""

import struct
import time

import pytest

from safelight_contract.facts import Removed
from safelight_processor.headers import exif, kinds, xmp
from tests.support import images

Entry = tuple[int, int, int, bytes]
"""Tag, type, count, and the value or where it is."""


def block(order: str, *entries: Entry, after: bytes = bytes(4), rest: bytes = b"") -> bytes:
    """Return a block with one directory, which starts at 8, and what follows it."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        directory += struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")
    return head + struct.pack(order + "I", 8) + directory + after + rest


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "letter"), [(1, "B"), (3, "H"), (4, "I")])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
@pytest.mark.parametrize("value", range(1, 9))
def test_orientation_is_read_in_any_width(
    order: str, kind: int, letter: str, prefix: bytes, value: int
) -> None:
    """As a SHORT by the standard; some writers have a BYTE, others a LONG."""
    entry = (exif.ORIENTATION, kind, 1, struct.pack(order + letter, value))
    assert exif.parse(prefix + block(order, entry)).orientation == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Exif\0\0",
        b"garbage of all kinds",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff",
        block("<", (exif.ORIENTATION, 3, 1, b"\0\0")),
        block("<", (exif.ORIENTATION, 3, 1, b"\x09\0")),
        block("<", (exif.ORIENTATION, 3, 2, b"\x06\0")),
        block("<", (exif.ORIENTATION, 2, 1, b"\x06\0")),
        block("<", (exif.ORIENTATION, 99, 1, b"\x06\0"))[:-6],
    ],
    ids=str,
)
def test_what_cannot_be_read_says_nothing(data: bytes) -> None:
    assert exif.parse(data) == exif.NONE


def test_first_of_two_orientations_counts() -> None:
    twice = [(exif.ORIENTATION, 3, 1, struct.pack("<H", value)) for value in (6, 3)]
    assert exif.parse(block("<", *twice)).orientation == 6


def test_directory_that_is_its_own_next_ends() -> None:
    entry = (exif.ORIENTATION, 3, 1, b"\x06\0")
    found = exif.parse(block("<", entry, after=struct.pack("<I", 8)))
    assert (found.orientation, found.has_thumbnail) == (6, True)


def test_kinds_are_told() -> None:
    inner_at = 8 + 2 + 2 * 12 + 4
    inner = struct.pack("<HHHI4sI", 1, 0x927C, 7, 4, b"note", 0)
    gps_at = inner_at + len(inner)
    gps = struct.pack("<HHHI4sI", 1, 1, 2, 2, b"N\0", 0)
    found = exif.parse(
        block(
            "<",
            (0x8769, 4, 1, struct.pack("<I", inner_at)),
            (0x8825, 4, 1, struct.pack("<I", gps_at)),
            rest=inner + gps,
        )
    )
    assert kinds.of_exif(found) == {Removed.EXIF, Removed.GPS, Removed.MAKER_NOTES}
    assert kinds.of_exif(exif.parse(images.exif(1))) == {Removed.EXIF, Removed.GPS}


def test_credits_are_read() -> None:
    text = b"Ada Lovelace\0"
    place = struct.pack("<I", 8 + 2 + 2 * 12 + 4)
    found = exif.parse(
        block("<", (exif.ARTIST, 2, len(text), place), (exif.COPYRIGHT, 2, 4, b"Bo\0"), rest=text)
    )
    assert (found.artist, found.copyright) == (text, b"Bo\0\0")


@pytest.mark.parametrize("offset", [0xFFFFFFFF, 10_000, 0])
def test_text_beyond_the_end_is_absent(offset: int) -> None:
    entry = (exif.ARTIST, 2, 400_000_000, struct.pack("<I", offset))
    assert len(exif.parse(block("<", entry)).artist) <= 4096


def test_huge_block_is_read_soon() -> None:
    data = b"II*\0\x08\0\0\0\xff\xff" + bytes(range(1, 13)) * 65535 + bytes(1_000_000)
    start = time.process_time()
    exif.parse(data)
    assert time.process_time() - start < 0.1


@pytest.mark.parametrize(
    "text",
    [
        b'<rdf:Description tiff:Orientation="6">',
        b"<rdf:Description tiff:Orientation = '6'>",
        b"<tiff:Orientation>6</tiff:Orientation>",
        b"<tiff:Orientation> 6 </tiff:Orientation>",
    ],
)
def test_orientation_in_xmp_is_read(text: bytes) -> None:
    assert xmp.orientation(text) == 6
    assert kinds.orientation(None, text) == 6
    assert kinds.orientation(images.exif(), text) == 6
    assert kinds.orientation(images.exif(3), text) == 3


@pytest.mark.parametrize(
    "text",
    [b"", b'tiff:Orientation="9"', b'tiff:Orientation="66"', b"tiff:Orientation", b"<x>6</x>"],
)
def test_xmp_without_an_orientation_says_none(text: bytes) -> None:
    assert xmp.orientation(text) is None
    assert kinds.orientation(None, text) == 1


def test_credits_in_xmp_are_read() -> None:
    text = """<rdf:Description><dc:creator><rdf:Seq><rdf:li>Ada &amp; Bo</rdf:li><rdf:li>Çelik
      </rdf:li></rdf:Seq></dc:creator><dc:rights><rdf:Alt><rdf:li xml:lang="x-default">© 2026
      </rdf:li><rdf:li xml:lang="de">anders</rdf:li></rdf:Alt></dc:rights></rdf:Description>"""
    assert xmp.creators(text.encode()) == ["Ada & Bo", "Çelik"]
    assert xmp.rights(text.encode()) == "© 2026"
    assert xmp.creators(b"<dc:creator>") == []
    assert xmp.rights(b"") == ""


@pytest.mark.parametrize(
    "text",
    [
        b"<dc:rights>" * 90_000,
        b"<dc:creator" + b" " * 1_000_000,
        b"<dc:creator><rdf:li>" * 50_000,
        b"tiff:Orientation" * 60_000,
        b"tiff:Orientation" + b" " * 1_000_000,
    ],
    ids=["opened", "spaces", "items", "names", "spaces before a value"],
)
def test_hostile_xmp_is_read_soon(text: bytes) -> None:
    start = time.process_time()
    xmp.rights(text)
    xmp.creators(text)
    xmp.orientation(text)
    xmp.tells_of_gain_map(text)
    assert time.process_time() - start < 1
