"""What is done to which part, and when: a pure function of a seed."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final


class What(StrEnum):
    """What can be done to a part."""

    KILL = "kill"
    """SIGKILL; what supervises the part starts it again."""
    STOP = "stop"
    """SIGSTOP and, later, SIGCONT: it wakes up in a world that has moved on."""
    RESTART = "restart"
    """SIGTERM or a deleted pod, and a new one."""
    TAKEOVER = "takeover"
    """A standby takes over from a leader that is paused; then the old leader wakes up."""
    SECOND_OPERATOR = "second-operator"
    """An operator with another Lease: for a while both lead."""
    UPGRADE = "upgrade"
    """`helm upgrade` with a changed value: the API's and the operator's pods are replaced."""


class Target(StrEnum):
    """The parts."""

    API = "api"
    OPERATOR = "operator"
    PROCESSOR = "processor"
    API_SERVER = "apiserver"
    S3 = "s3"
    KUBELET = "kubelet"
    RELEASE = "release"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is done. Times are in seconds."""

    at: float
    """After the start of the run."""
    target: Target
    what: What
    lasts: float
    """How long a pause is, or how long a killed part stays down if nothing restarts it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How quickly one fault of a target follows another. Times are in seconds."""

    pause: float
    """Between SIGSTOP and SIGCONT."""
    down: tuple[float, float]
    """How long a killed part is down, at least and at most."""
    gap: tuple[float, float]
    """From the end of a fault to the next one of the same target, at least and at most."""


LONG: Final = Pace(pause=60, down=(1, 15), gap=(30, 80))
SHORT: Final = Pace(pause=8, down=(0.5, 3), gap=(5, 15))
TAKEOVER_SECONDS: Final = 30.0
"""In which a standby starts, and takes over: a Lease of 15 s runs out."""
_LONG_FROM: Final = 300.0

_TWINS: Final = (What.TAKEOVER, What.SECOND_OPERATOR)
_COMMON: Final = (What.KILL, What.STOP, What.RESTART)
_WHATS: Final = {target: _COMMON for target in Target if target is not Target.RELEASE} | {
    Target.OPERATOR: (*_COMMON, *_TWINS),
}


def pace(seconds: float) -> Pace:
    """Return the pace of a run of so many seconds."""
    return LONG if seconds >= _LONG_FROM else SHORT


def plan(seed: int, seconds: float) -> tuple[Fault, ...]:
    """Return the faults of a run in the order of their times.

    Those of one target never overlap; those of different targets do. Each target gets each of its
    faults before it gets one a second time. There is one upgrade, near the middle.

    Args:
        seed: the same seed gives the same plan.
        seconds: of the run; every fault is over by then.
    """
    random = Random(seed)
    faults = [Fault(seconds * random.uniform(0.45, 0.55), Target.RELEASE, What.UPGRADE, 0)]
    for target, whats in _WHATS.items():
        faults += _sequence(random, target, whats, seconds)
    return tuple(sorted(faults))


def _sequence(random: Random, target: Target, whats: tuple[What, ...], until: float) -> list[Fault]:
    chosen = pace(until)
    faults: list[Fault] = []
    deck: list[What] = []
    at = random.uniform(0, chosen.gap[0])
    while True:
        deck = deck or random.sample(whats, len(whats))
        if not faults and target is Target.OPERATOR:
            # They take their time: in a short run there is none for them later.
            deck.sort(key=lambda what: what not in _TWINS)
        what = deck.pop(0)
        match what:
            case What.STOP | What.SECOND_OPERATOR:
                lasts = chosen.pause
            case What.TAKEOVER:
                lasts = TAKEOVER_SECONDS
            case _:
                lasts = random.uniform(*chosen.down)
        if at + lasts > until:
            return faults
        faults.append(Fault(at, target, what, lasts))
        at += lasts + random.uniform(*chosen.gap)
