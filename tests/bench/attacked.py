"""What attacks have done to the API program and to a good client beside them; what must hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.bench import figures
from tests.support import memory
from tests.support.attacks import Did

MEMORY_SHARE: Final = 0.8
"""Of the chart's limit of the API's memory, that no attack may exceed."""
SLOWDOWN: Final = 3.0
P50_SECONDS: Final = 0.05
_UNITS: Final = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 10**3, "M": 10**6, "G": 10**9}


@dataclass(slots=True)
class Good:
    """What the good client has seen."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    """Of each request, by what was asked."""
    wrong: list[str] = field(default_factory=list)
    """What was no right answer."""

    @property
    def is_served(self) -> bool:
        """Whether it was answered, and rightly each time."""
        return bool(self.seconds) and not self.wrong


@dataclass(frozen=True, slots=True)
class Attacked:
    """One attack, and what came of it."""

    name: str
    good: Good
    most: int | None
    """Bytes of memory that the program had at most; None: it has ended."""
    did: Sequence[Did] = ()

    def is_fast(self, quiet: "Attacked") -> bool:
        """Say whether the good client was served about as fast as without the attack."""
        return bool(self.good.seconds) and all(
            figures.median(seconds) <= bound(figures.median(quiet.good.seconds[asked]))
            for asked, seconds in self.good.seconds.items()
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """The quiet time, each attack, and all together."""

    limit: int
    """Bytes of memory that the chart lets the API have."""
    quiet: Attacked
    attacks: Sequence[Attacked]

    def lines(self) -> Iterator[str]:
        """Yield what to print."""
        for one in (self.quiet, *self.attacks):
            most = "ended" if one.most is None else f"{one.most / memory.MIB:4.0f} MiB"
            sent = sum(did.sent for did in one.did) / memory.MIB
            made, refused = (
                sum(did.connections for did in one.did),
                sum(did.refused for did in one.did),
            )
            yield (
                f"{one.name:<{figures.WIDTH}} {most}   {made:,} connections, {refused:,} refused,"
                f" {sent:,.0f} MiB sent"
            )
            for asked, seconds in one.good.seconds.items():
                milliseconds = [1000 * second for second in seconds]
                if len(milliseconds) > 1:
                    yield figures.spread(f"  {asked}", milliseconds, "ms")
                else:
                    yield f"{f'  {asked}':<{figures.WIDTH}} {milliseconds[0]:.0f} ms, the only one"
            for wrong in one.good.wrong[:3]:
                yield f"  WRONG, one of {len(one.good.wrong):,}: {wrong}"

    def bars(self) -> Iterator[tuple[str, bool]]:
        """Yield what must hold, and whether it does."""
        most = MEMORY_SHARE * self.limit
        for one in self.attacks:
            label = f"{most / memory.MIB:.0f} MiB of memory, {MEMORY_SHARE:.0%} of the limit"
            yield f"{one.name}: at most {label}", one.most is not None and one.most <= most
            yield f"{one.name}: all answers to a good client are right", one.good.is_served
            label = f"{SLOWDOWN:.0f} times quiet or {1000 * P50_SECONDS:.0f} ms"
            yield f"{one.name}: p50 of a good client at most {label}", one.is_fast(self.quiet)


def bound(quiet: float) -> float:
    """Return the seconds that the median may take under attack, by those of a quiet time."""
    return max(SLOWDOWN * quiet, P50_SECONDS)


def parsed(quantity: str) -> int:
    """Return a quantity of memory, as Kubernetes writes it (512Mi), in bytes."""
    for unit, factor in _UNITS.items():
        if quantity.endswith(unit):
            return int(float(quantity.removesuffix(unit)) * factor)
    return int(quantity)
