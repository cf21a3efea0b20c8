import json
from pathlib import Path

import pytest

from safelight_contract import recipe
from safelight_contract.recipe import Recipe
from safelight_local import paths
from tests.bench.processor import engines, goals
from tests.bench.processor.tasks import ENCODERS, TASKS, Task

SOURCE = Path("photo with spaces.jpg")
TARGET = Path("out")
BY_KEY = {task.key: task for task in (*TASKS, *ENCODERS)}
OURS = engines.safelight(Path("python"), goals.FAST, "0", engine=recipe.Engine.AUTO)
SHARP = engines.sharp(Path("node"), Path("node_modules"), "0")
MAGICK = engines.magick(Path("convert"), "0")


def recipe_of(task: Task, settings: dict[str, int]) -> Recipe:
    command = OURS.command(task, SOURCE, TARGET, settings)
    return Recipe.decode(command[command.index("--recipe") + 1])


@pytest.mark.parametrize("key", BY_KEY)
def test_our_recipe_asks_for_exactly_the_outputs_of_the_task(key: str) -> None:
    task = BY_KEY[key]
    told = recipe_of(task, {"image": 80, "variants": 78})
    asked = {(each.width, word) for each in told.variants for word in each.formats}
    assert asked == {(o.width, o.format) for o in task.outputs if o.width is not None}
    assert told.format == task.outputs[0].format


def test_our_settings_are_the_scores_of_the_recipe() -> None:
    told = recipe_of(BY_KEY["b"], {"image": 81, "variants": 77})
    assert told.quality == 81
    assert {each.quality for each in told.variants} == {77}


def test_a_peer_is_told_every_output_with_the_setting_of_its_format() -> None:
    command = SHARP.command(BY_KEY["c"], SOURCE, TARGET, {"jpeg": 1, "webp": 2, "avif": 3})
    told = json.loads(command[-1])
    qualities = {(each["format"], each["quality"]) for each in told["outputs"]}
    assert qualities == {("jpeg", 1), ("webp", 2), ("avif", 3)}
    assert len(told["outputs"]) == 9
    assert told["source"] == str(SOURCE)


def test_imagemagick_makes_the_largest_first_and_each_once() -> None:
    command = MAGICK.command(BY_KEY["b"], SOURCE, TARGET, {"jpeg": 83, "webp": 84})
    written = [word for word in command if word.startswith("out/")]
    assert written == [f"out/{output.file}" for output in BY_KEY["b"].outputs]
    assert written[0] == "out/main.jpg"
    assert command.count("-write") == len(written) - 1


def test_every_setting_has_a_first_guess_within_its_bounds() -> None:
    for engine in (OURS, SHARP, MAGICK):
        for task in filter(engine.can, BY_KEY.values()):
            wanted = {engine.setting_of(output) for output in task.outputs} - {None}
            guess = engine.guess(task)
            assert set(guess) == wanted
            low, high = engine.bounds
            assert all(low <= value <= high for value in guess.values())


def test_what_an_engine_cannot_write_it_is_not_asked_for() -> None:
    assert not MAGICK.can(BY_KEY["c"])
    assert not MAGICK.can(BY_KEY["avif"])
    assert MAGICK.can(BY_KEY["webp"])
    mozjpeg = engines.sharp(Path("n"), Path("m"), "0", "moz", mozjpeg=True, tasks="a")
    assert [key for key in BY_KEY if mozjpeg.can(BY_KEY[key])] == ["a", "jpeg"]


def test_ours_is_run_as_in_its_container() -> None:
    dockerfile = (paths.ROOT / "processor_image" / "Dockerfile").read_text()
    assert engines.OURS
    for name, value in engines.OURS.items():
        assert f" {name}={value}\n" in dockerfile or f" {name}={value} " in dockerfile
