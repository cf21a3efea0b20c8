"""The invariants: for each a pure function that judges facts, and that quotes it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from tests.faults.facts import Facts, Finding
from tests.faults.invariants import ends, failures, leftovers, outputs, reads, wholes

INVARIANTS: Final[Mapping[str, Callable[[Facts], Iterator[Finding]]]] = {
    "I1": ends.nothing_lost,
    "I2": ends.nothing_twice,
    "I3": ends.nothing_from_nowhere,
    "I4": reads.monotone_status,
    "I5": reads.readable_image,
    "I6": ends.bounded_end,
    "I7": failures.true_reason,
    "I8": failures.one_decode,
    "I9": leftovers.no_resurrection,
    "I10": leftovers.clean_rest,
    "I11": outputs.sound_output,
    "I12": outputs.same_output,
    "I13": failures.durable_answer,
    "I14": reads.stable_lists,
    "I15": failures.isolation,
    "I16": outputs.no_secrets,
    "I17": outputs.restricted_pods,
    "I20": wholes.true_metrics,
}

CORE: Final = tuple(f"I{number}" for number in range(1, 11))
"""What the invariants of `COMPOUND` are made of."""

COMPOUND: Final[Mapping[str, Callable[[Facts, Sequence[str]], Iterator[Finding]]]] = {
    "I18": wholes.twins,
    "I19": wholes.upgrades,
}
"""These are given which of `CORE` did not hold."""
