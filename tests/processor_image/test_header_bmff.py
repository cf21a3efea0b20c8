"""AVIF and HEIF: what the boxes say is what is seen."""

import io
import struct

import pytest
from PIL import Image

from safelight_contract import policy
from safelight_contract.facts import Removed
from safelight_contract.job import ExitCode
from safelight_contract.policy import Format
from safelight_processor.decode import decode
from safelight_processor.errors import ImageRejected
from safelight_processor.headers import read_header
from safelight_processor.pixels import turn_upright
from tests.processor_image.helpers import mean_difference
from tests.support import bmff, images

both = pytest.mark.parametrize("image_format", [policy.AVIF, policy.HEIF], ids=lambda f: f.name)


def shown(data: bytes, image_format: Format) -> Image.Image:
    """Return the picture upright and in RGB."""
    header = read_header(data, image_format)
    image = turn_upright(decode(data, header).image, header.orientation)
    assert image.size == header.upright_size
    return image.convert("RGB")


def rejection(data: bytes, image_format: Format) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        read_header(data, image_format)
    return caught.value


@both
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_size_and_channels_are_told(image_format: Format, mode: str) -> None:
    header = read_header(images.encoded(images.picture(40, 30, mode), image_format), image_format)
    assert header.format is image_format
    assert header.size == (40, 30)
    assert header.is_grey is (mode == "L")
    assert header.has_alpha is (mode == "RGBA")
    assert (header.bits, header.frames, header.orientation) == (8, 1, 1)
    assert header.subsampling == (None if mode == "L" else "4:2:0")
    assert header.profile is None
    assert header.metadata == set()


@both
@pytest.mark.parametrize("quarters", [None, 0, 1, 2, 3])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_turned_and_mirrored_as_the_boxes_say(
    image_format: Format, quarters: int | None, axis: int | None
) -> None:
    """Turned against the clock first, then mirrored (ISO/IEC 23008-12, 6.5.10 and 6.5.12)."""
    picture = images.picture(64, 48)
    expected = picture
    added = []
    if quarters is not None:
        added.append(bmff.rotation(quarters))
        expected = expected.rotate(90 * quarters, expand=True)
    if axis is not None:
        added.append(bmff.mirror(axis))
        flip = Image.Transpose.FLIP_LEFT_RIGHT if axis else Image.Transpose.FLIP_TOP_BOTTOM
        expected = expected.transpose(flip)
    data = bmff.with_properties(images.encoded(picture, image_format, quality=90), *added)
    assert mean_difference(shown(data, image_format), expected) < 3
    header = read_header(data, image_format)
    assert header.is_turned is ((quarters or 0, axis) != (0, None))


def test_what_an_avif_cuts_off_is_not_seen() -> None:
    """Pillow ignores the box, and would show what a user has cut off."""
    picture = images.picture(64, 48)
    data = images.encoded(picture, policy.AVIF, quality=95, subsampling="4:4:4")
    # The middle of what is left is 6 pixels to the right of, and 5 above, the picture's.
    data = bmff.with_properties(data, bmff.clean_aperture(32, 20, (12, -10)), bmff.rotation(1))
    header = read_header(data, policy.AVIF)
    assert header.crop == (22, 9, 54, 29)
    assert header.is_cropped
    assert header.size == (32, 20)
    assert header.coded_size == (64, 48)
    expected = picture.crop((22, 9, 54, 29)).rotate(90, expand=True)
    assert mean_difference(shown(data, policy.AVIF), expected) < 3


def test_what_a_heif_cuts_off_is_not_seen() -> None:
    """Encoders fill up to whole blocks, and cut that off again in this way."""
    data = images.encoded(images.picture(40, 30), policy.HEIF)
    header = read_header(data, policy.HEIF)
    assert header.is_cropped
    assert header.crop is None
    assert header.coded_size == (64, 64)
    assert mean_difference(shown(data, policy.HEIF), images.picture(40, 30)) < 5


@pytest.mark.parametrize(
    "aperture",
    [
        bmff.clean_aperture(31, 20, (0, 0)),
        bmff.clean_aperture(63, 40, (0, 0), divisor=2),
        bmff.clean_aperture(32, 20, (100, 0)),
        bmff.clean_aperture(66, 20, (0, 0)),
        bmff.clean_aperture(0, 20, (0, 0)),
        bmff.clean_aperture(32, 20, (0, 0), divisor=0),
        bmff.box(b"clap", b""),
    ],
    ids=["half a pixel", "half a pixel more", "outside", "larger", "empty", "by zero", "cut short"],
)
def test_crop_that_cannot_be_made_exactly_is_refused(aperture: bytes) -> None:
    data = bmff.with_properties(images.photo(64, 48, policy.AVIF), aperture)
    assert rejection(data, policy.AVIF).code == ExitCode.CORRUPT_IMAGE


@both
@pytest.mark.parametrize("orientation", range(2, 9))
def test_exif_orientation_turns_nothing_twice(image_format: Format, orientation: int) -> None:
    """The boxes alone count, as in browsers; encoders make them of EXIF's orientation."""
    upright = images.picture(64, 48)
    stored = images.as_stored(upright, orientation)
    data = images.encoded(stored, image_format, exif=images.exif(orientation), quality=90)
    assert mean_difference(shown(data, image_format), upright) < 3
    header = read_header(data, image_format)
    assert {Removed.EXIF, Removed.GPS} <= header.metadata


def test_orientation_in_xmp_alone_does_not_count() -> None:
    xmp = b'<x tiff:Orientation="6"/>'
    data = images.encoded(images.picture(64, 48), policy.AVIF, xmp=xmp)
    header = read_header(data, policy.AVIF)
    assert header.orientation == 1
    assert header.metadata == {Removed.XMP}


@both
def test_profile_is_told(image_format: Format) -> None:
    image = images.picture(64, 48)
    profile = image.info["icc_profile"] = images.display_p3()
    data = images.encoded(image, image_format)
    header = read_header(data, image_format)
    assert header.profile == profile
    assert Removed.ICC_PROFILE in header.metadata


@both
@pytest.mark.parametrize(
    ("primaries", "transfer", "has_profile", "is_hdr"),
    [(1, 13, False, False), (12, 13, True, False), (9, 16, True, True), (9, 18, True, True)],
    ids=["sRGB", "Display P3", "PQ", "HLG"],
)
def test_code_points_become_a_profile(
    image_format: Format,
    primaries: int,
    transfer: int,
    has_profile: bool,  # noqa: FBT001 - a parameter of a test
    is_hdr: bool,  # noqa: FBT001 - a parameter of a test
) -> None:
    data = images.photo(64, 48, image_format)
    header = read_header(bmff.with_code_points(data, primaries, transfer), image_format)
    assert (header.profile is not None, header.is_hdr) == (has_profile, is_hdr)
    assert Removed.ICC_PROFILE not in header.metadata


def test_primary_picture_is_taken_where_it_is_not_the_first() -> None:
    import pillow_heif  # noqa: PLC0415 - only for this format

    other, primary = images.picture(64, 48), images.picture(48, 64)
    file = pillow_heif.from_pillow(other)
    file.add_from_pillow(primary)
    buffer = io.BytesIO()
    file.save(buffer, primary_index=1)
    data = buffer.getvalue()
    header = read_header(data, policy.HEIF)
    assert header.size == (48, 64)
    assert header.extra_pictures
    assert Removed.EXTRA_PICTURES in header.metadata
    assert mean_difference(shown(data, policy.HEIF), primary) < 5


@both
@pytest.mark.parametrize("size", [(17_000, 17_000), (10_000, 5_001), (2**31, 1), (0, 30)], ids=str)
def test_size_is_refused_by_the_header(image_format: Format, size: tuple[int, int]) -> None:
    data = bytearray(images.photo(64, 64, image_format))
    place = data.index(b"ispe") + 8
    struct.pack_into(">II", data, place, *size)
    expected = ExitCode.IMAGE_TOO_LARGE if 0 not in size else ExitCode.CORRUPT_IMAGE
    assert rejection(bytes(data), image_format).code == expected


def test_size_that_the_pixels_have_not_is_refused() -> None:
    """Of HEIF; libavif resizes the pixels to what the box says."""
    data = bytearray(images.photo(64, 64, policy.HEIF))
    struct.pack_into(">II", data, data.index(b"ispe") + 8, 64, 32)
    header = read_header(bytes(data), policy.HEIF)
    with pytest.raises(ImageRejected) as caught:
        decode(bytes(data), header)
    assert caught.value.code == ExitCode.CORRUPT_IMAGE


@both
@pytest.mark.parametrize("part", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_truncated_file_is_refused(image_format: Format, part: float) -> None:
    data = images.photo(200, 150, image_format)
    cut = data[: int(len(data) * part)]
    with pytest.raises(ImageRejected) as caught:
        decode(cut, read_header(cut, image_format))
    assert caught.value.code == ExitCode.CORRUPT_IMAGE


@pytest.mark.parametrize("kind", [b"iden", b"iovl", b"unci", b"tili", b"jpeg", b"av01"])
def test_picture_that_no_phone_writes_never_reaches_libheif(kind: bytes) -> None:
    data = images.photo(64, 48, policy.HEIF)
    assert data.count(b"hvc1") == 1
    refused = rejection(data.replace(b"hvc1", kind), policy.HEIF)
    assert refused.code == ExitCode.UNSUPPORTED_FORMAT


def test_frames_of_an_animated_avif_are_counted() -> None:
    frames = [Image.new("RGB", (40, 30), (n * 40, 90, 9)) for n in range(1, 5)]
    data = images.encoded(images.picture(40, 30), policy.AVIF, save_all=True, append_images=frames)
    header = read_header(data, policy.AVIF)
    assert (header.size, header.frames, header.is_animated) == ((40, 30), 5, True)


def test_animated_avif_that_is_cut_is_refused() -> None:
    frames = [Image.new("RGB", (40, 30), (9, 90, 9))]
    data = images.encoded(images.picture(40, 30), policy.AVIF, save_all=True, append_images=frames)
    # A box of the track's description that is as long is turned into the one that cuts.
    start = data.index(b"stsd")
    pasp = data.find(b"ccst", start)
    assert pasp > 0
    longer = bmff.clean_aperture(20, 20, (0, 0))
    size = int.from_bytes(data[pasp - 4 : pasp], "big")
    assert size == 16
    entry = data.index(b"av01", start) - 4
    changed = bytearray(data[: pasp - 4] + longer + data[pasp - 4 + size :])
    for place in (entry, start - 4):
        length = int.from_bytes(changed[place : place + 4], "big")
        struct.pack_into(">I", changed, place, length + len(longer) - size)
    for name in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        place = data.index(name) - 4
        length = int.from_bytes(changed[place : place + 4], "big")
        struct.pack_into(">I", changed, place, length + len(longer) - size)
    assert rejection(bytes(changed), policy.AVIF).code == ExitCode.UNSUPPORTED_FORMAT


def test_sequence_in_heif_is_refused() -> None:
    data = bytearray(images.photo(64, 48, policy.HEIF))
    data[8:12] = b"hevc"
    sizes = bmff.box(b"stsz", struct.pack(">III", 0, 0, 5))
    track = bmff.box(b"trak", bmff.box(b"mdia", bmff.box(b"minf", bmff.box(b"stbl", sizes))))
    refused = rejection(bytes(data) + bmff.box(b"moov", track), policy.HEIF)
    assert refused.code == ExitCode.UNSUPPORTED_FORMAT
    assert "sequence" in refused.detail
