import io

import pytest
from PIL import Image, ImageFilter

from safelight_contract import policy
from safelight_contract.policy import Format
from safelight_contract.recipe import Profile
from safelight_processor.difference import difference, seen
from safelight_processor.picture import Picture
from safelight_processor.quality import TYPICAL, damage, quality
from tests.support import images

LOSSY = [policy.JPEG, policy.WEBP, policy.AVIF]


def grain(width: int, height: int, amount: float) -> Image.Image:
    noise = Image.merge("RGB", [Image.effect_noise((width, height), 30) for _ in range(3)])
    return Image.blend(images.picture(width, height), noise, amount)


def test_difference_grows_with_what_is_lost() -> None:
    image = grain(256, 192, 0.4)
    found = []
    for q in (95, 80, 50, 20):
        lossy = io.BytesIO(images.encoded(image, policy.JPEG, quality=q))
        found.append(difference(seen(image), seen(Image.open(lossy).convert("RGB"))))
    assert difference(seen(image), seen(image)) == pytest.approx(0, abs=1e-6)
    assert found == sorted(found)
    assert found[0] > 0


def test_blurred_picture_suffers_less_than_a_sharp_one() -> None:
    sharp = grain(400, 300, 0.5)
    blurred = sharp.filter(ImageFilter.GaussianBlur(4))
    assert damage(Picture.from_pillow(blurred)) < damage(Picture.from_pillow(sharp)) - 0.3


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_every_kind_of_picture_can_be_measured_from_memory_as_from_pillow(mode: str) -> None:
    image = images.picture(300, 200, mode)
    packed = Picture.from_raw(Picture.from_pillow(image).mode, image.size, image.tobytes())
    assert damage(packed) == damage(Picture.from_pillow(image))


def test_picture_too_small_to_measure_is_taken_for_a_typical_one() -> None:
    assert damage(Picture.from_pillow(images.picture(63, 500))) == TYPICAL


def test_picture_of_one_colour_suffers_least() -> None:
    assert damage(Picture.from_pillow(Image.new("RGB", (300, 200), "teal"))) <= 0


@pytest.mark.parametrize("image_format", LOSSY, ids=lambda f: f.name)
def test_quality_grows_with_the_score_and_the_damage_within_bounds(image_format: Format) -> None:
    def needed(score: int, found: float) -> int:
        return quality(image_format, "RGB", Profile.FAST, score, found)

    by_score = [needed(score, TYPICAL) for score in range(40, 96)]
    assert by_score == sorted(by_score)
    by_damage = [needed(80, found / 10) for found in range(-10, 30)]
    assert by_damage == sorted(by_damage)
    assert 30 <= by_damage[0] < by_damage[-1] <= 98


def test_grey_jpeg_has_the_scale_of_the_encoder_that_writes_it() -> None:
    colour, grey = (quality(policy.JPEG, mode, Profile.FAST, 70, 0.3) for mode in ("RGB", "L"))
    assert colour != grey
