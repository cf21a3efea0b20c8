import io
import struct
from dataclasses import replace

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from safelight_contract import policy
from safelight_contract import recipe as recipes
from safelight_contract.facts import Removed
from safelight_contract.facts import Warning as Lost
from safelight_contract.policy import Format
from safelight_contract.recipe import ColourSpace
from safelight_processor import icc, metadata
from safelight_processor.colour import SRGB_PROFILE
from safelight_processor.header import Header
from safelight_processor.headers import read_header
from safelight_processor.metadata import Credits, encoded, merged, removed, warnings
from tests.processor_image.helpers import BARE, transformed
from tests.support import images

ARTIST = 0x013B
COPYRIGHT = 0x8298
every_format = pytest.mark.parametrize(
    "image_format",
    [policy.JPEG, policy.PNG, policy.WEBP, policy.AVIF, policy.HEIF],
    ids=lambda f: f.name,
)


def kept(data: bytes, image_format: Format) -> dict[int, str] | None:
    """Return the tags of the block of credits, as Pillow reads them."""
    block = metadata.credits(data, read_header(data, image_format))
    if block is None:
        return None
    assert block.startswith(b"Exif\0\0")
    found = Image.Exif()
    found.load(block)
    # Pillow takes what is no ASCII for Latin-1.
    return {tag: text.encode("latin-1").decode() for tag, text in found.items()}


def exif(artist: str, notice: str) -> bytes:
    block = Image.Exif()
    block.load(images.exif(1))
    block[ARTIST] = artist
    block[COPYRIGHT] = notice
    return block.tobytes()


def xmp(creator: str, rights: str) -> bytes:
    return (
        f"<x><dc:creator><rdf:li>{creator}</rdf:li></dc:creator>"
        f"<dc:rights><rdf:li>{rights}</rdf:li></dc:rights></x>"
    ).encode()


@every_format
def test_credits_in_exif_are_kept_and_nothing_else(image_format: Format) -> None:
    data = images.encoded(
        images.picture(64, 64), image_format, exif=exif("Ada Lovelace", "(c) Ada")
    )
    assert kept(data, image_format) == {ARTIST: "Ada Lovelace", COPYRIGHT: "(c) Ada"}


@every_format
def test_credits_in_xmp_are_kept(image_format: Format) -> None:
    text = xmp("Çelik &amp; Co", "© Çelik")
    if image_format is policy.PNG:
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", text.decode())
        data = images.encoded(images.picture(64, 64), image_format, pnginfo=info)
    else:
        data = images.encoded(images.picture(64, 64), image_format, xmp=text)
    assert kept(data, image_format) == {ARTIST: "Çelik & Co", COPYRIGHT: "© Çelik"}


def test_credits_in_iptc_are_kept() -> None:
    records = b"".join(
        struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text
        for number, text in ((0, b"\0\4"), (80, b"Ada"), (80, b"Bo"), (116, b"(c) Ada"))
    )
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records
    content = b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\0\x02\0\0" + resource
    data = images.photo(64, 64)
    data = data[:2] + struct.pack(">HH", 0xFFED, len(content) + 2) + content + data[2:]
    assert kept(data, policy.JPEG) == {ARTIST: "Ada", COPYRIGHT: "(c) Ada"}


@every_format
def test_who_names_nobody_has_no_block(image_format: Format) -> None:
    assert kept(images.photo(64, 64, image_format), image_format) is None
    data = images.encoded(images.picture(64, 64), image_format, exif=images.exif(1))
    assert kept(data, image_format) is None


def test_exif_comes_before_iptc_and_xmp() -> None:
    one, two, three = Credits("a", ""), Credits("b", "c"), Credits("d", "e")
    assert merged(one, two, three) == Credits("a", "c")
    assert merged() == Credits()


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("  Ada \n\t Lovelace ", "Ada Lovelace"),
        ("Ada\0\x1b[31m\x7f", "Ada[31m"),
        ("\u202eevil\u2066", "evil"),
        ("a" * 500, "a" * 200),
        ("\0\n\u200b", ""),
        ("e\u0301", "é"),
        ("\ud800", ""),
    ],
    ids=ascii,
)
def test_credits_are_made_safe_to_print(text: str, safe: str) -> None:
    assert merged(Credits(text, text)) == Credits(safe, safe)


@pytest.mark.parametrize("text", ["a", "abc", "abcd", "abcde", "Ünïcödé © 2026"])
def test_block_is_read_as_it_was_written(text: str) -> None:
    """Texts of up to three bytes stand in place of their offset."""
    block = Image.Exif()
    block.load(encoded(Credits(text, text[:1])))
    assert block[ARTIST].encode("latin-1").decode() == text
    assert block[COPYRIGHT].encode("latin-1").decode() == text[:1]
    assert len(block) == 2


def test_copyright_of_an_editor_is_kept_too() -> None:
    data = images.encoded(images.picture(9, 9), policy.JPEG, exif=exif("", "Photographer\0Editor"))
    found = kept(data, policy.JPEG)
    assert found is not None
    assert found[COPYRIGHT] == "Photographer; Editor"


def header(**fields: object) -> Header:
    known = {"format": policy.JPEG, "size": (9, 9)} | fields
    return Header(**known)  # type: ignore[arg-type]  # fields of a test


@pytest.mark.parametrize(
    ("fields", "space", "expected"),
    [
        ({}, ColourSpace.SRGB, ()),
        ({"gain_map": True}, ColourSpace.SRGB, (Lost.HDR_GAIN_MAP_DROPPED,)),
        (
            {"gain_map": True, "extra_pictures": True},
            ColourSpace.SRGB,
            (Lost.HDR_GAIN_MAP_DROPPED,),
        ),
        ({"extra_pictures": True}, ColourSpace.SRGB, (Lost.EXTRA_PICTURES_DROPPED,)),
        ({"profile": images.display_p3()}, ColourSpace.SRGB, (Lost.WIDE_GAMUT_CLIPPED,)),
        ({"profile": images.display_p3()}, ColourSpace.DISPLAY_P3, ()),
        ({"profile": b"junk"}, ColourSpace.SRGB, (Lost.PROFILE_IGNORED,)),
        ({"profile": SRGB_PROFILE, "is_grey": True}, ColourSpace.SRGB, ()),
        ({"profile": images.cmyk_profile()}, ColourSpace.SRGB, (Lost.PROFILE_IGNORED,)),
        ({"profile": images.cmyk_profile(), "is_cmyk": True}, ColourSpace.SRGB, ()),
        (
            {"profile": icc.from_code_points(9, icc.PQ), "is_hdr": True},
            ColourSpace.SRGB,
            (Lost.HDR_TONE_MAPPED,),
        ),
    ],
    ids=lambda value: None if isinstance(value, dict) else str(value),
)
def test_losses_are_told(
    fields: dict[str, object], space: ColourSpace, expected: tuple[Lost, ...]
) -> None:
    assert warnings(header(**fields), space) == expected


def test_removed_kinds_come_in_the_order_of_the_list() -> None:
    kinds = frozenset({Removed.XMP, Removed.EXIF, Removed.C2PA})
    assert removed(header(metadata=kinds)) == (Removed.EXIF, Removed.XMP, Removed.C2PA)


def test_credits_of_a_gif_are_in_its_xmp() -> None:
    buffer = io.BytesIO()
    images.picture(9, 9).save(buffer, "GIF")
    text = xmp("Ada", "(c) Ada")
    magic = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    block = b"\x21\xff\x0bXMP DataXMP" + text + magic
    data = buffer.getvalue()[:-1] + block + b"\x3b"
    assert kept(data, policy.GIF) == {ARTIST: "Ada", COPYRIGHT: "(c) Ada"}


@every_format
def test_images_carry_the_credits_and_nothing_else_where_they_are_kept(
    image_format: Format,
) -> None:
    data = images.encoded(
        images.picture(64, 64), image_format, exif=exif("Ada Lovelace", "(c) Ada")
    )
    for keeps, expected in (
        (recipes.Credits.KEEP, {ARTIST: "Ada Lovelace", COPYRIGHT: "(c) Ada"}),
        (recipes.Credits.DROP, {}),
    ):
        _, picture = transformed(data, image_format, replace(BARE, credits=keeps))
        assert dict(picture.getexif()) == expected
        assert not picture.getexif().get_ifd(0x8825)
