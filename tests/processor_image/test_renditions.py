import io

import pytest
from PIL import Image

from safelight_contract import keys, policy
from safelight_contract.policy import Format
from safelight_contract.recipe import ColourSpace, Fit, Recipe, Rendition
from safelight_processor import renditions
from safelight_processor.encoders import jpeg
from safelight_processor.engines import Engine
from safelight_processor.engines.pillow import PillowEngine
from safelight_processor.engines.vips import VipsEngine
from safelight_processor.headers import read_header
from safelight_processor.picture import Picture
from safelight_processor.renditions import Made, Task, Work, image_format, plan
from tests.processor_image.helpers import mean_difference
from tests.support import images, photos


def made_of(data: bytes, source: Format, recipe: Recipe) -> Made:
    header = read_header(data, source)
    engine = PillowEngine()
    picture = engine.fit(data, header, header.upright_size, recipe.colour)
    task = Task(header=header, original=data, recipe=recipe, engine=engine, space=ColourSpace.SRGB)
    return Work(picture, task).make()


def levels_of(variants: tuple[Rendition, ...], size: tuple[int, int], **facts: bool) -> list[str]:
    has_alpha = facts.get("has_alpha", False)
    found = plan(variants, size, policy.JPEG, 80, has_alpha=has_alpha)
    return [f"{level.name} {level.size[0]}x{level.size[1]}" for level in found]


def test_levels_go_from_the_largest_downwards_and_none_is_enlarged() -> None:
    assert levels_of(Recipe().variants, (1300, 2600)) == [
        "w1280 1280x2560",
        "w640 640x1280",
        "w320 320x640",
    ]
    assert levels_of(Recipe().variants, (320, 100)) == []


def test_box_with_two_sides_is_kept_within() -> None:
    assert levels_of((Rendition("boxed", 400, 100),), (1000, 1000)) == ["boxed 100x100"]


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1000, 500), ["square 200x200"]), ((1000, 150), []), ((200, 200), []), ((200, 201), [])],
    ids=str,
)
def test_covering_box_is_filled_or_left_out(size: tuple[int, int], expected: list[str]) -> None:
    square = Rendition("square", 200, 200, Fit.COVER)
    assert levels_of((square,), size) == expected


def test_formats_without_alpha_are_left_out_for_pictures_with_it() -> None:
    both = (Rendition("both", 100, formats=("same", "webp")), Rendition("one", 50))
    found = plan(both, (300, 300), policy.JPEG, 80, has_alpha=True)
    assert [(level.name, level.formats) for level in found] == [("both", (policy.WEBP,))]


def test_same_and_its_own_name_is_one_format() -> None:
    twice = (Rendition("twice", 100, formats=("same", "jpeg")),)
    assert plan(twice, (300, 300), policy.JPEG, 80, has_alpha=False)[0].formats == (policy.JPEG,)


@pytest.mark.parametrize(
    ("source", "wanted", "has_alpha", "expected"),
    [
        (policy.HEIF, "same", False, policy.JPEG),
        (policy.HEIF, "same", True, policy.WEBP),
        (policy.PNG, "jpeg", True, policy.PNG),
        (policy.PNG, "jpeg", False, policy.JPEG),
        (policy.GIF, "same", True, policy.WEBP),
    ],
)
def test_format_of_the_image_can_hold_it(
    source: Format,
    wanted: str,
    has_alpha: bool,  # noqa: FBT001 - a parameter of a test
    expected: Format,
) -> None:
    assert image_format(Recipe(format=wanted), source, has_alpha=has_alpha) is expected


def test_photo_becomes_an_image_and_smaller_variants() -> None:
    data = photos.photo(900, 600)
    made = made_of(data, policy.JPEG, Recipe())
    assert made.image.name == keys.MAIN
    assert len(made.image.data) <= len(data)
    files = [(file.file_name, file.width, file.height) for file in made.variants]
    assert files == [
        *(("w640.avif", 640, 427), ("w640.jpg", 640, 427)),
        *(("w320.avif", 320, 213), ("w320.jpg", 320, 213)),
    ]
    assert all(len(file.data) < len(made.image.data) for file in made.variants)
    assert set(made.versions) == {"pyjpegli", "avif"}
    assert made.thumbhash
    assert made.dominant_colour
    shown = Image.open(io.BytesIO(made.variants[0].data)).convert("RGB").resize((90, 60))
    whole = Image.open(io.BytesIO(made.image.data)).convert("RGB").resize((90, 60))
    assert mean_difference(shown, whole) < 3


@pytest.mark.parametrize("mode", ["L", "RGB", "YCbCr"])
@pytest.mark.parametrize("engine", [PillowEngine(), VipsEngine()], ids=["pillow", "vips"])
@pytest.mark.parametrize("has_jpegli", [True, False])
def test_two_lanes_write_what_one_would_have_written(
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    engine: Engine,
    has_jpegli: bool,  # noqa: FBT001 - a parameter of a test
) -> None:
    """Whichever file is done first, and whatever they share."""
    if not has_jpegli:
        monkeypatch.setattr(jpeg, "_is_there", lambda coder: coder is jpeg.Coder.TURBO)
    formats = ("same", "avif", "webp")
    sizes = (Rendition("large", 320, formats=formats), Rendition("small", 80, formats=formats))
    recipe = Recipe(variants=sizes, alternatives=("webp", "avif"))
    shown = images.picture(400, 300).convert(mode)
    header = read_header(images.encoded(images.picture(410, 310), policy.JPEG), policy.JPEG)
    task = Task(header=header, original=b"", recipe=recipe, engine=engine, space=ColourSpace.SRGB)

    def files() -> list[tuple[str, bytes]]:
        made = Work(Picture.from_pillow(shown), task).make()
        return [(file.file_name, file.data) for file in (made.image, *made.variants)]

    found = [files() for _ in range(10)]
    monkeypatch.setattr(renditions, "in_two_lanes", lambda orders, work: [*map(work, orders)])
    assert found == [files()] * 10
    assert len(found[0]) > 6


def test_variant_that_is_not_smaller_in_bytes_is_dropped() -> None:
    """A drawing in two colours is tiny; made smaller, its edges have many."""
    drawing = Image.new("L", (400, 400), 255)
    drawing.paste(0, (37, 41, 363, 359))
    data = images.encoded(drawing, policy.PNG)
    made = made_of(data, policy.PNG, Recipe(variants=(Rendition("w", 399, formats=("avif",)),)))
    assert not made.variants


def test_covering_variant_shows_the_middle() -> None:
    image = Image.new("RGB", (900, 300), "black")
    image.paste("white", (300, 0, 600, 300))
    data = images.encoded(image, policy.PNG)
    square = Rendition("square", 100, 100, Fit.COVER, formats=("jpeg",))
    tall = Rendition("strip", 450)
    made = made_of(data, policy.PNG, Recipe(variants=(square, tall), format="jpeg"))
    (shown,) = (file for file in made.variants if file.name == "square")
    assert min(Image.open(io.BytesIO(shown.data)).convert("L").crop((2, 2, 98, 98)).tobytes()) > 240


def test_opaque_alpha_does_not_keep_a_picture_from_being_a_jpeg() -> None:
    image = images.picture(300, 200)
    image.putalpha(255)
    made = made_of(images.encoded(image, policy.PNG), policy.PNG, Recipe(format="jpeg"))
    assert made.image.format is policy.JPEG
