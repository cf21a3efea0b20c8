"""What a run did, in a few lines."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from safelight_local.progress import duration
from tests.faults.chaos.run import Ran
from tests.faults.checker import Verdict
from tests.support.memory import MIB


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did, and how it was judged."""

    ran: Ran
    left: list[str]
    """The objects that only the sweeper removes, a day later."""
    verdicts: list[Verdict]

    @property
    def wrong(self) -> list[str]:
        """What did not hold; empty: all is well."""
        late = ["not all uploads have ended in time"] if self.ran.drained_after is None else []
        return late + [str(found) for verdict in self.verdicts for found in verdict.violations]


def command(ran: Ran) -> str:
    """Return the command that repeats a run."""
    seed, seconds = ran.mix.seed, ran.mix.seconds
    hostile = " SAFELIGHT_HOSTILE=1" if ran.mix.is_hostile else ""
    return f"make chaos SAFELIGHT_SEED={seed} SAFELIGHT_CHAOS_SECONDS={seconds:g}{hostile}"


def lines(outcome: Outcome) -> Iterator[str]:
    """Yield the lines."""
    ran, mix = outcome.ran, outcome.ran.mix
    uploads = ran.book.snapshot()
    yield f"seed {mix.seed}, {duration(mix.seconds)} of faults, {len(mix.files)} files"
    yield f"POSTs      {_counted(ran.book.posts)}"
    yield f"uploads    {len(uploads)}: {_counted(Counter(upload.end for upload in uploads))}"
    took = {u.ended - u.accepted: u for u in uploads if u.ended is not None}
    if took:
        yield f"slowest    {duration(max(took))}: {took[max(took)].id}"
    if ran.attacks:
        made = sum(did.connections for did in ran.attacks.did)
        sent = sum(did.sent for did in ran.attacks.did)
        yield f"hostile    {made:,} connections, {sent / MIB:,.0f} MiB sent"
    faults = sorted(ran.faults.done.items())
    yield f"faults     {_counted(Counter({f'{target} {what}': n for (target, what), n in faults}))}"
    for missed in ran.faults.missed:
        yield f"not done   {missed}"
    if ran.drained_after is not None:
        yield f"drained    {duration(ran.drained_after)} after the last fault"
    for key in outcome.left:
        yield f"swept      {key}"
    for verdict in outcome.verdicts:
        yield f"{verdict.invariant:<10} {str(verdict).partition(': ')[2]}"
    for wrong in outcome.wrong:
        yield f"WRONG      {wrong}"
    yield f"again      {command(ran)}"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
