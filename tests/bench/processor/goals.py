"""The goals, as ratios to a peer in the same run, and whether they are met."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

SLACK: Final = 1.1
"""Figures of one machine move by as much; a run fails only past a bar times this."""
Quantity = Literal["cpu", "memory", "bytes"]


@dataclass(frozen=True, slots=True)
class Totals:
    """What one engine took for all originals of a task, in one round."""

    cpu: float
    """Seconds, of user and system together, of the whole process."""
    wall: float
    """Seconds."""
    memory: float
    """MiB: the largest resident set."""
    bytes: float
    """Of all images; at the score aimed at, where they are lossy."""


@dataclass(frozen=True, slots=True)
class Goal:
    """At most so much of what the peer takes."""

    task: str
    engine: str
    base: str
    quantity: Quantity
    bar: float

    def __str__(self) -> str:
        return (
            f"({self.task}) {self.engine}: {self.quantity} at most {self.bar:.2f} of {self.base}'s"
        )


FAST: Final = "safelight"
SMALL: Final = "safelight, small"
PILLOW: Final = "safelight, Pillow"
SHARP: Final = "sharp"
SHARP_MOZJPEG: Final = "sharp, mozjpeg"
SHARP_EFFORT_0: Final = "sharp, effort 0"
PYVIPS: Final = "pyvips"
MAGICK: Final = "ImageMagick"
THUMBOR: Final = "thumbor"

GOALS: Final = (
    Goal("a", FAST, SHARP, "cpu", 0.75),
    Goal("a", FAST, SHARP, "memory", 0.9),
    Goal("a", FAST, SHARP, "bytes", 1.0),
    Goal("a", SMALL, SHARP_MOZJPEG, "cpu", 0.5),
    Goal("a", SMALL, SHARP_MOZJPEG, "bytes", 1.0),
    Goal("a", PILLOW, SHARP, "cpu", 1.4),
    Goal("a", PILLOW, SHARP, "memory", 0.7),
    Goal("b", FAST, SHARP, "cpu", 0.9),
    Goal("b", FAST, SHARP, "bytes", 0.95),
    Goal("c", FAST, SHARP, "cpu", 0.10),
    Goal("c", FAST, SHARP_EFFORT_0, "cpu", 0.9),
    Goal("d", FAST, SHARP, "cpu", 1.1),
    Goal("d", FAST, SHARP, "bytes", 0.70),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a goal or a bar."""

    what: str
    measured: str
    met: bool
    failed: bool
    """Missed by more than the slack."""
    has_bar: bool = True
    """Without one it is told, and no more."""

    @property
    def word(self) -> str:
        """How the table says it."""
        if not self.has_bar:
            return "no bar"
        return "met" if self.met else "MISSED" if self.failed else "missed, within the slack"


def ratios(
    rounds: Sequence[Mapping[str, Totals]],
    engine: str,
    base: str,
    quantity: str,
) -> list[float]:
    """Return an engine's share of another's in each round."""
    return [getattr(each[engine], quantity) / getattr(each[base], quantity) for each in rounds]


def judge(
    rounds: Mapping[str, Sequence[Mapping[str, Totals]]],
    goals: Sequence[Goal] = GOALS,
) -> Iterator[Verdict]:
    """Yield a verdict for each goal whose engines were measured: the median of the rounds counts.

    Args:
        rounds: by task, what every engine took in each round.
        goals: to be judged.
    """
    for goal in goals:
        measured = rounds.get(goal.task, ())
        if not measured or not {goal.engine, goal.base} <= set(measured[0]):
            continue
        each = ratios(measured, goal.engine, goal.base, goal.quantity)
        middle = statistics.median(each)
        spread = f"{middle:.2f} ({min(each):.2f} to {max(each):.2f})"
        yield Verdict(str(goal), spread, *against(middle, goal.bar))


def against(value: float, bar: float) -> tuple[bool, bool]:
    """Say whether a value is within the bar, and whether it is past the slack as well."""
    return value <= bar, value > bar * SLACK
