import io
import zlib

import pytest
from PIL import Image

from safelight_contract import policy
from safelight_processor.encoders.rewrap import rewrapped
from safelight_processor.picture import Picture
from tests.support import file_parts, images

SIZE = (24, 16)


def png(extra_pixels: bytes = b"", after_stream: bytes = b"") -> tuple[bytes, Picture]:
    """Return a PNG of our own making, perhaps with more in it than its rows."""
    image = images.picture(*SIZE)
    rows = image.tobytes()
    stream = b"".join(b"\0" + rows[at : at + 72] for at in range(0, len(rows), 72))
    packed = zlib.compress(stream + extra_pixels, 9) + after_stream
    header = SIZE[0].to_bytes(4, "big") + SIZE[1].to_bytes(4, "big") + b"\x08\x02\0\0\0"
    parts = ((b"IHDR", header), (b"tEXt", b"a\0b"), (b"IDAT", packed), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(images.png_chunk(*part) for part in parts)
    return data, Picture.from_pillow(image)


def test_png_keeps_its_pixels_alone_and_ends_where_they_end() -> None:
    original, picture = png(after_stream=b"smuggled")
    data = rewrapped(original + b"trailing", policy.PNG, picture)
    assert data is not None
    assert list(file_parts.of(data, policy.PNG)) == ["IHDR", "IDAT", "IEND"]
    assert b"smuggled" not in data
    assert b"trailing" not in data
    with Image.open(io.BytesIO(data)) as shown:
        assert shown.tobytes() == picture.image().tobytes()


def test_png_with_more_than_its_rows_in_the_stream_is_not_kept() -> None:
    original, picture = png(extra_pixels=b"smuggled")
    assert rewrapped(original, policy.PNG, picture) is None


def test_png_that_shows_another_picture_is_not_kept() -> None:
    original, _ = png()
    other = Picture.from_pillow(Image.new("RGB", SIZE))
    assert rewrapped(original, policy.PNG, other) is None


@pytest.mark.parametrize("trailing", [b"", b"smuggled words"])
def test_webp_without_loss_is_kept_unless_something_trails(trailing: bytes) -> None:
    image = images.picture(*SIZE)
    made = images.encoded(image, policy.WEBP, lossless=True, exact=True)
    at = made.index(b"VP8L")
    length = int.from_bytes(made[at + 4 : at + 8], "little")
    content = made[at + 8 : at + 8 + length] + trailing
    chunk = b"VP8L" + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)
    original = b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk
    data = rewrapped(original, policy.WEBP, Picture.from_pillow(image))
    assert (data is None) == bool(trailing)


def test_jpeg_is_never_kept() -> None:
    image = images.picture(*SIZE)
    original = images.encoded(image, policy.JPEG)
    assert rewrapped(original, policy.JPEG, Picture.from_pillow(image)) is None
