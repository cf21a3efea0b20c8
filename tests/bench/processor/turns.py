"""Runs the engines: first for equal quality, then in turns for what they take."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypedDict

from safelight_local import paths
from tests.bench.processor import equal, spawn
from tests.bench.processor.engines import ONE_THREAD, Engine
from tests.bench.processor.equal import Probe
from tests.bench.processor.goals import Totals
from tests.bench.processor.spawn import ProgramError, Usage
from tests.bench.processor.tasks import EXTENSIONS, LOSSLESS, Output, Task

TARGET: Final = 80.0
"""The score that all lossy images are brought to."""
_SETTINGS: Final = "settings.json"
_SLOW: Final = 5.0
"""Seconds of CPU: whatever takes longer runs once a round; its own noise is small."""


class Image(TypedDict):
    """What `score` tells of an image."""

    file: str
    format: str
    width: int
    height: int
    bytes: int
    score: float
    metadata: bool


@dataclass(frozen=True, slots=True)
class Solved:
    """An engine's way to the target for one original."""

    settings: Mapping[str, int]
    scores: Mapping[str, float]
    """Reached with these settings, by setting."""
    size: float
    """Bytes of all images, at exactly the target."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs engines on originals."""

    photos: Path
    """The folder of the originals."""
    tool: Path | None
    """ssimulacra2_rs; None: scores are SSIM."""
    references: Path
    """A folder for the pictures to compare with, and for scores."""
    known: dict[str, dict[str, int]] = field(default_factory=dict)
    """Settings of earlier tasks and runs, by engine, original and format: where to begin."""

    def remember(self) -> None:
        """Take the settings of the run before, if there was one."""
        with contextlib.suppress(OSError, ValueError):
            self.known.update(json.loads((self.references / _SETTINGS).read_text()))

    def note(self) -> None:
        """Leave the settings to the next run."""
        (self.references / _SETTINGS).write_text(json.dumps(self.known))

    def solve(
        self,
        task: Task,
        engines: Sequence[Engine],
    ) -> dict[tuple[str, str], Solved]:
        """Find for every engine and original the settings that give the target.

        Several run at the same time: nothing is measured here.

        Raises:
            ProgramError: an engine failed, or made other images than it was asked for.
        """
        pairs = [(engine, original) for engine in engines for original in task.originals]
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            found = pool.map(lambda pair: self._solve(task, *pair), pairs)
            return {
                (engine.name, original): solved
                for (engine, original), solved in zip(pairs, found, strict=True)
            }

    def _solve(self, task: Task, engine: Engine, original: str) -> Solved:
        place = f"{engine.name}/{original}/{task.outputs[0].format}"
        known = self.known.setdefault(place, {})
        settings = {name: known.get(name, value) for name, value in engine.guess(task).items()}
        probes: dict[str, list[Probe]] = {name: [] for name in settings}
        while True:
            images = self.images(task, engine, original, settings)
            for name, setting in settings.items():
                probes[name].append(_probe(engine, task, images, name, setting))
            following = {
                name: equal.next_setting(tried, TARGET, engine.bounds)
                for name, tried in probes.items()
            }
            if all(setting is None for setting in following.values()):
                break
            # What has arrived is not encoded anew with another setting for nothing.
            settings = {
                name: equal.closest(probes[name], TARGET).setting if setting is None else setting
                for name, setting in following.items()
            }
        best = {name: equal.closest(tried, TARGET) for name, tried in probes.items()}
        known |= {name: probe.setting for name, probe in best.items()}
        lossless = [image for image in images if image["format"] in LOSSLESS]
        return Solved(
            {name: probe.setting for name, probe in best.items()},
            {name: probe.score for name, probe in best.items()}
            | {image["format"]: image["score"] for image in lossless},
            sum(image["bytes"] for image in lossless)
            + sum(equal.size_at(tried, TARGET) for tried in probes.values()),
        )

    def images(
        self,
        task: Task,
        engine: Engine,
        original: str,
        settings: Mapping[str, int],
    ) -> list[Image]:
        """Have an engine make the images of a task, and examine them.

        Raises:
            ProgramError: it failed, or made other images than it was asked for.
        """
        with tempfile.TemporaryDirectory() as folder:
            self._run(task, engine, original, settings, Path(folder), is_alone=False)
            files = sorted(
                str(path)
                for path in Path(folder).iterdir()
                if path.suffix.removeprefix(".") in EXTENSIONS.values()
            )
            images = self._examined(original, files)
        wanted = sorted(output.format for output in task.outputs)
        if sorted(image["format"] for image in images) != wanted:
            made = ", ".join(image["file"] for image in images)
            raise ProgramError(f"{engine.name} made for task {task.key}: {made or 'nothing'}")
        return images

    def _run(
        self,
        task: Task,
        engine: Engine,
        original: str,
        settings: Mapping[str, int],
        folder: Path,
        *,
        is_alone: bool,
    ) -> Usage:
        command = engine.command(task, self.photos / original, folder, settings)
        environment = ONE_THREAD | dict(engine.environment)
        return spawn.run(command, folder / "log", environment, is_alone=is_alone)

    def _examined(self, original: str, files: Sequence[str]) -> list[Image]:
        arguments = [str(self.photos / original), str(self.references), str(self.tool or "")]
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.processor.score", *arguments, *files],
            cwd=paths.ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ProgramError(f"scoring failed: {done.stderr[-800:]}")
        images: list[Image] = json.loads(done.stdout)
        return images

    def rounds(
        self,
        task: Task,
        engines: Sequence[Engine],
        solved: Mapping[tuple[str, str], Solved],
        *,
        rounds: int,
        repeats: int,
    ) -> Iterator[dict[str, Totals]]:
        """Measure the engines in turns; yield for each round what every one took.

        Args:
            task: what they make.
            engines: that take turns, so that whatever disturbs the machine disturbs all.
            solved: their settings.
            rounds: to be measured.
            repeats: in a round; the run that took the least CPU counts, which was disturbed least.
        """
        for _ in range(rounds):
            taken: dict[tuple[str, str], list[Usage]] = {}
            for original in task.originals:
                for _ in range(repeats):
                    for engine in engines:
                        before = taken.setdefault((engine.name, original), [])
                        if before and before[0].cpu > _SLOW:
                            continue
                        settings = solved[engine.name, original].settings
                        with tempfile.TemporaryDirectory() as folder:
                            usage = self._run(
                                task, engine, original, settings, Path(folder), is_alone=True
                            )
                        before.append(usage)
            yield {engine.name: _totals(engine.name, task, taken, solved) for engine in engines}


def _probe(
    engine: Engine,
    task: Task,
    images: Sequence[Image],
    name: str,
    setting: int,
) -> Probe:
    """Return what a setting gave: the mean score and all bytes of the images it is for."""
    mine = [image for image in images if name == engine.setting_of(_output(task, images, image))]
    return Probe(
        setting,
        statistics.fmean(image["score"] for image in mine),
        sum(image["bytes"] for image in mine),
    )


def _output(task: Task, images: Sequence[Image], image: Image) -> Output:
    """Return what an image was asked for as: the widest one is the main image."""
    if image["width"] == max(other["width"] for other in images):
        return next(output for output in task.outputs if output.width is None)
    return Output(image["format"], image["width"])


def _totals(
    name: str,
    task: Task,
    taken: Mapping[tuple[str, str], Sequence[Usage]],
    solved: Mapping[tuple[str, str], Solved],
) -> Totals:
    runs = [taken[name, original] for original in task.originals]
    return Totals(
        cpu=sum(min(usage.cpu for usage in each) for each in runs),
        wall=sum(min(usage.wall for usage in each) for each in runs),
        memory=max(statistics.median(usage.memory for usage in each) for each in runs),
        bytes=sum(solved[name, original].size for original in task.originals),
    )
