"""What holds for a run as a whole: I18, I19 and I20."""

from collections.abc import Iterable, Iterator, Sequence

from tests.faults.facts import GONE, Facts, Finding, may_have_happened
from tests.faults.history import Line

_TWINS = frozenset({"second-operator", "second-api", "wake"})
_OURS = frozenset({"api", "operator"})


def twins(facts: Facts, broken: Sequence[str]) -> Iterator[Finding]:
    """I18 Two operators or API replicas, or a paused old one that wakes up, break none of I1-I10.

    One fact for each time that there were two, or that one woke up. That several were there from
    the start is told by such a fault as well. It falls with any of the ten.
    """
    faults = [f for f in facts.lines("fault") if f["what"] in _TWINS and f["target"] in _OURS]
    yield from _each(faults, broken)


def upgrades(facts: Facts, broken: Sequence[str]) -> Iterator[Finding]:
    """I19 Upgrade from the last version with uploads in flight keeps I1 to I10.

    One fact for each upgrade. That CRD changes are additive is not for a history to tell.
    """
    yield from _each([f for f in facts.lines("fault") if f["what"] == "upgrade"], broken)


def _each(faults: Iterable[Line], broken: Sequence[str]) -> Iterator[Finding]:
    wrong = f"{', '.join(broken)} did not hold"
    for fault in faults:
        yield Finding(None, f"{fault['what']} of {fault['target']}: {wrong}" if broken else None)


def true_metrics(facts: Facts) -> Iterator[Finding]:
    """I20 Metrics agree with the history (accepted = available + failed + deleted + in flight).

    A number that is null was counted by a process that did not live for the whole run: it is not
    judged, nor is the sum then, nor where there were objects before the run. A POST or DELETE that
    was not answered may be in the sum without having been counted.
    """
    for metrics in facts.lines("metrics"):
        for name, (least, most) in _counted(facts).items():
            number = metrics[name]
            if number is not None:
                wrong = f"{name} is {number}, the history has {least} to {most}"
                yield Finding(None, None if least <= number <= most else wrong)
        numbers = [metrics[name] for name in ("available", "failed", "deleted", "in_flight")]
        accepted = metrics["accepted"]
        if accepted is not None and None not in numbers and not facts.older:
            uncounted = sum(numbers) - accepted
            wrong = f"accepted is {accepted}, the sum of the others {sum(numbers)}"
            is_right = -_unanswered_deletes(facts) <= uncounted <= len(facts.origins)
            yield Finding(None, None if is_right else wrong)


def _unanswered_deletes(facts: Facts) -> int:
    """Return how many uploads may be gone by a DELETE that no metric has counted."""
    deletes = facts.lines("delete")
    return len({d["id"] for d in deletes if may_have_happened(d, GONE)} - _deleted(facts))


def _deleted(facts: Facts) -> set[str]:
    return {delete["id"] for delete in facts.lines("delete") if delete["code"] == GONE}


def _counted(facts: Facts) -> dict[str, tuple[int, int]]:
    """Return the least and the most that each metric can be."""
    deleted = len(_deleted(facts))
    unanswered = sum(may_have_happened(post, 0) for post in facts.lines("upload"))
    counts = {
        "accepted": (len(facts.accepted), len(facts.accepted) + unanswered),
        "deleted": (deleted, deleted + _unanswered_deletes(facts)),
    }
    if facts.rest is not None:
        uploads = facts.rest["uploads"]
        available = sum(image["ready"] for image in facts.rest["images"])
        failed = sum(upload["failed"] for upload in uploads)
        for name, count in (
            ("available", available),
            ("failed", failed),
            ("in_flight", len(uploads) - failed),
        ):
            counts[name] = (count, count)
    return counts
