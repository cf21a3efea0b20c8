"""AVIF and HEIF: what their boxes say of the primary picture."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from safelight_contract import policy
from safelight_contract.facts import Removed
from safelight_contract.job import ExitCode
from safelight_processor import icc
from safelight_processor.errors import ImageRejected
from safelight_processor.header import Crop, Data, Header
from safelight_processor.headers import boxes, budgets, exif, kinds, xmp
from safelight_processor.headers.boxes import Box, Container, Item

_SEQUENCE_BRANDS: Final = frozenset({b"avis", b"msf1", b"hevc", b"hevx", b"hevm", b"hevs"})
_UNREAD_KINDS: Final = frozenset(
    {b"iden", b"iovl", b"unci", b"tili", b"mski", b"jpeg", b"j2k1", b"av01", b"avc1", b"vvc1"},
)
"""Pictures in a HEIF file that libheif has code for and no phone writes: its critical faults of
2026 (CVE-2026-84383 and its like) were there, so they never reach it."""
_CODED_KINDS: Final = frozenset({b"hvc1", b"hev1", b"av01", b"grid"})
_ALPHA: Final = frozenset(
    {b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1"},
)
_APPLE_GAIN_MAP: Final = b"urn:com:apple:photo:2020:aux:hdrgainmap"
_C2PA_UUID: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP_TYPE: Final = b"application/rdf+xml"
_SUBSAMPLINGS: Final = {(1, 1): "4:2:0", (1, 0): "4:2:2", (0, 0): "4:4:4"}
_HEVC_CHROMA: Final = {1: "4:2:0", 2: "4:2:2", 3: "4:4:4"}
_MAX_TILES_TO_PICTURE: Final = 2
"""By how much the tiles of a grid may exceed the picture; those at its edges stick out."""

_FROM_ANGLE: Final = {0: 1, 1: 8, 2: 3, 3: 6}
_MIRRORED: Final = {
    (1, 0): 4,
    (1, 1): 2,
    (8, 0): 5,
    (8, 1): 7,
    (3, 0): 2,
    (3, 1): 4,
    (6, 0): 7,
    (6, 1): 5,
}
"""The orientation as EXIF counts it, after irot and then imir about an axis."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is to be done with the coded picture."""

    coded: tuple[int, int]
    crop: Crop | None = None
    orientation: int = 1


@dataclass(frozen=True, slots=True)
class _Coding:
    """How the pixels are coded."""

    bits: int = 8
    is_grey: bool = False
    subsampling: str | None = None


def read_avif(data: Data) -> Header:
    """See `headers.read_header`."""
    container = boxes.read(data)
    if container.major_brand in _SEQUENCE_BRANDS and container.tracks:
        return _sequence(data, container)
    header, shape = _still(data, container)
    size = shape.coded
    if shape.crop is not None:
        left, top, right, bottom = shape.crop
        size = right - left, bottom - top
    return replace(
        header,
        size=size,
        coded_size=shape.coded,
        crop=shape.crop,
        orientation=shape.orientation,
    )


def read_heif(data: Data) -> Header:
    """See `headers.read_header`."""
    container = boxes.read(data)
    unread = {item.kind for item in container.items.values()} & _UNREAD_KINDS
    if unread:
        raise ImageRejected(
            ExitCode.UNSUPPORTED_FORMAT,
            "it holds a picture that is coded or composed in a way that is not accepted",
        )
    header, shape = _still(data, container)
    width, height = shape.coded
    if shape.crop is not None:
        left, top, right, bottom = shape.crop
        width, height = right - left, bottom - top
    is_lying = shape.orientation > 4  # noqa: PLR2004 - from 5 on it lies on its side
    frames = _frames(container) if container.major_brand in _SEQUENCE_BRANDS else 1
    budgets.check_size(shape.coded, frames)
    return replace(
        header,
        format=policy.HEIF,
        size=(height, width) if is_lying else (width, height),
        coded_size=shape.coded,
        frames=frames,
    )


def _still(data: Data, container: Container) -> tuple[Header, _Shape]:
    """Return what is said of the primary picture; the size in the header is not final."""
    primary = container.items.get(container.primary or 0)
    if container.primary is None or primary is None:
        raise ImageRejected(ExitCode.CORRUPT_IMAGE, "its header names no picture")
    shape = _shape(data, primary)
    budgets.check_size(shape.coded)
    _check_tiles(data, container, shape)
    tiles = container.referred(b"dimg", container.primary)
    first = container.items.get(tiles[0], Item()) if tiles else Item()
    coding = _coding(data, (*primary.properties, *first.properties))
    # A grid's tiles tell the colours where the grid itself does not.
    told = any(box.name == b"colr" for box in primary.properties)
    coloured = primary.properties if told else first.properties
    profile, is_hdr, is_embedded = _colour(data, coloured, is_grey=coding.is_grey)
    found, gain_map, is_extra = _metadata(data, container)
    if is_embedded:
        found.add(Removed.ICC_PROFILE)
    header = Header(
        format=policy.AVIF,
        size=shape.coded,
        is_cropped=shape.crop is not None,
        is_turned=shape.orientation != 1,
        profile=profile,
        is_hdr=is_hdr,
        bits=coding.bits,
        has_alpha=any(_aux_type(data, item) in _ALPHA for item in _auxiliary(container)),
        is_grey=coding.is_grey,
        subsampling=coding.subsampling,
        extra_pictures=is_extra,
        gain_map=gain_map,
        metadata=frozenset(found),
    )
    return header, shape


def _sequence(data: Data, container: Container) -> Header:
    """Return what is said of an animated AVIF, which its decoder reads from the tracks."""
    track = next((each for each in container.tracks if each.handler == b"pict"), None)
    if track is None:
        raise ImageRejected(ExitCode.CORRUPT_IMAGE, "its header names no picture")
    frames = max(1, _frames(container))
    budgets.check_size(track.size, frames)
    shape = _transformed(data, track.properties, track.size)
    coding = _coding(data, track.properties)
    profile, is_hdr, is_embedded = _colour(data, track.properties, is_grey=coding.is_grey)
    return Header(
        format=policy.AVIF,
        size=track.size,
        orientation=shape.orientation,
        is_turned=shape.orientation != 1,
        profile=profile,
        is_hdr=is_hdr,
        bits=coding.bits,
        has_alpha=any(each.handler == b"auxv" for each in container.tracks),
        is_grey=coding.is_grey,
        subsampling=coding.subsampling,
        frames=frames,
        metadata=frozenset({Removed.ICC_PROFILE} if is_embedded else ()),
    )


def _frames(container: Container) -> int:
    return max((each.samples for each in container.tracks if each.handler != b"soun"), default=0)


def _shape(data: Data, item: Item) -> _Shape:
    for box in item.properties:
        if box.name == b"ispe":
            width, height = struct.unpack(
                ">II", bytes(data[box.start + 4 : box.start + 12]).rjust(8, b"\0")
            )
            return _transformed(data, item.properties, (width, height))
    return _Shape((0, 0))


def _transformed(data: Data, properties: Iterable[Box], size: tuple[int, int]) -> _Shape:
    """Read clap, irot and imir, which apply in this order (MIAF, ISO/IEC 23000-22, 7.3.6.7)."""
    found = {box.name: bytes(data[box.start : box.end]) for box in properties}
    crop = _crop(found[b"clap"], size) if b"clap" in found else None
    orientation = _FROM_ANGLE[found.get(b"irot", b"\0")[:1].ljust(1, b"\0")[0] & 3]
    if b"imir" in found:
        axis = found[b"imir"][:1].ljust(1, b"\0")[0] & 1
        orientation = _MIRRORED[orientation, axis]
    return _Shape(size, None if crop == (0, 0, *size) else crop, orientation)


def _crop(clean_aperture: bytes, size: tuple[int, int]) -> Crop:
    """Return what is to be shown of a picture of this size.

    Raises:
        ImageRejected: it is not made of whole pixels of the picture, so that showing more than
            was meant could not be avoided.
    """
    sides: list[tuple[int, int]] = []
    numbers = struct.unpack(">IIIIiIiI", clean_aperture[:32].ljust(32, b"\0"))
    for side, (length, divisor), (shift, shift_divisor) in (
        (size[0], numbers[0:2], numbers[4:6]),
        (size[1], numbers[2:4], numbers[6:8]),
    ):
        if not divisor or not shift_divisor or length % divisor:
            break
        kept = length // divisor
        start, rest = divmod(2 * shift + (side - kept) * shift_divisor, 2 * shift_divisor)
        if rest or kept < 1 or start < 0 or start + kept > side:
            break
        sides.append((start, start + kept))
    else:
        (left, right), (top, bottom) = sides
        return left, top, right, bottom
    raise ImageRejected(ExitCode.CORRUPT_IMAGE, "its clean aperture is not made of whole pixels")


def _check_tiles(data: Data, container: Container, shape: _Shape) -> None:
    """Refuse a grid whose tiles have far more pixels than the picture, and such an alpha."""
    width, height = shape.coded
    for item in (container.primary or 0, *_alpha_items(data, container)):
        found = container.items.get(item, Item())
        total = _pixels(data, found)
        tiles = container.referred(b"dimg", item)
        total += sum(_pixels(data, container.items.get(tile, Item())) for tile in tiles)
        if total > policy.MAX_PIXELS + _MAX_TILES_TO_PICTURE * width * height:
            raise budgets.too_large("its parts have far more pixels than it shows")


def _pixels(data: Data, item: Item) -> int:
    width, height = _shape(
        data, Item(properties=[b for b in item.properties if b.name == b"ispe"])
    ).coded
    return width * height


def _alpha_items(data: Data, container: Container) -> list[int]:
    found = container.referring(b"auxl", container.primary or 0)
    return [n for n in found if _aux_type(data, container.items.get(n, Item())) in _ALPHA]


def _auxiliary(container: Container) -> list[Item]:
    """Return the items that belong to the primary picture: alpha, depth, gain map."""
    found = container.referring(b"auxl", container.primary or 0)
    return [container.items[number] for number in found if number in container.items]


def _aux_type(data: Data, item: Item) -> bytes:
    for box in item.properties:
        if box.name == b"auxC":
            return bytes(data[box.start + 4 : box.end]).split(b"\0")[0]
    return b""


def _coding(data: Data, properties: Iterable[Box]) -> _Coding:
    """Read the depth and the channels from the codec's configuration, the depth also from pixi."""
    found: dict[bytes, bytes] = {}
    for box in properties:
        found.setdefault(box.name, bytes(data[box.start : min(box.end, box.start + 32)]))
    coding = _Coding()
    if len(av1 := found.get(b"av1C", b"")) > 3:  # noqa: PLR2004 - the configuration's length
        flags = av1[2]
        bits = (12 if flags & 0x20 else 10) if flags & 0x40 else 8
        is_grey = bool(flags & 0x10)
        subsampling = None if is_grey else _SUBSAMPLINGS.get((flags >> 3 & 1, flags >> 2 & 1))
        coding = _Coding(bits, is_grey, subsampling)
    elif len(hevc := found.get(b"hvcC", b"")) > 18:  # noqa: PLR2004 - up to both depths
        chroma = hevc[16] & 3
        coding = _Coding((hevc[17] & 7) + 8, chroma == 0, _HEVC_CHROMA.get(chroma))
    if len(depths := found.get(b"pixi", b"")) > 5:  # noqa: PLR2004 - version, count, first depth
        coding = replace(coding, bits=depths[5])
    return coding


def _colour(
    data: Data,
    properties: Iterable[Box],
    *,
    is_grey: bool,
) -> tuple[bytes | None, bool, bool]:
    """Return the profile, whether it is HDR, and whether it is embedded.

    An ICC profile decides; without one the code points do (MIAF, 7.3.6.4).
    """
    code_points = None
    for box in properties:
        if box.name != b"colr":
            continue
        kind = bytes(data[box.start : box.start + 4])
        if kind in {b"prof", b"rICC"}:
            is_whole = box.end - box.start - 4 <= budgets.MAX_PROFILE_BYTES
            return bytes(data[box.start + 4 : box.end]) if is_whole else None, False, True
        if kind == b"nclx":
            code_points = bytes(data[box.start + 4 : box.start + 8])
    if code_points is None or len(code_points) < 4:  # noqa: PLR2004 - two numbers of two bytes
        return None, False, False
    primaries, transfer = struct.unpack(">HH", code_points)
    profile = icc.from_code_points(primaries, transfer, is_grey=is_grey)
    return profile, icc.is_hdr(transfer), False


def _metadata(data: Data, container: Container) -> tuple[set[Removed], bool, bool]:
    """Return the kinds of metadata, whether there is a gain map, and further pictures."""
    found: set[Removed] = set()
    gain_map = False
    for item in container.items.values():
        if item.kind == b"Exif":
            found |= kinds.of_exif(exif.parse(_exif_block(boxes.content(data, item))))
        elif item.kind == b"mime" and item.content_type == _XMP_TYPE:
            found.add(Removed.XMP)
            gain_map = gain_map or xmp.tells_of_gain_map(boxes.content(data, item))
        elif item.kind == b"tmap":
            gain_map = True
        gain_map = gain_map or _aux_type(data, item) == _APPLE_GAIN_MAP
    if any(name == b"thmb" for name, _, _ in container.references):
        found.add(Removed.THUMBNAIL)
    if _C2PA_UUID in container.uuids:
        found.add(Removed.C2PA)
    is_extra = _has_other_pictures(data, container)
    if is_extra or gain_map:
        found.add(Removed.EXTRA_PICTURES)
    return found, gain_map, is_extra


def _exif_block(content: bytes) -> bytes:
    """Return the EXIF block of an item: four bytes before it tell where its header starts."""
    return content[4 + int.from_bytes(content[:4], "big") :]


def credit_blocks(data: Data) -> tuple[bytes | None, bytes | None]:
    """Return the EXIF block and the XMP text of a file."""
    container = boxes.read(data)
    block = text = None
    for item in container.items.values():
        if item.kind == b"Exif" and block is None:
            block = _exif_block(boxes.content(data, item))
        elif item.kind == b"mime" and item.content_type == _XMP_TYPE and text is None:
            text = boxes.content(data, item)
    return block, text


def _has_other_pictures(data: Data, container: Container) -> bool:
    """Say whether there are pictures that are no part of the primary one."""
    parts = {number for name, _, to in container.references if name == b"dimg" for number in to}
    parts |= {number for name, number, _ in container.references if name == b"thmb"}
    parts |= set(_alpha_items(data, container))
    parts.add(container.primary or 0)
    others = (item for number, item in container.items.items() if number not in parts)
    return any(item.kind in _CODED_KINDS for item in others)
