import io

import pytest
from PIL import Image

from safelight_contract import policy
from safelight_processor.webp import FirstFrame, is_lossless
from tests.support import images


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("exif", [b"", images.exif(1)], ids=["plain", "extended"])
@pytest.mark.parametrize("frames", [1, 3])
def test_kind_of_compression_is_told(
    lossless: bool,  # noqa: FBT001 - a parameter of a test
    mode: str,
    exif: bytes,
    frames: int,
) -> None:
    more = [Image.new(mode, (40, 30), (n, 200, 9)) for n in range(1, frames)]
    data = images.encoded(
        images.picture(40, 30, mode),
        policy.WEBP,
        lossless=lossless,
        exif=exif,
        save_all=frames > 1,
        append_images=more,
    )
    assert is_lossless(io.BytesIO(data)) is lossless


@pytest.mark.parametrize("length", [0, 4, 12, 16, 20, 40])
def test_cut_file_is_not_lossless_and_ends(length: int) -> None:
    data = images.encoded(images.picture(40, 30), policy.WEBP, exif=images.exif(1))
    source = io.BytesIO(data[:length])
    source.seek(3)
    assert not is_lossless(source)
    assert source.tell() == 3


def test_decoder_is_let_go_with_the_first_frame() -> None:
    """Its canvases are half of all memory that a WebP needs."""
    picture = FirstFrame(io.BytesIO(images.photo(40, 30, policy.WEBP)))
    assert hasattr(picture, "_decoder")
    picture.load()
    assert not hasattr(picture, "_decoder")
    assert picture.getpixel((0, 0)) is not None
