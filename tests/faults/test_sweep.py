"""Every fault at every call of an upload: nothing is lost, and every history is a right one.

`make test` takes a part by chance; SAFELIGHT_SEED repeats the choice of a run that has failed, and
SAFELIGHT_SWEEP=all (`make faults`) takes everything.
"""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import cases, history
from tests.faults.cases import Case, Step
from tests.faults.conftest import DRAIN_SECONDS
from tests.faults.sweep import Sweep, until_drained
from tests.operator.playing import photo

UNDISTURBED = 3
FAULTS, DISTURBANCES, KILLS, DELETIONS, WITH_TWO = 48, 8, 10, 16, 16
"""How many cases a part has."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which cases are run."""

    dice: random.Random
    whole: bool

    def of(self, found: Iterable[Case], part: int) -> list[Case]:
        """Return the cases to run, mixed."""
        mixed = list(found)
        self.dice.shuffle(mixed)
        return mixed if self.whole else mixed[:part]


@pytest.fixture
def choice(dice: random.Random, whole: bool) -> Choice:  # noqa: FBT001 - a fixture
    return Choice(dice, whole)


async def calls(sweep: Sweep, history_file: Path) -> list[Step]:
    """Return the calls of an undisturbed upload; print them."""
    ids = []
    for number in range(UNDISTURBED):
        ids.append(await sweep.upload(f"undisturbed {number}", photo()))
        await until_drained(sweep.world.stage, DRAIN_SECONDS)
    # The operator reads once more what it has seen to vanish.
    await asyncio.sleep(1)
    lines = history.read(history_file)
    found = cases.steps(lines, [upload_id for upload_id in ids if upload_id])
    table = [f"{number:3} {step}" for number, step in enumerate(found, 1)]
    print("\n".join(table))  # noqa: T201 - to be seen
    return found


async def test_every_fault_at_every_call(sweep: Sweep, history_file: Path, choice: Choice) -> None:
    """Beside those of uploads: lists, leases, and the start of watches."""
    steps = await calls(sweep, history_file)
    async with asyncio.TaskGroup() as group:
        group.create_task(sweep.run(choice.of(cases.faults(steps), FAULTS)))
        group.create_task(sweep.disturb(choice.of(cases.disturbances(), DISTURBANCES)))
    assert sweep.missed == []
    assert sweep.ends["failed"] == 0


async def test_a_kill_before_and_after_every_call(
    sweep: Sweep, history_file: Path, choice: Choice
) -> None:
    steps = await calls(sweep, history_file)
    await sweep.run(choice.of(cases.kills(steps), KILLS))
    assert sweep.missed == []


async def test_a_deletion_before_and_after_every_call(
    sweep: Sweep, history_file: Path, choice: Choice
) -> None:
    """Once it is answered the upload never comes back, and nothing of it is left."""
    steps = await calls(sweep, history_file)
    await sweep.run(choice.of(cases.deletions(steps), DELETIONS))


@pytest.mark.parametrize("sweep", [2], indirect=True, ids=["two operators"])
async def test_two_operators_at_once(sweep: Sweep, history_file: Path, choice: Choice) -> None:
    """Each has a lease of its own, so that both lead; which of them makes a call is chance."""
    sweep.world.recorder.write("fault", what="second-operator", target="operator")
    steps = await calls(sweep, history_file)
    writes = cases.faults(step for step in steps if step.is_write)
    await sweep.run(choice.of(writes, WITH_TWO))
    assert sweep.ends["failed"] == 0
