"""The engines: ours by its recipe, the peers by a small program each, as their users call them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from safelight_contract import recipe
from safelight_contract.recipe import Recipe, Rendition
from tests.bench.processor import goals
from tests.bench.processor.tasks import BOX, LOSSLESS, Output, Task

PEERS: Final = Path(__file__).parent / "peers"
ONE_THREAD: Final = {
    "VIPS_CONCURRENCY": "1",
    "OMP_NUM_THREADS": "1",
    "MAGICK_THREAD_LIMIT": "1",
    "UV_THREADPOOL_SIZE": "1",
}
"""For every engine: they are compared by what an image costs, however many processors it takes."""
OURS: Final = {"MALLOC_ARENA_MAX": "1"}
"""What the processor's Dockerfile sets."""
_SETTINGS: Final = {"jpeg": 83, "webp": 84, "avif": 70}
"""First guesses: what gives a score of 80 for many photos."""
_SHARP_EFFORT: Final = 4
"""Its default."""

Command = Callable[[Task, Path, Path, Mapping[str, int]], list[str]]


@dataclass(frozen=True, slots=True)
class Engine:
    """Something that makes images.

    Its settings have names: for peers the formats, since each has a scale of its own; for ours
    `image` and `variants`, which are scores to aim at.
    """

    name: str
    command: Command = field(repr=False)
    """Of a task, the original, an empty folder, and the settings."""
    version: str
    environment: Mapping[str, str] = field(default_factory=dict)
    tasks: str = "abcd"
    formats: frozenset[str] = frozenset({"jpeg", "png", "webp", "avif"})
    """That it can write."""
    aims: bool = False
    """Its settings are scores to aim at."""
    in_tables: bool = True
    """It has a row in the comparison of encoders."""

    def setting_of(self, output: Output) -> str | None:
        """Return the name of the setting that an image depends on; None: it has no loss."""
        if output.format in LOSSLESS:
            return None
        if not self.aims:
            return output.format
        return "image" if output.width is None else "variants"

    def guess(self, task: Task) -> dict[str, int]:
        """Return the settings to try first."""
        names = {self.setting_of(output): output.format for output in task.outputs}
        default = Recipe().quality
        return {
            name: default if self.aims else _SETTINGS[image_format]
            for name, image_format in names.items()
            if name is not None
        }

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and the most of a setting."""
        return (recipe.LEAST_QUALITY, recipe.MOST_QUALITY) if self.aims else (20, 97)

    def can(self, task: Task) -> bool:
        """Say whether it takes part in a task."""
        mine = task.key in self.tasks or (task.key not in "abcd" and self.in_tables)
        return mine and {output.format for output in task.outputs} <= self.formats


def safelight(
    python: Path,
    name: str,
    version: str,
    *,
    engine: recipe.Engine,
    profile: recipe.Profile = recipe.Profile.FAST,
    tasks: str = "abcd",
    in_tables: bool = True,
) -> Engine:
    """Return our processor.

    Args:
        python: the interpreter of the environment that it is installed in.
        name: what the tables call it.
        version: likewise.
        engine: of the recipe.
        profile: of the recipe.
        tasks: that it takes part in.
        in_tables: see `Engine`.
    """

    def command(task: Task, source: Path, target: Path, settings: Mapping[str, int]) -> list[str]:
        main = next(output.format for output in task.outputs if output.width is None)
        widths = dict.fromkeys(o.width for o in task.outputs if o.width is not None)
        told = Recipe(
            format=main,
            quality=settings.get("image", Recipe().quality),
            variants=tuple(
                Rendition(f"w{w}", w, formats=task.formats, quality=settings["variants"])
                for w in widths
            ),
            engine=engine,
            profile=profile,
        )
        program = [str(python), "-m", "safelight_processor"]
        return [*program, "--recipe", told.encode(), str(source), str(target)]

    return Engine(
        name,
        command,
        version,
        environment=OURS,
        tasks=tasks,
        aims=True,
        in_tables=in_tables,
    )


def _told(
    task: Task,
    source: Path,
    target: Path,
    settings: Mapping[str, int],
    **more: object,
) -> str:
    """Return what a peer's program is told."""
    outputs = [
        {
            "file": output.file,
            "format": output.format,
            "width": output.width,
            "quality": settings.get(output.format),
        }
        for output in task.outputs
    ]
    job = {"source": str(source), "target": str(target), "box": BOX, "outputs": outputs, **more}
    return json.dumps(job)


def sharp(
    node: Path,
    modules: Path,
    version: str,
    name: str = goals.SHARP,
    *,
    mozjpeg: bool = False,
    effort: int = _SHARP_EFFORT,
    tasks: str = "abcd",
) -> Engine:
    """Return sharp, by its own defaults unless told otherwise."""

    def command(task: Task, source: Path, target: Path, settings: Mapping[str, int]) -> list[str]:
        told = _told(task, source, target, settings, mozjpeg=mozjpeg, effort=effort)
        return [str(node), str(PEERS / "sharp.cjs"), told]

    formats = frozenset({"jpeg"}) if mozjpeg else frozenset({"jpeg", "png", "webp", "avif"})
    environment = {"NODE_PATH": str(modules)}
    return Engine(name, command, version, environment, tasks=tasks, formats=formats)


def pyvips(python: Path, version: str) -> Engine:
    """Return libvips through pyvips; its effort for AVIF is sharp's lowest."""

    def command(task: Task, source: Path, target: Path, settings: Mapping[str, int]) -> list[str]:
        told = _told(task, source, target, settings, effort=0)
        return [str(python), str(PEERS / "pyvips_peer.py"), told]

    return Engine(goals.PYVIPS, command, version)


def thumbor(python: Path, version: str) -> Engine:
    """Return thumbor's engine, which is Pillow of the version that it asks for."""

    def command(task: Task, source: Path, target: Path, settings: Mapping[str, int]) -> list[str]:
        told = _told(task, source, target, settings)
        return [str(python), str(PEERS / "thumbor_peer.py"), told]

    return Engine(goals.THUMBOR, command, version)


def magick(convert: Path, version: str) -> Engine:
    """Return ImageMagick's command line, which makes each image from the one before."""

    def command(task: Task, source: Path, target: Path, settings: Mapping[str, int]) -> list[str]:
        box = f"{BOX[0]}x{BOX[1]}>"
        words = [str(convert), str(source), "-auto-orient", "-resize", box, "-strip"]
        for number, output in enumerate(task.outputs, start=1):
            if output.width is not None:
                words += ["-resize", f"{output.width}x"]
            if output.format == "jpeg":
                words += ["-interlace", "Line"]
            if output.format not in LOSSLESS:
                words += ["-quality", str(settings[output.format])]
            file = str(target / output.file)
            words += [file] if number == len(task.outputs) else ["-write", file]
        return words

    formats = frozenset({"jpeg", "png", "webp"})
    return Engine(goals.MAGICK, command, version, tasks="abd", formats=formats)
