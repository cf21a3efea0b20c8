"""One run of the mix: clients and faults at the same time, then the drain, then the judgement."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random
from threading import Event
from typing import Final, Protocol

from safelight_local.errors import LocalError
from safelight_local.stack import Stack
from tests.faults.chaos import hostile, plan, targets
from tests.faults.chaos.book import Book
from tests.faults.chaos.calls import Caller
from tests.faults.chaos.clients import Keeping, LookingOn, Uploading
from tests.faults.chaos.faults import Faults
from tests.faults.chaos.files import File
from tests.faults.chaos.hostile import Attacking
from tests.faults.chaos.release import CLIENTS, URL, Release
from tests.faults.history import Recorder

_UPLOADING: Final = 0.9
"""The part of the time in which uploads begin."""


class Task(Protocol):
    """What one thread does with a connection of its own."""

    def run(self, caller: Caller, /) -> None:
        """Do it."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What a run consists of."""

    seed: int
    seconds: float
    files: Sequence[File]
    is_hostile: bool = False
    """A hostile client takes part."""


@dataclass(slots=True)
class Ran:
    """What a run did."""

    mix: Mix
    book: Book
    faults: Faults
    began: float
    """Unix time of the start."""
    drained_after: float | None = None
    """Seconds from the end of the faults until nothing was under way; None: not in time."""
    refusals: set[str] = field(default_factory=set)
    """The bodies of answers that were errors."""
    attacks: Attacking | None = None
    """What a hostile client does besides uploading."""


def run(mix: Mix, release: Release, stack: Stack, recorder: Recorder, within: float) -> Ran:
    """Let clients and faults loose on a release; return when all is over.

    Args:
        mix: what to do.
        release: the chart, installed for this run.
        stack: the local cluster under it.
        recorder: of the history.
        within: seconds that everything may take to end once the faults are over.
    """
    stopped = Event()
    faults = Faults(release, targets.daemons(stack), recorder, Random(mix.seed), stopped)
    ran = Ran(mix, Book(), faults, time.time())
    recorder.write("mark", name="start")
    with _clients(ran, release, recorder, stopped) as uploading:
        faults.carry_out(plan.plan(mix.seed, mix.seconds))
        recorder.write("mark", name="faults-over")
        over = time.monotonic()
        while ran.drained_after is None and time.monotonic() < over + within:
            time.sleep(1)
            if all(future.done() for future in uploading) and _is_over(ran.book, release):
                ran.drained_after = time.monotonic() - over
        recorder.write("mark", name="drained")
    return ran


@contextmanager
def _clients(
    ran: Ran, release: Release, recorder: Recorder, stopped: Event
) -> Iterator[list[Future[None]]]:
    """Have the clients run; yield the ends of their uploading."""
    mix, book, random = ran.mix, ran.book, Random(ran.mix.seed)
    times = sorted(random.uniform(0, mix.seconds * _UPLOADING) for _ in mix.files)
    timed = list(zip(times, mix.files, strict=True))
    tasks: list[tuple[str, str, Task]] = [("onlooker", CLIENTS[0], LookingOn(book, stopped))]
    uploads: list[tuple[str, str, Task]] = []
    for number, client in enumerate(CLIENTS):
        own = Random(f"{mix.seed} {client}")
        share = timed[number :: len(CLIENTS)]
        uploads.append((client, client, Uploading(share, book, own, stopped)))
        tasks.append((f"{client}-keeper", client, Keeping(client, book, own, stopped)))
    if mix.is_hostile:
        name, own = hostile.NAME, Random(f"{mix.seed} {hostile.NAME}")
        bad = hostile.uploads(mix.seed, mix.seconds * _UPLOADING)
        uploads.append((name, name, Uploading(bad, book, own, stopped)))
        tasks.append((f"{name}-keeper", name, Keeping(name, book, own, stopped)))
        ran.attacks = Attacking(URL, release.tokens()[name], mix.seconds, stopped)
    with ExitStack() as opened, ThreadPoolExecutor(len(tasks) + len(uploads) + 1) as pool:

        def start(name: str, token: str, task: Task) -> Future[None]:
            caller = Caller(name, URL, release.tokens()[token], recorder, ran.refusals)
            return pool.submit(task.run, opened.enter_context(caller))

        running = [start(*task) for task in tasks]
        if ran.attacks:
            running.append(pool.submit(ran.attacks.run))
        try:
            yield [start(*upload) for upload in uploads]
        finally:
            stopped.set()
        for future in running:
            future.result()


def _is_over(book: Book, release: Release) -> bool:
    """Say whether nothing is under way: neither what clients know, nor what they never heard of."""
    if not all(upload.is_over for upload in book.snapshot()):
        return False
    try:
        return not release.unfinished()
    except LocalError:
        return False
