import json
from typing import Any

import pytest

from safelight_contract import policy
from safelight_contract.recipe import (
    MAX_FILES,
    Animation,
    ColourSpace,
    Credits,
    Engine,
    Fit,
    Profile,
    Recipe,
    RecipeError,
    Rendition,
)

OTHER = Recipe(
    accepted=("jpeg", "heic"),
    format="webp",
    alternatives=("avif",),
    quality=70,
    variants=(
        Rendition("thumb", 200, 200, Fit.COVER, ("webp", "jpeg"), 60),
        Rendition("w1000", 1000),
    ),
    animation=Animation.REFUSE,
    colour=ColourSpace.DISPLAY_P3,
    credits=Credits.KEEP,
    profile=Profile.SMALL,
    engine=Engine.PILLOW,
)


@pytest.mark.parametrize("recipe", [Recipe(), OTHER, Recipe(variants=())])
def test_a_recipe_comes_out_as_it_went_in(recipe: Recipe) -> None:
    assert Recipe.decode(recipe.encode()) == recipe


def test_what_is_not_said_is_as_by_default() -> None:
    assert Recipe.decode("{}") == Recipe()
    assert Recipe.decode('{"quality": 75.0}') == Recipe(quality=75)
    assert [v.width for v in Recipe().variants] == [320, 640, 1280, 1920]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ([], "recipe must be an object"),
        ({"sharpen": 1}, "recipe has no field sharpen"),
        ({"accepted": []}, "recipe.accepted must be a list of different words of jpeg, png"),
        ({"accepted": ["tiff"]}, "recipe.accepted must be a list of different words of"),
        ({"accepted": ["png", "png"]}, "recipe.accepted must be a list of different words of"),
        ({"accepted": [["png"]]}, "recipe.accepted must be a list of different words of"),
        ({"format": "gif"}, "recipe.format must be one of same, jpeg, png, webp, avif"),
        ({"format": ["png"]}, "recipe.format must be one of"),
        ({"alternatives": ["same"]}, "recipe.alternatives must be a list of different words"),
        ({"quality": 96}, "recipe.quality must be a whole number from 40 to 95"),
        ({"quality": True}, "recipe.quality must be a whole number"),
        ({"quality": 79.5}, "recipe.quality must be a whole number"),
        ({"profile": "best"}, "recipe.profile must be one of fast, small"),
        ({"profile": ["fast"]}, "recipe.profile must be one of fast, small"),
        ({"variants": {}}, "recipe.variants must be a list"),
        ({"variants": ["w320"]}, r"recipe.variants\[0\] must be an object"),
        ({"variants": [{"name": "a"}]}, r"recipe.variants\[0\].width must be set"),
        ({"variants": [{"width": 9}]}, r"recipe.variants\[0\].name must match"),
        ({"variants": [{"name": "A", "width": 9}]}, r"recipe.variants\[0\].name must match"),
        ({"variants": [{"name": "image", "width": 9}]}, "name must not be 'image'"),
        ({"variants": [{"name": "a", "width": 0}]}, "width must be a whole number from 1"),
        (
            {"variants": [{"name": "a", "width": 9, "fit": "cover"}]},
            "height must be set: a box to cover has two sides",
        ),
        ({"variants": [{"name": "a", "width": 9}] * 2}, "variants must have different names"),
        (
            {"variants": [{"name": f"v{n}", "width": 9} for n in range(MAX_FILES + 1)]},
            "at most 32 files",
        ),
    ],
)
def test_a_malformed_recipe_is_refused_with_the_place(told: Any, message: str) -> None:  # noqa: ANN401 - JSON of any type
    with pytest.raises(RecipeError, match=message):
        Recipe.decode(json.dumps(told))


def test_a_recipe_that_is_no_json_is_refused() -> None:
    with pytest.raises(RecipeError, match="the recipe is no JSON"):
        Recipe.decode("{")


def test_only_what_is_listed_is_accepted() -> None:
    assert OTHER.accepts(policy.HEIF)
    assert not OTHER.accepts(policy.GIF)
    assert all(Recipe().accepts(known) for known in policy.FORMATS)


def named(recipe: Recipe, source: policy.Format) -> list[str]:
    return [f"{name}.{made.extension}" for name, made in recipe.files(source)]


def test_every_file_that_may_be_written_is_told() -> None:
    recipe = Recipe(variants=(Rendition("w320", 320, formats=("avif", "same")),))
    assert named(recipe, policy.JPEG) == ["image.jpg", "w320.avif", "w320.jpg"]
    assert named(recipe, policy.AVIF) == ["image.avif", "w320.avif"]
    assert named(recipe, policy.GIF) == ["image.webp", "w320.avif", "w320.webp"]
    assert named(recipe, policy.HEIF) == [
        "image.jpg",
        "image.webp",
        "w320.avif",
        "w320.jpg",
        "w320.webp",
    ]


def test_the_image_itself_may_be_written_in_further_formats() -> None:
    recipe = Recipe(alternatives=("avif", "jpeg"), variants=())
    assert named(recipe, policy.JPEG) == ["image.jpg", "image.avif"]
    assert named(recipe, policy.PNG) == ["image.png", "image.avif", "image.jpg"]


def test_one_format_for_all_leaves_the_family_for_what_it_cannot_hold() -> None:
    recipe = Recipe(format="jpeg", variants=(Rendition("small", 320),))
    assert named(recipe, policy.PNG) == ["image.jpg", "image.png", "small.jpg", "small.png"]
