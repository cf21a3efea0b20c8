"""The processor beside other image engines: `make bench-processor`.

It installs what it compares with, makes the test photos, brings every engine to the same quality,
and measures all in turns. It fails if a goal is missed by more than the slack.
"""

import argparse
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from safelight_contract import recipe
from safelight_local import shell
from safelight_local.errors import LocalError
from safelight_local.progress import Progress
from tests.bench.processor import engines, footprint, goals, installed, report
from tests.bench.processor.engines import Engine
from tests.bench.processor.goals import Totals, Verdict
from tests.bench.processor.installed import Kit
from tests.bench.processor.tasks import ENCODERS, TASKS
from tests.bench.processor.turns import Runner, Solved

PARTS: Final = (*(task.key for task in TASKS), "encoders", "footprint")
STARTS: Final = 20


def _ours(python: Path) -> Iterator[Engine]:
    known = installed.versions_of(python, "safelight-processor", "pillow", "pyvips-binary")
    version = ", ".join(f"{name} {number}" for name, number in known.items())
    make = engines.safelight
    yield make(python, goals.FAST, version, engine=recipe.Engine.AUTO)
    small = recipe.Profile.SMALL
    yield make(python, goals.SMALL, version, engine=recipe.Engine.AUTO, profile=small)
    plain = recipe.Engine.PILLOW
    yield make(python, goals.PILLOW, version, engine=plain, in_tables=False)


def _peers(kit: Kit, progress: Progress) -> Iterator[Engine]:
    """Yield the peers that can be had here; say which cannot."""
    node, modules = installed.node(), kit.sharp()
    version = f"sharp {installed.SHARP}, node {shell.run(node, '--version').strip()}"
    yield engines.sharp(node, modules, version)
    yield engines.sharp(node, modules, version, goals.SHARP_MOZJPEG, mozjpeg=True, tasks="a")
    yield engines.sharp(node, modules, version, goals.SHARP_EFFORT_0, effort=0, tasks="c")
    yield engines.pyvips(kit.python("pyvips", *installed.PYVIPS), " ".join(installed.PYVIPS))
    try:
        python = kit.python("thumbor", *installed.THUMBOR)
        known = installed.versions_of(python, "thumbor", "pillow")
        yield engines.thumbor(python, ", ".join(f"{n} {v}" for n, v in known.items()))
    except LocalError as error:
        progress.say(f"Without thumbor: {error}")
    if convert := kit.convert():
        first = shell.run(convert, "--version").splitlines()[0]
        yield engines.magick(convert, first.removeprefix("Version: ").split(" http")[0])
    else:
        progress.say("Without ImageMagick: install Debian's package imagemagick")


def _measure(
    runner: Runner,
    everyone: Sequence[Engine],
    parts: Sequence[str],
    arguments: argparse.Namespace,
) -> Iterator[Verdict]:
    """Measure the tasks, print their tables, and yield what came of their goals."""
    for task in TASKS:
        if task.key not in parts:
            continue
        able = [engine for engine in everyone if engine.can(task)]
        solved = runner.solve(task, able)
        runner.note()
        rounds = list(
            runner.rounds(task, able, solved, rounds=arguments.rounds, repeats=arguments.repeats)
        )
        _say(*report.task_table(task, rounds, solved, goals.SHARP))
        yield from goals.judge({task.key: rounds})


def _encoders(runner: Runner, everyone: Sequence[Engine]) -> None:
    solved: dict[str, Mapping[tuple[str, str], Solved]] = {}
    cpu: dict[tuple[str, str], float] = {}
    for task in ENCODERS:
        able = [engine for engine in everyone if engine.can(task)]
        solved[task.key] = runner.solve(task, able)
        once: Mapping[str, Totals] = next(
            runner.rounds(task, able, solved[task.key], rounds=1, repeats=2)
        )
        cpu |= {(task.key, name): totals.cpu for name, totals in once.items()}
    _say(
        "Bytes at equal quality, 1.00 = sharp's JPEG; in brackets CPU for all six photos, start-up"
        " included",
        "",
        *report.encoder_table(ENCODERS, solved, cpu, ("jpeg", goals.SHARP)),
    )


def _footprint(environment: Path, photos: Path) -> Iterator[Verdict]:
    python = environment / "bin" / "python"
    for engine in (recipe.Engine.AUTO, recipe.Engine.PILLOW):
        for name in ("bird-50.jpg", "bird-50-progressive.jpg"):
            used = footprint.memory(python, photos / name, engine)
            what = f"peak memory, {name}, default recipe, engine {engine}"
            told = f"{used.memory:.0f} MiB, {used.cpu:.1f} s of CPU"
            if name == "bird-50.jpg" and engine is recipe.Engine.AUTO:
                bar = footprint.MEMORY_MIB
                met = goals.against(used.memory, bar)
                yield Verdict(f"{what}: at most {bar} MiB", told, *met)
            else:
                yield Verdict(what, told, met=True, failed=False, has_bar=False)
    size = footprint.compressed_bytes(environment) / 1e6
    met = goals.against(size, footprint.IMAGE_MB)
    what = f"container image above its base, compressed: at most {footprint.IMAGE_MB} MB"
    yield Verdict(what, f"{size:.1f} MB", *met)
    # It opens pictures, which this process must not while memory is measured.
    from tests.bench import figures, processor_start  # noqa: PLC0415

    starts = processor_start.measure(STARTS, str(python))
    met = goals.against(figures.median(starts), footprint.START_MS)
    what = f"CPU from start to the first byte, p50 of {STARTS}: at most {footprint.START_MS} ms"
    yield Verdict(what, f"{figures.median(starts):.0f} ms, least {min(starts):.0f} ms", *met)


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join((*lines, "", "")))
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.processor", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}; none: all")
    parser.add_argument("--rounds", type=int, default=3, metavar="NUMBER")
    parser.add_argument("--repeats", type=int, default=2, metavar="NUMBER")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return arguments


def main() -> int:
    """Measure, print, and return the exit status."""
    arguments = _arguments()
    parts = arguments.parts or PARTS
    began = time.monotonic()
    kit, progress = Kit(Progress()), Progress()
    photos, environment = kit.photos(), kit.processor()
    tool = kit.ssimulacra2()
    everyone = [*_ours(environment / "bin" / "python"), *_peers(kit, progress)]
    references = kit.folder / "references"
    references.mkdir(exist_ok=True)
    metric = f"SSIMULACRA2, ssimulacra2_rs {installed.SSIMULACRA2}"
    if tool is None:
        metric = "SSIM, since there is no cargo to build ssimulacra2_rs: figures differ"
    _say(
        f"{platform.machine()}, Python {platform.python_version()}, {time.strftime('%B %Y')};"
        f" one processor each, {arguments.rounds} rounds; quality: {metric}",
        "",
        *dict.fromkeys(f"- {engine.name}: {engine.version}" for engine in everyone),
    )
    runner = Runner(photos, tool, references)
    runner.remember()
    found = list(_measure(runner, everyone, parts, arguments))
    if "encoders" in parts:
        _encoders(runner, everyone)
    runner.note()
    if "footprint" in parts:
        found += _footprint(environment, photos)
    _say(*report.verdicts(found))
    _say(f"{(time.monotonic() - began) / 60:.1f} minutes in all")
    return int(any(verdict.failed for verdict in found))


if __name__ == "__main__":
    sys.exit(main())
