"""The cases of the sweep: every call that one upload makes, with every fault that fits it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tests.faults.calls import VARIANT, Call
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
READS: Final = 4
"""An operator looks at an upload when it comes, has a Job, has a result, and is gone."""
_STORED: Final = frozenset({"original", "image", "manifest"})


@dataclass(frozen=True, slots=True)
class Step:
    """One of the calls that an upload makes."""

    caller: str
    verb: str
    path: str
    number: int | None
    """Among the calls that are the same but for this; None: any of them."""

    @property
    def is_write(self) -> bool:
        """Whether it may change something."""
        return Call(self.caller, self.verb, self.path, None).is_write

    def __str__(self) -> str:
        return f"{self.caller} {self.verb} {self.path} #{self.number or 'any'}"


BACKGROUND: Final = (
    Step("api", "WATCH", "imageuploads", None),
    Step("api", "WATCH", "availableimages", None),
    Step("operator", "WATCH", "imageuploads", None),
    Step("operator", "WATCH", "availableimages", None),
    Step("operator", "WATCH", "jobs", None),
    Step("operator", "LIST", "imageuploads", None),
    Step("operator", "LIST", "availableimages", None),
    Step("operator", "LIST", "jobs", None),
    Step("operator", "LIST", "objects", None),
    Step("operator", "GET", "leases", None),
    Step("operator", "PUT", "leases", None),
)
"""Calls that are made again and again, for no upload in particular."""


class Kill(StrEnum):
    """When the process that makes a call is killed."""

    BEFORE = "killed before"
    AFTER = "killed after"
    """The server has done it, and the answer never arrived."""


class Deletion(StrEnum):
    """When the client deletes the upload, through the API."""

    BEFORE = "deleted before"
    AFTER = "deleted after"


@dataclass(frozen=True, slots=True)
class Case:
    """One fault at one step."""

    step: Step
    fault: Fault | Kill | Deletion

    def __str__(self) -> str:
        return f"{self.step}: {self.fault}"


def steps(history: Iterable[Mapping[str, Any]], ids: Iterable[str]) -> list[Step]:
    """Return the calls that each of some undisturbed uploads made, in the order of the first.

    How often things are read depends on how news arrive: what only some of them did is left out,
    and what is read for more than the `READS`th time.
    """
    calls: dict[str, list[Step]] = {upload_id: [] for upload_id in ids}
    for line in history:
        if line["op"] == "call" and line["id"] in calls:
            step = Step(line["caller"], line["verb"], line["path"], line["number"])
            if step.is_write or line["number"] <= READS:
                calls[line["id"]].append(step)
    first, *others = calls.values()
    counts = Counter(step for found in others for step in found)
    return [step for step in first if counts[step] == len(others)]


def faults(found: Iterable[Step]) -> Iterator[Case]:
    """Yield every fault that fits each step."""
    for step in found:
        for fault in WRITE_FAULTS if step.is_write else READ_FAULTS:
            yield Case(step, fault)
        if step.verb == "PUT" and (step.path in _STORED or step.path.startswith(VARIANT)):
            yield Case(step, Fault.PRECONDITION)


def disturbances() -> Iterator[Case]:
    """Yield every fault that fits each call of `BACKGROUND`."""
    for case in faults(BACKGROUND):
        # What becomes of a watch that says nothing has a test of its own.
        if case.step.verb != "WATCH" or case.fault not in {Fault.HOLE, Fault.CUT_ANSWER}:
            yield case


def deletions(found: Iterable[Step]) -> Iterator[Case]:
    """Yield a deletion by the client before and after each step that follows the 201."""
    for step in found:
        if step.caller != "api":
            for deletion in Deletion:
                yield Case(step, deletion)


def kills(found: Iterable[Step]) -> Iterator[Case]:
    """Yield a kill of the caller before and after each step."""
    for step in found:
        for kill in Kill:
            yield Case(step, kill)
