import builtins
from types import ModuleType

import pytest
from PIL import Image

from safelight_processor.engines.pillow import PillowEngine
from safelight_processor.picture import Picture
from safelight_processor.placeholders import dominant_colour, small, thumbhash
from tests.support import images


def test_thumbhash_is_made_of_a_large_picture_too() -> None:
    tiny = small(Picture.from_pillow(images.picture(900, 300)), PillowEngine())
    assert tiny.size == (100, 33)
    found = thumbhash(tiny)
    assert found is not None
    assert 20 <= len(found) <= 40


def test_without_its_library_there_is_no_thumbhash(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def hiding(name: str, *rest: object, **named: object) -> ModuleType:
        if name == "thumbhash":
            raise ImportError(name)
        return real(name, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", hiding)
    assert thumbhash(Picture.from_pillow(images.picture(40, 30))) is None


def test_dominant_colour_is_the_most_frequent_one_and_not_the_mean() -> None:
    image = Image.new("RGB", (40, 40), (200, 30, 30))
    image.paste((30, 30, 200), (0, 0, 40, 15))
    assert dominant_colour(Picture.from_pillow(image)) == "#c81e1e"


def test_invisible_colours_do_not_dominate() -> None:
    image = Image.new("RGBA", (40, 40), (200, 30, 30, 0))
    assert dominant_colour(Picture.from_pillow(image)) is None
    image.paste((30, 30, 200, 255), (0, 0, 4, 4))
    found = dominant_colour(Picture.from_pillow(image))
    assert found is not None
    assert found.startswith("#1e1ec")


def test_dominant_colour_of_grey_is_grey() -> None:
    assert dominant_colour(Picture.from_pillow(Image.new("L", (9, 9), 128))) == "#808080"
