"""Many measurements of one thing, told in one line."""

import statistics
from collections.abc import Sequence
from typing import Final

WIDTH: Final = 36
"""Of the label before the figures."""


def median(values: Sequence[float]) -> float:
    """Return the value that half of them do not exceed."""
    return statistics.median(values)


def p99(values: Sequence[float]) -> float:
    """Return what 99 of 100 do not exceed: of fewer than 100, close to the largest."""
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def spread(label: str, values: Sequence[float], unit: str) -> str:
    """Return the line: median, 99th percentile, extremes and number."""
    return (
        f"{label:<{WIDTH}} p50 {median(values):6.2f} {unit}   p99 {p99(values):6.2f}"
        f"   min {min(values):6.2f}   max {max(values):6.2f}   of {len(values):,}"
    )
