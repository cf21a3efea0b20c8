"""Equal quality: finds the setting of an encoder that gives a wanted score. Pure.

Scores grow with the setting, though not always by a whole step. A few probes are enough: from a
first guess along the usual slope, then between the nearest probes below and above.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

NEAR: Final = 0.35
"""Points of the score that are as good as equal; one step of a JPEG's quality is about 0.6."""
MOST_PROBES: Final = 5
_GROWTH: Final = 0.045
"""Of the logarithm of the bytes, for a point of the score around 80: JPEG, WebP and AVIF alike."""
_SLOPE: Final = 0.75
"""Points of the score for a step of the setting, to begin with."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a setting gave."""

    setting: int
    score: float
    size: int
    """Bytes."""


def closest(probes: Sequence[Probe], target: float) -> Probe:
    """Return the probe whose score is nearest to the target."""
    return min(probes, key=lambda probe: abs(probe.score - target))


def next_setting(
    probes: Sequence[Probe],
    target: float,
    bounds: tuple[int, int],
) -> int | None:
    """Return the setting to try next; None: what was tried is near enough, or nothing is left.

    Args:
        probes: what was tried, at least one.
        target: the score aimed at.
        bounds: the least and the most that the encoder takes.
    """
    best = closest(probes, target)
    if abs(best.score - target) <= NEAR or len(probes) >= MOST_PROBES:
        return None
    below = max((p for p in probes if p.score < target), key=lambda p: p.score, default=None)
    above = min((p for p in probes if p.score >= target), key=lambda p: p.score, default=None)
    if below and above:
        share = (target - below.score) / (above.score - below.score)
        wanted = below.setting + share * (above.setting - below.setting)
    else:
        wanted = best.setting + (target - best.score) / _slope(probes)
    setting = min(max(round(wanted), bounds[0]), bounds[1])
    tried = {probe.setting for probe in probes}
    if setting in tried and below and above and abs(above.setting - below.setting) > 1:
        setting += 1 if below.setting < setting + 1 < above.setting else -1
    return None if setting in tried else setting


def _slope(probes: Sequence[Probe]) -> float:
    """Return points of the score for a step of the setting, as seen so far."""
    low, high = (pick(probes, key=lambda p: p.setting) for pick in (min, max))
    if high.setting == low.setting or high.score <= low.score:
        return _SLOPE
    seen = (high.score - low.score) / (high.setting - low.setting)
    return min(max(seen, _SLOPE / 4), _SLOPE * 4)


def size_at(probes: Sequence[Probe], target: float) -> float:
    """Return the bytes at exactly the target, between the probes next to it.

    The bytes grow by a factor for each point of the score, so the interpolation is of their
    logarithm. Outside of the probes the nearest two are prolonged; a single one, which is near the
    target as a rule, is corrected by the usual factor.
    """
    ordered = sorted({probe.score: probe for probe in probes}.values(), key=lambda p: p.score)
    if len(ordered) == 1:
        return ordered[0].size * math.exp(_GROWTH * (target - ordered[0].score))
    pairs = list(pairwise(ordered))
    low, high = min(
        pairs,
        key=lambda pair: max(pair[0].score - target, target - pair[1].score, 0.0),
    )
    share = (target - low.score) / (high.score - low.score)
    return math.exp(math.log(low.size) + share * (math.log(high.size) - math.log(low.size)))
