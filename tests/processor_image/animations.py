"""Animations to test with, encoded by Pillow or byte by byte, and what is shown of them."""

import io
import struct
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageSequence

from safelight_contract import policy
from safelight_contract.policy import Format
from tests.support import images

RED, GREEN, BLUE, CLEAR = (250, 0, 0, 255), (0, 250, 0, 255), (0, 0, 250, 255), (0, 0, 0, 0)
KINDS = (policy.GIF, policy.WEBP, policy.PNG, policy.AVIF)
Shown = list[tuple[Image.Image, float]]


def drawn(size: tuple[int, int] = (40, 30), mode: str = "RGBA") -> list[Image.Image]:
    """Return three pictures that differ in a square."""
    found = []
    for place, colour in enumerate((RED, GREEN, BLUE)):
        picture = Image.new("RGBA", size, (200, 190, 180, 255))
        picture.paste(colour, (8 * place, 4, 8 * place + 8, 12))
        found.append(picture.convert(mode))
    return found


def photos(size: tuple[int, int], count: int = 3) -> list[Image.Image]:
    """Return pictures in which every pixel differs from the one before."""
    wide = images.picture(size[0] + 8 * count, size[1])
    noise = Image.effect_noise(wide.size, 40)
    wide = Image.blend(wide, Image.merge("RGB", [noise] * 3), 0.2)
    return [wide.crop((8 * n, 0, 8 * n + size[0], size[1])) for n in range(count)]


def animated(frames: Sequence[Image.Image], kind: Format, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's options are of any type
    """Return an animation by Pillow's encoder, 100 ms a frame."""
    first, *others = frames
    settings = {"duration": 100, "append_images": others, "save_all": True} | options
    if kind is policy.WEBP:
        settings = {"lossless": True} | settings
    return images.encoded(first, kind, **settings)


def shown(data: bytes) -> Shown:
    """Return every frame as RGBA, with its milliseconds."""
    with Image.open(io.BytesIO(data)) as opened:
        return [
            (frame.convert("RGBA"), float(frame.info.get("duration", 0)))
            for frame in ImageSequence.Iterator(opened)
        ]


def loops(data: bytes) -> int:
    """Return how often it is played; 0: for ever."""
    with Image.open(io.BytesIO(data)) as opened:
        return int(opened.info["loop"])


def gif(
    size: tuple[int, int],
    parts: Sequence[tuple[bytes, bytes]],
    loop: bytes = b"",
    palette: Sequence[tuple[int, ...]] = (RED, GREEN, BLUE, CLEAR),
) -> bytes:
    """Return a GIF with four colours from control extensions and pictures."""
    table = b"".join(bytes(colour[:3]) for colour in palette)
    head = b"GIF89a" + struct.pack("<HHBBB", *size, 0x81, 0, 0) + table + loop
    return head + b"".join(control + picture for control, picture in parts) + b";"


def gif_control(afterwards: int, delay: int = 10, transparent: int | None = 3) -> bytes:
    """Return what is said of the next picture: what becomes of it, and when."""
    flags = afterwards << 2 | (transparent is not None)
    return struct.pack("<BBBBHBB", 0x21, 0xF9, 4, flags, delay, transparent or 0, 0)


def gif_picture(place: tuple[int, int], size: tuple[int, int], colour: int) -> bytes:
    """Return a rectangle of one colour, in codes that never become longer."""
    codes: list[int] = []
    for _ in range(size[0] * size[1]):
        # Clearing the table before every pixel keeps all codes at 3 bits.
        codes += [4, colour]
    codes.append(5)
    bits = sum(code << 3 * n for n, code in enumerate(codes))
    raw = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
    blocks = b"".join(
        bytes([len(raw[n : n + 255])]) + raw[n : n + 255] for n in range(0, len(raw), 255)
    )
    return struct.pack("<BHHHHB", 0x2C, *place, *size, 0) + b"\x02" + blocks + b"\0"


def apng(
    mode: str,
    parts: Sequence[tuple[Image.Image, tuple[int, int], int, int]],
    *,
    frames: int | None = None,
    extra: bytes = b"",
    default: Image.Image | None = None,
) -> bytes:
    """Return an APNG of rectangles: pixels, place, disposal and blending of each."""

    def pixels(image: Image.Image) -> bytes:
        data = images.encoded(image.convert(mode), policy.PNG)
        position, found = 8, b""
        while position < len(data):
            size, name = struct.unpack_from(">I4s", data, position)
            found += data[position + 8 : position + 8 + size] if name == b"IDAT" else b""
            position += 12 + size
        return found

    size = (default or parts[0][0]).size
    colour = {"L": 0, "RGB": 2, "RGBA": 6}[mode]
    chunks = [
        b"\x89PNG\r\n\x1a\n",
        images.png_chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, colour, 0, 0, 0)),
        extra,
        images.png_chunk(b"acTL", struct.pack(">II", frames or len(parts), 0)),
    ]
    if default is not None:
        chunks.append(images.png_chunk(b"IDAT", pixels(default)))
    number = 0
    for image, place, dispose, blend in parts:
        control = struct.pack(">5I2H2B", number, *image.size, *place, 1, 10, dispose, blend)
        chunks.append(images.png_chunk(b"fcTL", control))
        number += 1
        if default is None and number == 1:
            chunks.append(images.png_chunk(b"IDAT", pixels(image)))
        else:
            chunks.append(images.png_chunk(b"fdAT", struct.pack(">I", number) + pixels(image)))
            number += 1
    return b"".join([*chunks, images.png_chunk(b"IEND", b"")])


def plain(colour: tuple[int, ...], size: tuple[int, int] = (6, 6)) -> Image.Image:
    """Return a rectangle of one colour."""
    return Image.new("RGBA", size, colour)
