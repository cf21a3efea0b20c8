"""The runner from one end to the other, on a small photo, with what is installed for tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from safelight_contract import recipe
from safelight_local import paths
from tests.bench.processor import engines, footprint, goals, report, spawn
from tests.bench.processor.spawn import ProgramError
from tests.bench.processor.tasks import Output, Task
from tests.bench.processor.turns import Runner
from tests.support import photos

PHOTO = "photo.jpg"
TASK = Task("a", "a small JPEG", (Output("jpeg"), Output("webp", 320)), (PHOTO,))
PYTHON = Path(sys.executable)
FAST = engines.safelight(PYTHON, goals.FAST, "0", engine=recipe.Engine.AUTO)
BASE = engines.safelight(PYTHON, goals.SHARP, "0", engine=recipe.Engine.PILLOW)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    (tmp_path / PHOTO).write_bytes(photos.photo(720, 480))
    references = tmp_path / "references"
    references.mkdir()
    return Runner(tmp_path, None, references)


def test_engines_are_brought_to_one_quality_measured_and_judged(runner: Runner) -> None:
    pair = (FAST, BASE)
    solved = runner.solve(TASK, pair)
    assert set(solved) == {(engine.name, PHOTO) for engine in pair}
    for found in solved.values():
        assert set(found.settings) == {"image", "variants"}
        assert found.size > 0

    rounds = list(runner.rounds(TASK, pair, solved, rounds=2, repeats=1))
    assert len(rounds) == 2
    for each in rounds:
        assert each[goals.FAST].cpu > 0
        assert each[goals.FAST].memory > 10

    lines = list(report.task_table(TASK, rounds, solved, goals.SHARP))
    assert lines[-1].startswith(f"| {goals.SHARP} |")
    assert " 1.00 |" in lines[-1]
    verdicts = list(goals.judge({"a": rounds}))
    assert len(verdicts) == 3
    assert list(report.verdicts(verdicts))[-1].count("|") == 4


def test_an_engine_that_makes_other_images_than_asked_for_stops_the_run(runner: Runner) -> None:
    never_larger = Task("a", "no such variant", (Output("jpeg"), Output("webp", 1920)), (PHOTO,))
    with pytest.raises(ProgramError, match=r"made for task a: image\.jpg$"):
        runner.images(never_larger, FAST, PHOTO, {"image": 80, "variants": 80})


def test_what_the_kernel_counted_is_the_programs_own(tmp_path: Path) -> None:
    held = "held = bytearray(96 << 20); sum(range(3_000_000))"
    # From a process as small as the benchmark's: this one has run all tests before.
    program = (
        "import sys; from pathlib import Path; from tests.bench.processor import spawn\n"
        f"used = spawn.run([sys.executable, '-c', {held!r}], Path(sys.argv[1]))\n"
        "print(used.cpu, used.wall, used.memory)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "log")]
    ended = subprocess.run(command, cwd=paths.ROOT, capture_output=True, check=True)
    used = spawn.Usage(*map(float, ended.stdout.split()))
    assert 96 < used.memory < 96 + 128
    assert 0.01 < used.cpu < 60
    assert used.wall > 0


def test_the_last_words_of_a_program_that_failed_are_told(tmp_path: Path) -> None:
    program = "import sys; sys.exit('no such picture')"
    with pytest.raises(ProgramError, match="ended with 1: no such picture"):
        spawn.run([sys.executable, "-c", program], tmp_path / "log")


def test_measuring_leaves_this_process_its_processors(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    spawn.run([sys.executable, "-c", "pass"], tmp_path / "log")
    assert os.sched_getaffinity(0) == before


def test_the_memory_of_the_default_recipe_is_measured(runner: Runner) -> None:
    assert footprint.memory(PYTHON, runner.photos / PHOTO).memory > 10


def test_a_folder_is_measured_as_a_registry_would_keep_it(tmp_path: Path) -> None:
    (tmp_path / "zeros").write_bytes(bytes(1 << 20))
    (tmp_path / "noise").write_bytes(os.urandom(1 << 20))
    assert 1 << 20 < footprint.compressed_bytes(tmp_path) < 1.1 * (1 << 20)
