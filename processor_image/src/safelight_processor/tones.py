"""HDR's tones on an SDR display: ITU-R BT.2100's two curves, with the highlights compressed."""

import math
from typing import Final

_REFERENCE_WHITE: Final = 203.0
"""Candela per square metre of paper white in HDR (ITU-R BT.2408)."""
_KNEE: Final = 0.6
"""Up to this part of paper white, HDR is shown as it is; what is brighter is compressed."""


def from_pq(value: float) -> float:
    """Return SDR's light, 0 to 1, of a stored value: SMPTE ST 2084, then the shoulder."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    root = value ** (1 / m2)
    nits = 10_000 * (max(root - c1, 0.0) / (c2 - c3 * root)) ** (1 / m1)
    return _shoulder(nits / _REFERENCE_WHITE)


def from_hlg(value: float) -> float:
    """Return SDR's light, 0 to 1, of a stored value: ARIB STD-B67 at 1000 nits, the shoulder."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = value * value / 3 if value <= 0.5 else (math.exp((value - c) / a) + b) / 12  # noqa: PLR2004 - from the standard
    return _shoulder(1000 * scene**1.2 / _REFERENCE_WHITE)


def _shoulder(light: float) -> float:
    """Compress highlights: as it is up to the knee, then towards 1 without a corner."""
    if light <= _KNEE:
        return light
    room = 1 - _KNEE
    return _KNEE + room * (1 - math.exp((_KNEE - light) / room))
