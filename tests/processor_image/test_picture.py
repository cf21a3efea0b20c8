import pytest
from PIL import Image

from safelight_processor.picture import CHANNELS, MODES, Mode, Picture
from tests.support import images


@pytest.mark.parametrize("mode", MODES)
def test_raw_and_image_are_the_same_pixels(mode: Mode) -> None:
    image = images.picture(31, 17, mode)
    from_image = Picture.from_pillow(image)
    from_raw = Picture.from_raw(mode, (31, 17), image.tobytes())
    assert from_image.raw == from_raw.raw == image.tobytes()
    assert from_image.image().tobytes() == from_raw.image().tobytes() == image.tobytes()
    assert len(from_image.raw) == 31 * 17 * CHANNELS[mode]
    assert {(p.mode, p.size) for p in (from_image, from_raw)} == {(mode, (31, 17))}
    assert from_image.has_alpha == mode.endswith("A")


def test_memory_is_taken_without_a_copy() -> None:
    raw = memoryview(bytearray(12))
    assert Picture.from_raw("RGB", (2, 2), raw).raw is raw
    image = Image.new("RGB", (2, 2))
    assert Picture.from_pillow(image).image() is image


@pytest.mark.parametrize("size", [(2, 1), (3, 2)], ids=str)
def test_wrong_number_of_bytes_is_a_bug(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="are not"):
        Picture.from_raw("RGB", size, bytes(12))


def test_other_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="CMYK"):
        Picture.from_pillow(Image.new("CMYK", (2, 2)))


def test_planes_of_a_jpeg_reach_its_encoder_as_they_are() -> None:
    planes = images.picture(31, 17).convert("YCbCr")
    picture = Picture.from_pillow(planes)
    assert picture.mode == "RGB"
    assert picture.jpeg_image() is planes
    assert picture.image().mode == "RGB"
    assert picture.raw == planes.convert("RGB").tobytes()
    # Else the bytes of a JPEG would depend on what was encoded before it, or meanwhile.
    assert picture.jpeg_image() is planes


def test_nothing_but_pixels_is_handed_on() -> None:
    image = Image.new("RGB", (2, 2))
    image.info["exif"] = b"secret"
    assert Picture.from_pillow(image).image().info == {}
