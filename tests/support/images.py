"""Makers of test pictures."""

import io
import struct
import zlib
from typing import Any

from PIL import Image, ImageCms

from safelight_contract import policy
from safelight_contract.policy import Format

ORIENTATION = 0x0112
_EXIF_GPS = 0x8825
_EXIF_MAKE = 0x010F
_DEGREES = {1: "N", 2: (48.0, 51.0, 29.0), 3: "E", 4: (2.0, 17.0, 40.0)}
SECRET = "Safelight-test-secret"  # noqa: S105 - a word to look for in outputs
"""The text that `with_metadata` hides in every kind of metadata."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FROM_UPRIGHT = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Return a smooth picture without any symmetry: each corner has its own colour.

    Args:
        width: pixels.
        height: pixels.
        mode: L, LA, RGB, RGBA or CMYK; an alpha channel grows from top to bottom.
    """
    corners = Image.new("RGB", (2, 2))
    for place, colour in (
        ((0, 0), (230, 40, 40)),
        ((1, 0), (40, 200, 60)),
        ((0, 1), (50, 60, 220)),
        ((1, 1), (240, 240, 220)),
    ):
        corners.putpixel(place, colour)
    smooth = corners.resize((width, height), Image.Resampling.BILINEAR)
    alpha = Image.linear_gradient("L").resize((width, height))
    match mode:
        case "LA":
            return Image.merge("LA", (smooth.convert("L"), alpha))
        case "RGBA":
            smooth.putalpha(alpha)
            return smooth
        case _:
            return smooth.convert(mode)


def encoded(image: Image.Image, image_format: Format, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's options are of any type
    """Return the picture as a file, by Pillow's encoder for this format, or by libheif's."""
    buffer = io.BytesIO()
    if image_format is policy.HEIF:
        import pillow_heif  # noqa: PLC0415 - only for this format

        pillow_heif.from_pillow(image).save(buffer, **options)
    else:
        image.save(buffer, image_format.name, **options)
    return buffer.getvalue()


def photo(width: int, height: int, image_format: Format = policy.JPEG) -> bytes:
    """Return a plain file of an accepted format with a picture of this size."""
    return encoded(picture(width, height), image_format)


def as_stored(upright: Image.Image, orientation: int) -> Image.Image:
    """Return the pixels that a camera stores along with this EXIF orientation."""
    turn = _FROM_UPRIGHT[orientation]
    return upright if turn is None else upright.transpose(turn)


def exif(orientation: int | None = None, *, make: str = SECRET) -> bytes:
    """Return an EXIF block with a camera's name, a place, and maybe an orientation."""
    block = Image.Exif()
    block[_EXIF_MAKE] = make
    block.get_ifd(_EXIF_GPS).update(_DEGREES)
    if orientation is not None:
        block[ORIENTATION] = orientation
    return block.tobytes()


def with_metadata(image: Image.Image, image_format: Format) -> bytes:
    """Return a file with `SECRET` in every kind of metadata that the format has.

    That is EXIF with GPS, XMP, an ICC profile's description, and comments or text chunks; after the
    picture's end some bytes follow that belong to nothing.
    """
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/" about="{SECRET}"/>'.encode()
    options: dict[str, Any] = {"exif": exif(1), "icc_profile": display_p3(), "xmp": xmp}
    if image_format in {policy.JPEG, policy.GIF}:
        options["comment"] = SECRET
    if image_format is policy.PNG:
        from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415 - only for this format

        text = PngInfo()
        text.add_text("Comment", SECRET)
        text.add_text("Description", SECRET, zip=True)
        text.add_itxt("Title", SECRET)
        options["pnginfo"] = text
    return encoded(image, image_format, **options) + b"PK\x03\x04" + SECRET.encode()


def display_p3() -> bytes:
    """Return an ICC profile with the primaries of Display P3 and the curve of sRGB."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for signature, colorant in (
        (b"rXYZ", (0.51512, 0.24120, -0.00105)),
        (b"gXYZ", (0.29198, 0.69225, 0.04189)),
        (b"bXYZ", (0.15710, 0.06657, 0.78407)),
    ):
        entry = profile.index(signature, 128)
        (offset,) = struct.unpack_from(">I", profile, entry + 4)
        struct.pack_into(">3i", profile, offset + 8, *(round(x * 65536) for x in colorant))
    return bytes(profile)


def cmyk_profile(cyan_lab: tuple[int, int, int] = (50, 0, 0)) -> bytes:
    """Return an ICC profile for CMYK in which pure cyan is a colour that it is nowhere else.

    White is white, anything else but pure cyan is black: enough to see that a profile was used.

    Args:
        cyan_lab: what pure cyan is, in CIELAB.
    """
    grid = [(0, 128, 128)] * 16
    grid[0b0000] = (255, 128, 128)
    lightness, green_red, blue_yellow = cyan_lab
    grid[0b1000] = (round(lightness * 2.55), green_red + 128, blue_yellow + 128)
    identity = bytes(range(256))
    table = struct.pack(">4s4xBBBx9i", b"mft1", 4, 3, 2, *(65536, 0, 0, 0, 65536, 0, 0, 0, 65536))
    table += identity * 4 + b"".join(bytes(point) for point in grid) + identity * 3
    white = struct.pack(">4s4x3i", b"XYZ ", 63190, 65536, 54061)
    text = b"cmyk"
    description = struct.pack(">4s4xI", b"desc", len(text) + 1) + text + bytes(1 + 78)
    tags = [(b"A2B0", table), (b"wtpt", white), (b"desc", description)]
    body = b""
    directory = struct.pack(">I", len(tags))
    start = 128 + 4 + 12 * len(tags)
    for signature, data in tags:
        directory += struct.pack(">4sII", signature, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + directory + body


def png_chunk(name: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG file, with its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of_size(width: int, height: int, *extra_chunks: bytes) -> bytes:
    """Return a PNG file that claims a size and has hardly any pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        (
            _PNG_SIGNATURE,
            png_chunk(b"IHDR", header),
            *extra_chunks,
            png_chunk(b"IDAT", zlib.compress(bytes(1000))),
            png_chunk(b"IEND", b""),
        ),
    )


def png(
    width: int,
    height: int,
    bit_depth: int,
    colour_type: int,
    rows: bytes,
    *extra_chunks: bytes,
) -> bytes:
    """Return a PNG file from packed rows, for what Pillow does not write.

    Args:
        width: pixels.
        height: pixels.
        bit_depth: bits for each channel.
        colour_type: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA.
        rows: all rows without their filter bytes.
        *extra_chunks: stand between header and pixels.
    """
    stride = len(rows) // height
    filtered = b"".join(b"\0" + rows[n * stride : (n + 1) * stride] for n in range(height))
    return b"".join(
        (
            _PNG_SIGNATURE,
            png_chunk(
                b"IHDR", struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, 0)
            ),
            *extra_chunks,
            png_chunk(b"IDAT", zlib.compress(filtered)),
            png_chunk(b"IEND", b""),
        ),
    )
