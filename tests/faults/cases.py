"""The cases of the sweep: every call that one upload makes, with every fault that fits it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tests.faults.calls import Call
from tests.faults.rules import Fault

READ_FAULTS: Final = (
    Fault.REFUSE,
    Fault.CUT_ANSWER,
    Fault.SLOW,
    Fault.HOLE,
    Fault.BUSY,
    Fault.ERROR,
    Fault.UNAVAILABLE,
)
WRITE_FAULTS: Final = (
    *READ_FAULTS,
    Fault.CUT_REQUEST,
    Fault.CUT_AFTER,
    Fault.HOLE_AFTER,
    Fault.CONFLICT,
)
_STORED: Final = frozenset({"original", "image", "manifest"})


@dataclass(frozen=True, slots=True)
class Step:
    """One of the calls that an upload makes."""

    caller: str
    verb: str
    path: str
    number: int | None
    """Among the calls that are the same but for this; None: any of them."""

    def __str__(self) -> str:
        return f"{self.caller} {self.verb} {self.path} #{self.number or 'any'}"


class Kill(StrEnum):
    """When the process that makes a call is killed."""

    BEFORE = "killed before"
    AFTER = "killed after"
    """The server has done it, and the answer never arrived."""


@dataclass(frozen=True, slots=True)
class Case:
    """One fault at one step."""

    step: Step
    fault: Fault | Kill

    def __str__(self) -> str:
        return f"{self.step}: {self.fault}"


def steps(history: Iterable[Mapping[str, Any]], ids: Iterable[str]) -> list[Step]:
    """Return the calls that each of some undisturbed uploads made, in the order of the first.

    How often things are read depends on how news arrive: what only some of them did is left out.
    """
    calls: dict[str, list[Step]] = {upload_id: [] for upload_id in ids}
    for line in history:
        if line["op"] == "call" and line["id"] in calls:
            step = Step(line["caller"], line["verb"], line["path"], line["number"])
            calls[line["id"]].append(step)
    first, *others = calls.values()
    counts = Counter(step for found in others for step in found)
    return [step for step in first if counts[step] == len(others)]


def of_no_upload(history: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Return the calls that are made again and again, for no upload in particular."""
    counts = Counter(
        (line["caller"], line["verb"], line["path"])
        for line in history
        if line["op"] == "call" and line["id"] is None
    )
    return [
        Step(*call, number=None)
        for call, count in sorted(counts.items())
        if count > 1 or call[1] == "WATCH"
    ]


def faults(found: Iterable[Step]) -> Iterator[Case]:
    """Yield every fault that fits each step."""
    for step in found:
        is_write = Call(step.caller, step.verb, step.path, None).is_write
        for fault in WRITE_FAULTS if is_write else READ_FAULTS:
            yield Case(step, fault)
        if step.verb == "PUT" and step.path in _STORED:
            yield Case(step, Fault.PRECONDITION)


def kills(found: Iterable[Step]) -> Iterator[Case]:
    """Yield a kill of the caller before and after each step."""
    for step in found:
        for kill in Kill:
            yield Case(step, kill)
