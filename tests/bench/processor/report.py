"""The tables, as they stand in docs/performance.md."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tests.bench.processor.goals import Totals, Verdict, ratios
from tests.bench.processor.tasks import Task
from tests.bench.processor.turns import Solved

_KIB: Final = 1024
SolvedByPair = Mapping[tuple[str, str], Solved]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield f"| {' | '.join(header)} |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def task_table(
    task: Task,
    rounds: Sequence[Mapping[str, Totals]],
    solved: SolvedByPair,
    base: str,
) -> Iterator[str]:
    """Yield a task's table: a row for each engine, with ratios to one of them.

    CPU, wall time and memory are the least of the rounds; a ratio is the median of the rounds'.
    """
    yield f"({task.key}) {task.title}; {len(task.originals)} original(s)"
    yield ""
    header = ("engine", "CPU s", "x", "wall s", "memory MiB", "x", "KiB", "x", "setting", "score")
    rows = []
    for name in rounds[0]:

        def share(quantity: str, name: str = name) -> str:
            return f"{statistics.median(ratios(rounds, name, base, quantity)):.2f}"

        mine = [each[name] for each in rounds]
        found = [solved[name, original] for original in task.originals]
        rows.append(
            (
                name,
                f"{min(each.cpu for each in mine):.2f}",
                share("cpu"),
                f"{min(each.wall for each in mine):.2f}",
                f"{min(each.memory for each in mine):.0f}",
                share("memory"),
                f"{mine[0].bytes / _KIB:,.0f}",
                share("bytes"),
                _settings(found),
                _scores(found),
            ),
        )
    yield from table(header, rows)


def _settings(found: Sequence[Solved]) -> str:
    """Return the settings of each original, as `jpeg 83, 85`."""
    names = found[0].settings
    words = (f"{name} {', '.join(str(each.settings[name]) for each in found)}" for name in names)
    return "; ".join(words) or "none"


def _scores(found: Sequence[Solved]) -> str:
    scores = [score for each in found for score in each.scores.values()]
    return f"{min(scores):.1f} to {max(scores):.1f}"


def encoder_table(
    tasks: Sequence[Task],
    solved: Mapping[str, SolvedByPair],
    cpu: Mapping[tuple[str, str], float],
    base: tuple[str, str],
) -> Iterator[str]:
    """Yield the comparison of encoders: bytes for equal looks, as shares of one of them.

    Args:
        tasks: one for each format, all with the same photos.
        solved: by task, then by engine and photo.
        cpu: seconds for all photos, by task and engine.
        base: the task and the engine that all are compared with.
    """
    names = dict.fromkeys(engine for each in solved.values() for engine, _ in each)
    shares: dict[tuple[str, str], str] = {}
    for task in tasks:
        for name in names:
            pairs = [
                solved[task.key][name, photo].size / solved[base[0]][base[1], photo].size
                for photo in task.originals
                if (name, photo) in solved[task.key]
            ]
            share = f"{statistics.geometric_mean(pairs):.2f}" if pairs else "-"
            seconds = f" ({cpu[task.key, name]:.2f} s)" if pairs else ""
            shares[task.key, name] = share + seconds
    header = ("engine", *(f"{task.key.upper()}: bytes x (CPU)" for task in tasks))
    rows = [(name, *(shares[task.key, name] for task in tasks)) for name in names]
    yield from table(header, rows)


def verdicts(found: Sequence[Verdict]) -> Iterator[str]:
    """Yield the table of goals."""
    rows = [(each.what, each.measured, each.word) for each in found]
    yield from table(("goal", "measured", "verdict"), rows)
