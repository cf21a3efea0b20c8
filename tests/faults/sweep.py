"""Many uploads at once, each with a fault of its own, and a reader that never looks away."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from safelight_contract.resources import IMAGE_UPLOAD
from tests.faults.calls import Call
from tests.faults.cases import Case, Deletion, Kill
from tests.faults.rules import Callback, Fault, Rule
from tests.faults.world import World
from tests.operator.playing import Kubernetes, Stage, condition, photo

IN_FLIGHT: Final = 24
"""Uploads at the same time: black holes overlap."""
END_SECONDS: Final = 150.0
"""Within this every upload must have ended, whatever happens to one of its calls."""
LOOK_AGAIN_SECONDS: Final = 5.0
"""Between two polls of an upload that has ended."""
TURN_SECONDS: Final = 90.0
"""Within this a call must come whose turn it is."""
PAUSE_SECONDS: Final = 8.0
"""Between two faults of calls that belong to no upload: for a renewal that none meets."""


@dataclass
class Sweep:
    """The uploads of one run."""

    world: World
    ends: Counter[str] = field(default_factory=Counter)
    """How often uploads ended how."""
    missed: list[Case] = field(default_factory=list)
    """The faults that never came, since the call was not made."""
    _ended: list[str] = field(default_factory=list)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(IN_FLIGHT))

    async def run(self, cases: Iterable[Case]) -> None:
        """Take one upload for each case to its end.

        Raises:
            ExceptionGroup: some did not end.
        """
        async with asyncio.TaskGroup() as group:
            for case in cases:
                group.create_task(self._run_one(case))

    async def upload(self, name: str, data: bytes) -> str | None:
        """Take one upload to its end; return its id, or None without a 201.

        Raises:
            TimeoutError: it does not end.
        """
        clients = self.world.clients
        upload_id = await clients.upload(name, data)
        if upload_id is None:
            self.ends["no 201"] += 1
            return None
        end = await clients.until_ended(name, upload_id, END_SECONDS)
        self.ends[end] += 1
        self._ended.append(upload_id)
        if end == "processed":
            await clients.view(name, upload_id)
        return upload_id

    async def disturb(self, cases: Iterable[Case]) -> None:
        """Let faults happen to calls that belong to no upload; those of a resource take turns.

        Between two of them there is time to recover: a leader whose Lease cannot be renewed for
        long has to end.

        Raises:
            ExceptionGroup: a call was not made any more.
        """
        resources: dict[tuple[str, str], list[Case]] = {}
        for case in cases:
            resources.setdefault((case.step.caller, case.step.path), []).append(case)
        async with asyncio.TaskGroup() as group:
            for found in resources.values():
                group.create_task(self._disturb(found))

    async def _disturb(self, cases: Iterable[Case]) -> None:
        proxy = self.world.proxy
        for case in cases:
            rule = self._rule(case)
            proxy.rules.add(rule)
            async with asyncio.timeout(TURN_SECONDS):
                while rule in proxy.rules.waiting(None):
                    if case.step.verb == "WATCH":
                        proxy.end_watches(case.step.caller)
                    await asyncio.sleep(1)
            await asyncio.sleep(PAUSE_SECONDS)

    @asynccontextmanager
    async def looked_on(self) -> AsyncIterator[None]:
        """Poll the uploads that have ended again and again, while the block lasts."""
        task = asyncio.create_task(self._look_on())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            for upload_id in tuple(self._ended):
                await self.world.clients.status("reader", upload_id)
                await asyncio.sleep(LOOK_AGAIN_SECONDS / len(self._ended))

    async def _run_one(self, case: Case) -> None:
        rule, data = self._rule(case), photo()
        mark = hashlib.sha256(data).hexdigest()
        self.world.proxy.rules.add(rule, mark)
        waiting = self.world.proxy.rules.waiting(mark)
        async with self._gate:
            while await self.upload(str(case), data) is None and waiting:  # noqa: ASYNC110 - it is a call
                await asyncio.sleep(1)  # The API was killed for the sake of another upload.
        # What an operator does last it does after the upload has ended for readers.
        try:
            async with asyncio.timeout(TURN_SECONDS):
                while waiting:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.1)
        except TimeoutError:
            self.missed.append(case)

    def _rule(self, case: Case) -> Rule:
        what: Fault | None = None
        before: Callback | None = None
        after: Callback | None = None
        match case.fault:
            case Kill.BEFORE:
                what, before = Fault.REFUSE, self._kill
            case Kill.AFTER:
                what, after = Fault.CUT_AFTER, self._kill
            case Deletion.BEFORE:
                before = self._delete
            case Deletion.AFTER:
                after = self._delete
            case Fault() as fault:
                what = fault
        step = case.step
        return Rule(step.caller, step.verb, step.path, step.number, what, before, after)

    async def _delete(self, call: Call) -> None:
        """Delete the upload, and what has come of it."""
        assert call.upload_id
        for of in ("upload", "image"):
            await self.world.clients.delete("deleter", call.upload_id, of)

    async def _kill(self, call: Call) -> None:
        """Kill who makes a call."""
        world = self.world
        world.recorder.write("fault", what="kill", target=call.caller)
        match call.caller:
            case "api":
                await world.api.kill()
            case "operator":
                await world.operators[0].kill()
            case "processor":
                world.kubelet.kill(call.upload_id or "")


async def until_drained(stage: Stage, seconds: float) -> None:
    """Wait until no upload is under way, and no Job or Pod is left.

    Raises:
        TimeoutError: that does not come to pass.
    """
    async with asyncio.timeout(seconds):
        while await _is_under_way(stage.kubernetes):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.5)


async def _is_under_way(kubernetes: Kubernetes) -> bool:
    uploads = await kubernetes.list(IMAGE_UPLOAD.plural)
    if any(condition(upload, "Succeeded").get("status") != "False" for upload in uploads):
        return True
    return bool(await kubernetes.list("jobs") or await kubernetes.list("pods"))
