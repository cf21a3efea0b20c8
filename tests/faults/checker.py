"""Judges a history: `python -m tests.faults.checker FILE` prints what did not hold.

Exits with 1 if an invariant did not hold. One that had nothing to judge has not passed: the
summary says so.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.facts import Facts, Finding, Limits
from tests.faults.history import Line, read
from tests.faults.invariants import COMPOUND, CORE, INVARIANTS


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant did not hold."""

    invariant: str
    upload_id: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.upload_id or '-'}: {self.text}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one invariant."""

    invariant: str
    judged: int
    """How many facts there were to judge; with none it has not passed, nor failed."""
    violations: tuple[Violation, ...]

    def __str__(self) -> str:
        if not self.judged:
            return f"{self.invariant}: nothing to judge"
        if self.violations:
            return f"{self.invariant}: VIOLATED, {len(self.violations)} of {self.judged} facts"
        return f"{self.invariant}: holds, {self.judged} facts"


def judge(history: Iterable[Line], limits: Limits = Limits()) -> list[Verdict]:  # noqa: B008 - immutable
    """Judge every invariant, in the order of their numbers."""
    facts = Facts(history, limits)
    verdicts = {name: _verdict(name, judged(facts)) for name, judged in INVARIANTS.items()}
    broken = [name for name in CORE if verdicts[name].violations]
    for name, judged_by in COMPOUND.items():
        verdicts[name] = _verdict(name, judged_by(facts, broken))
    return sorted(verdicts.values(), key=lambda verdict: int(verdict.invariant[1:]))


def check(history: Iterable[Line], limits: Limits = Limits()) -> list[Violation]:  # noqa: B008 - immutable
    """Return all that did not hold in a history."""
    return [violation for verdict in judge(history, limits) for violation in verdict.violations]


def summary(history: Sequence[Line], verdicts: Iterable[Verdict]) -> list[str]:
    """Return lines on what the run did and what became of each invariant."""
    facts = Facts(history, Limits())
    ends = Counter(_end(facts, upload_id) for upload_id in facts.accepted)
    posts = facts.lines("upload")
    faults = Counter(f"{fault['what']} {fault['target']}" for fault in facts.lines("fault"))
    return [
        f"uploads: {len(posts)} sent, {len(facts.accepted)} accepted: {_counts(ends)}",
        f"uploads of calls without an answer: {len(facts.origins)} turned up",
        f"calls: {_counts(Counter(line['op'] for line in history if 'client' in line))}",
        f"faults: {_counts(faults)}",
        *map(str, verdicts),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge a file; return the exit code."""
    defaults = Limits()
    parser = argparse.ArgumentParser(description="Judge the history of a run.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--bound", type=float, default=defaults.bound, help="D of I6, seconds")
    parser.add_argument(
        "--staleness",
        type=float,
        default=defaults.staleness,
        help="seconds for which another process of the API may answer from before",
    )
    options = parser.parse_args(arguments)
    history = read(options.file)
    verdicts = judge(history, Limits(bound=options.bound, staleness=options.staleness))
    violations = [violation for verdict in verdicts for violation in verdict.violations]
    for line in (*violations, *summary(history, verdicts)):
        print(line)  # noqa: T201 - the program's output
    return 1 if violations else 0


def _verdict(name: str, findings: Iterable[Finding]) -> Verdict:
    judged = list(findings)
    wrong = [finding for finding in judged if finding.wrong is not None]
    violations = tuple(Violation(name, found.upload_id, found.wrong or "") for found in wrong)
    return Verdict(name, len(judged), violations)


def _end(facts: Facts, upload_id: str) -> str:
    if facts.deletions(upload_id):
        return "deleted"
    if facts.available_from(upload_id) is not None:
        return "available"
    if facts.failures(upload_id):
        return "failed"
    return "unknown"


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items())) or "none"


if __name__ == "__main__":
    sys.exit(main())
