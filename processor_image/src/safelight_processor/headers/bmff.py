"""AVIF and HEIF: what their boxes say of the primary picture."""

from dataclasses import replace
from typing import Final

from safelight_contract import policy
from safelight_contract.facts import Removed
from safelight_contract.job import ExitCode
from safelight_processor.errors import ImageRejected
from safelight_processor.header import Data, Header
from safelight_processor.headers import bitstreams, boxes, budgets, exif, kinds, xmp
from safelight_processor.headers.codings import coding_of, colour_of
from safelight_processor.headers.containers import Container, Item
from safelight_processor.headers.shapes import Shape, coded_size, shape_of, transformed

_SEQUENCE_BRANDS: Final = frozenset({b"avis", b"msf1", b"hevc", b"hevx", b"hevm", b"hevs"})
_UNREAD_KINDS: Final = frozenset(
    {b"iden", b"iovl", b"unci", b"tili", b"mski", b"jpeg", b"j2k1", b"av01", b"avc1", b"vvc1"},
)
"""Pictures in a HEIF file that libheif has code for and no phone writes: its critical faults of
2026 (CVE-2026-84383 and its like) were there, so they never reach it."""
_HEVC_KINDS: Final = frozenset({b"hvc1", b"hev1"})
_CODED_KINDS: Final = _HEVC_KINDS | {b"av01", b"grid"}
_ALPHA: Final = frozenset(
    {b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1"},
)
_APPLE_GAIN_MAP: Final = b"urn:com:apple:photo:2020:aux:hdrgainmap"
_C2PA_UUID: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_METADATA_KINDS: Final = frozenset({b"Exif", b"mime"})
_XMP_TYPE: Final = b"application/rdf+xml"
_MAX_STREAM_BYTES: Final = 64 * 1024
"""How much of a picture's stream is looked at; its headers are at its start."""
_MAX_TYPE_BYTES: Final = 100
_MAX_METADATA_ITEMS: Final = 8
"""How many EXIF and XMP items are looked at; the names of others are enough."""
_MAX_TILES_TO_PICTURE: Final = 2
"""By how much the tiles of a grid may exceed the picture; those at its edges stick out."""


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
        raise _unsupported("it holds a picture that is coded or composed in an unusual way")
    if container.major_brand in _SEQUENCE_BRANDS and _frames(container) > 1:
        raise _unsupported("it is a sequence of pictures in HEIF")
    header, shape = _still(data, container)
    width, height = shape.coded
    if shape.crop is not None:
        left, top, right, bottom = shape.crop
        width, height = right - left, bottom - top
    is_lying = shape.orientation > 4  # noqa: PLR2004 - from 5 on it lies on its side
    return replace(
        header,
        format=policy.HEIF,
        size=(height, width) if is_lying else (width, height),
        coded_size=shape.coded,
    )


def _still(data: Data, container: Container) -> tuple[Header, Shape]:
    """Return what is said of the primary picture; the size in the header is not final."""
    primary = container.items.get(container.primary or 0)
    if container.primary is None or primary is None:
        raise ImageRejected(ExitCode.CORRUPT_IMAGE, "its header names no picture")
    shape = shape_of(data, primary)
    budgets.check_size(shape.coded)
    _check_tiles(data, container, shape)
    tiles = container.referred(b"dimg", container.primary)
    first = container.items.get(tiles[0], Item()) if tiles else Item()
    coding = coding_of(data, (*primary.properties, *first.properties))
    # A grid's tiles tell the colours where the grid itself does not.
    told = any(box.name == b"colr" for box in primary.properties)
    coloured = primary.properties if told else first.properties
    profile, is_hdr, is_embedded = colour_of(data, coloured, is_grey=coding.is_grey)
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
    coded = bitstreams.av1_size(bytes(data[track.start : track.start + _MAX_STREAM_BYTES]))
    if coded != (0, 0):
        budgets.check_size(coded, frames)
    shape = transformed(data, track.properties, track.size)
    if shape.crop is not None:
        raise _unsupported("it is an animation that shows only a part of each of its pictures")
    coding = coding_of(data, track.properties)
    profile, is_hdr, is_embedded = colour_of(data, track.properties, is_grey=coding.is_grey)
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


def _unsupported(what: str) -> ImageRejected:
    return ImageRejected(ExitCode.UNSUPPORTED_FORMAT, f"{what}, which is not accepted")


def _frames(container: Container) -> int:
    return max((each.samples for each in container.tracks if each.handler != b"soun"), default=0)


def _check_tiles(data: Data, container: Container, shape: Shape) -> None:
    """Refuse a grid whose tiles have far more pixels than the picture, and such an alpha."""
    width, height = shape.coded
    for item in (container.primary or 0, *_alpha_items(data, container)):
        found = container.items.get(item, Item())
        total = _pixels(data, found)
        tiles = container.referred(b"dimg", item)
        # One tile may be named a thousand times.
        each = {tile: _pixels(data, container.items.get(tile, Item())) for tile in set(tiles)}
        total += sum(each[tile] for tile in tiles)
        if total > policy.MAX_PIXELS + _MAX_TILES_TO_PICTURE * width * height:
            raise budgets.too_large("its parts have far more pixels than it shows")


def _pixels(data: Data, item: Item) -> int:
    """Return how many pixels an item has: what its boxes or its stream says, whichever is more."""
    said = coded_size(data, item)
    coded = (0, 0)
    stream = boxes.content(data, item, _MAX_STREAM_BYTES)
    if item.kind == b"av01":
        coded = bitstreams.av1_size(stream)
    elif item.kind in _HEVC_KINDS:
        found = next((box for box in item.properties if box.name == b"hvcC"), None)
        if found is not None:
            end = min(found.end, found.start + _MAX_STREAM_BYTES)
            coded = bitstreams.hevc_size(bytes(data[found.start : end]), stream)
    return max(width * height for width, height in (said, coded))


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
            return bytes(data[box.start + 4 : min(box.end, box.start + _MAX_TYPE_BYTES)]).split(
                b"\0"
            )[0]
    return b""


def _metadata(data: Data, container: Container) -> tuple[set[Removed], bool, bool]:
    """Return the kinds of metadata, whether there is a gain map, and further pictures."""
    found: set[Removed] = set()
    gain_map = False
    looked_at = 0
    for item in container.items.values():
        looked_at += item.kind in _METADATA_KINDS
        if looked_at > _MAX_METADATA_ITEMS:
            break
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
