from pathlib import Path

import pytest
from PIL import Image, ImageCms

from tests.bench.processor import originals, score
from tests.support import images, photos


@pytest.fixture
def original(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photos.photo(480, 320, orientation=6))
    return path


@pytest.fixture
def references(tmp_path: Path) -> Path:
    path = tmp_path / "references"
    path.mkdir()
    return path


def test_scores_grow_with_the_quality(original: Path, references: Path, tmp_path: Path) -> None:
    ideal = score.reference(original, (160, 240), references)
    found = []
    for quality in (20, 60, 95):
        image = tmp_path / f"{quality}.jpg"
        with Image.open(ideal) as opened:
            opened.save(image, quality=quality)
        found.append(score.examine(original, references, "", image)["score"])
    assert found == sorted(found)
    assert len(set(found)) == 3


def test_the_reference_is_upright(original: Path, references: Path) -> None:
    with Image.open(score.reference(original, (160, 240), references)) as opened:
        assert opened.size == (160, 240)
        colours = opened.getpixel((2, 2)), opened.getpixel((157, 237))
    assert colours[0] != colours[1]


def test_the_reference_itself_scores_highest(original: Path, references: Path) -> None:
    ideal = score.reference(original, (160, 240), references)
    told = score.examine(original, references, "", ideal)
    assert told["score"] == pytest.approx(100)
    assert (told["width"], told["height"], told["format"]) == (160, 240, "png")


def test_metadata_that_was_left_is_seen(original: Path, references: Path) -> None:
    assert score.examine(original, references, "", original)["metadata"]


def test_other_colours_are_compared_in_srgb(references: Path, tmp_path: Path) -> None:
    picture = images.picture(160, 120)
    plain, tagged = tmp_path / "plain.png", tmp_path / "tagged.png"
    picture.save(plain)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    picture.save(tagged, icc_profile=profile.tobytes())
    assert score.examine(plain, references, "", tagged)["score"] > 90


def test_the_same_seed_gives_the_same_noise() -> None:
    first, again, other = (originals.grain((600, 520), 3.0, seed) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_what_is_cut_out_is_clear_outside_and_opaque_in_the_middle() -> None:
    alpha = originals.with_alpha(images.picture(640, 480)).getchannel("A")
    assert alpha.getpixel((2, 2)) == 0
    assert alpha.getpixel((320, 400)) == 255
