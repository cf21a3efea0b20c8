"""AVIF and HEIF whose boxes lie, or repeat themselves without end."""

import struct
import time

import pytest
from PIL import Image

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_contract.policy import Format
from safelight_processor.errors import ImageRejected
from safelight_processor.headers import bitstreams, boxes, read_header
from tests.support import bmff, images

both = pytest.mark.parametrize("image_format", [policy.AVIF, policy.HEIF], ids=lambda f: f.name)


def rejection(data: bytes, image_format: Format) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        read_header(data, image_format)
    return caught.value


def test_grid_of_far_more_pixels_than_it_shows_is_refused() -> None:
    """A small picture of one tile that is told again and again."""
    items = 120
    infos = struct.pack(">IH", 0, items + 1) + b"".join(
        bmff.box(b"infe", struct.pack(">IHH4sB", 2 << 24, n, 0, b"av01" if n > 1 else b"grid", 0))
        for n in range(1, items + 2)
    )
    references = bytes(4) + bmff.box(
        b"dimg", struct.pack(f">HH{items}H", 1, items, *range(2, items + 2))
    )
    sizes = [bmff.box(b"ispe", struct.pack(">III", 0, *size)) for size in ((64, 64), (7000, 7000))]
    associations = struct.pack(">II", 0, items + 1) + b"".join(
        struct.pack(">HBB", n, 1, 1 if n == 1 else 2) for n in range(1, items + 2)
    )
    properties = bmff.box(b"ipco", b"".join(sizes)) + bmff.box(b"ipma", associations)
    meta = bytes(4) + b"".join(
        bmff.box(name, content)
        for name, content in (
            (b"pitm", struct.pack(">IH", 0, 1)),
            (b"iinf", infos),
            (b"iref", references),
            (b"iprp", properties),
        )
    )
    data = bmff.box(b"ftyp", b"avif\0\0\0\0avif") + bmff.box(b"meta", meta)
    assert rejection(data, policy.AVIF).code == ExitCode.IMAGE_TOO_LARGE


@both
@pytest.mark.parametrize(
    "filler",
    [bmff.box(b"free", b"") * 2_500_000, bmff.box(b"meta", bytes(4)) * 1_600_000],
    ids=["empty", "nested"],
)
def test_absurdly_many_boxes_are_refused_soon(image_format: Format, filler: bytes) -> None:
    data = bmff.box(b"ftyp", b"avif\0\0\0\0avif") + filler
    start = time.process_time()
    assert rejection(data, image_format).code == ExitCode.IMAGE_TOO_LARGE
    assert time.process_time() - start < 1


@both
def test_stream_with_far_more_pixels_than_its_box_says_is_refused(
    image_format: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decoder would make all of them: 256 million in 4 KB, where a box says 64x64."""
    monkeypatch.setattr(policy, "MAX_PIXELS", 100_000)
    data = images.encoded(Image.new("L", (400, 300), 90), image_format)
    place = data.index(b"ispe") + 8
    lying = data[:place] + struct.pack(">II", 64, 64) + data[place + 8 :]
    refused = rejection(lying, image_format)
    assert refused.code == ExitCode.IMAGE_TOO_LARGE


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (64, 48), (333, 1001)], ids=str)
def test_size_in_a_stream_is_read(mode: str, size: tuple[int, int]) -> None:
    data = images.encoded(images.picture(*size, mode), policy.AVIF)
    item = boxes.read(data).items[1]
    assert bitstreams.av1_size(boxes.content(data, item)) == size
    data = images.encoded(images.picture(*size, mode), policy.HEIF)
    item = boxes.read(data).items[1]
    found = next(box for box in item.properties if box.name == b"hvcC")
    told = bitstreams.hevc_size(data[found.start : found.end], boxes.content(data, item))
    assert all(0 <= coded - side < 64 for coded, side in zip(told, size, strict=True))


def test_size_in_the_stream_of_an_animation_is_read() -> None:
    frames = [Image.new("RGB", (640, 480), (9, 90, 9))]
    data = images.encoded(
        images.picture(640, 480), policy.AVIF, save_all=True, append_images=frames, speed=10
    )
    track = boxes.read(data).tracks[0]
    assert bitstreams.av1_size(data[track.start :]) == track.size == (640, 480)


@pytest.mark.parametrize(
    "stream",
    [b"", b"\xff" * 5000, bytes(5000), b"\x0a\xff" * 2500],
    ids=["nothing", "ones", "zeros", "endless"],
)
def test_junk_is_no_stream(stream: bytes) -> None:
    bitstreams.av1_size(stream)
    bitstreams.hevc_size(stream, stream)


def full(name: bytes, content: bytes, version: int = 0) -> bytes:
    return bmff.box(name, struct.pack(">I", version << 24) + content)


def infos(kind: bytes, count: int) -> bytes:
    entries = (
        full(b"infe", struct.pack(">HH4s", n + 1, 0, kind) + b"\0application/rdf+xml\0", 2)
        for n in range(count)
    )
    return full(b"iinf", struct.pack(">H", count) + b"".join(entries))


REPEATED = {
    "extents of no bytes": infos(b"av01", 2000)
    + full(b"iloc", b"\0\0" + struct.pack(">H", 2000) + struct.pack(">HHH", 1, 0, 65535) * 2000),
    "associations": infos(b"av01", 1)
    + bmff.box(
        b"iprp",
        bmff.box(b"ipco", full(b"ispe", bytes(8)))
        + full(b"ipma", struct.pack(">I", 2000) + (b"\0\1\xff" + b"\1" * 255) * 2000) * 30,
    ),
    "items on top of each other": infos(b"mime", 1900)
    + full(
        b"iloc",
        b"\x44\0"
        + struct.pack(">H", 1900)
        + b"".join(struct.pack(">HHHII", n + 1, 0, 1, 0, 2**31) for n in range(1900)),
    )
    + full(b"pitm", b"\0\1")
    + bmff.box(b"free", b"hdrg" * 500_000),
    "one tile again and again": infos(b"grid", 2)
    + full(b"pitm", b"\0\1")
    + full(b"iref", bmff.box(b"dimg", struct.pack(">HH", 1, 65535) + b"\0\2" * 65535) * 100),
}


@both
@pytest.mark.parametrize("meta", REPEATED.values(), ids=REPEATED)
def test_what_is_repeated_costs_no_time(image_format: Format, meta: bytes) -> None:
    data = bmff.box(b"ftyp", b"heic\0\0\0\0heic") + full(b"meta", meta)
    start = time.process_time()
    rejection(data, image_format)
    assert time.process_time() - start < 1
