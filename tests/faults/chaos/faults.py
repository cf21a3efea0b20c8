"""Does to the parts what the plan says, at its times, and writes each fault into the history."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from threading import Event, Lock
from typing import Final, TypeVar

from safelight_local.errors import LocalError
from safelight_local.progress import Progress
from tests.faults.chaos import targets, twin
from tests.faults.chaos.plan import TAKEOVER_SECONDS, Fault, Target, What
from tests.faults.chaos.release import Release
from tests.faults.chaos.targets import Container, Supervised
from tests.faults.history import Recorder

T = TypeVar("T")

_FIND_WITHIN: Final = 10.0
_STARTED_WITHIN: Final = 120.0
_PUT_BACK_WITHIN: Final = 180.0
"""Longer than the API server is ever away."""
_LEADS_WITHIN: Final = 45.0
_UPGRADED_WITHIN: Final = 240.0
_INTERVAL: Final = 0.1


class NotDoneError(Exception):
    """There was nothing to do it to, or something else was in the way."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Carries out a plan against a release and the local cluster under it."""

    release: Release
    daemons: Mapping[Target, Supervised]
    recorder: Recorder
    random: Random
    stopped: Event
    deploying: Lock = field(default_factory=Lock)
    """Held while the number of operators is another one than Helm's."""
    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often what (target, what) was done."""
    missed: list[str] = field(default_factory=list)
    """What could not be done, and why."""

    def carry_out(self, plan: Sequence[Fault]) -> None:
        """Do all of it; return when it is over, or when stopped."""
        began = time.monotonic()
        with ThreadPoolExecutor(len(Target)) as pool:
            running = [
                pool.submit(self._sequence, began, [f for f in plan if f.target is target])
                for target in Target
            ]
            try:
                for future in running:
                    future.result()
            except BaseException:
                self.stopped.set()
                raise

    def _sequence(self, began: float, faults: Sequence[Fault]) -> None:
        for fault in faults:
            if self.stopped.wait(max(0.0, began + fault.at - time.monotonic())):
                return
            try:
                self._do(fault)
            except (NotDoneError, LocalError, ProcessLookupError) as error:
                self.missed.append(f"{fault.what} {fault.target}: {error}")
            else:
                self.done[fault.target, fault.what] += 1

    def _do(self, fault: Fault) -> None:
        if fault.what is What.UPGRADE:
            with self.deploying:
                self._upgrade()
        elif fault.what is What.TAKEOVER:
            with self.deploying:
                self._take_over()
        elif fault.what is What.SECOND_OPERATOR:
            self._have_two(fault.lasts)
        elif fault.target in self.daemons:
            self._hit_daemon(fault, self.daemons[fault.target])
        else:
            self._hit_container(fault)

    def _hit_daemon(self, fault: Fault, daemon: Supervised) -> None:
        pid = daemon.pid
        if pid is None:
            raise NotDoneError("it does not run")
        if fault.what is What.STOP:
            self._pause(fault.target, pid, fault.lasts, "")
            return
        self._note(fault.what, fault.target)
        if fault.what is What.KILL:
            os.kill(pid, signal.SIGKILL)
        else:
            daemon.end()
        self.stopped.wait(fault.lasts)
        self._patiently(daemon.start, _STARTED_WITHIN)

    def _hit_container(self, fault: Fault) -> None:
        container = self._find(fault.target)
        if fault.what is What.STOP:
            self._pause(fault.target, container.pid, fault.lasts, container.pod)
        elif fault.what is What.KILL:
            self._note(fault.what, fault.target, container.pod)
            os.kill(container.pid, signal.SIGKILL)
        else:
            self._note(fault.what, fault.target, container.pod)
            self._patiently(
                lambda: self.release.kubectl(
                    "delete", "pod", container.pod, "--wait=false", "--ignore-not-found"
                ),
                _FIND_WITHIN,
            )

    def _find(self, target: Target) -> Container:
        found: list[Container] = []

        def look() -> bool:
            found[:] = targets.containers(target, self.release.storage.bucket)
            return bool(found)

        if not self._wait(look, _FIND_WITHIN):
            raise NotDoneError("none runs")
        return self.random.choice(found)

    def _take_over(self) -> None:
        self._patiently(lambda: self.release.operators(2), TAKEOVER_SECONDS)
        try:
            leader = self._leader()
            self._note(What.TAKEOVER, Target.OPERATOR, f"{leader.pod} is paused")
            others = {leader.pod, ""}
            with targets.paused(leader.pid):
                taken = self._wait(lambda: self.release.leader() not in others, _LEADS_WITHIN)
            self._note("wake", Target.OPERATOR, leader.pod)
            if not taken:
                raise NotDoneError("the standby did not take over")
        finally:
            self._patiently(lambda: self.release.operators(1), _PUT_BACK_WITHIN)

    def _have_two(self, seconds: float) -> None:
        try:
            self._patiently(lambda: twin.start(self.release), TAKEOVER_SECONDS)
            self._note(What.SECOND_OPERATOR, Target.OPERATOR)
            self.stopped.wait(seconds)
        finally:
            self._patiently(lambda: twin.stop(self.release), _PUT_BACK_WITHIN)

    def _leader(self) -> Container:
        found: list[Container] = []

        def look() -> bool:
            name = self.release.leader()
            running = targets.containers(Target.OPERATOR, self.release.storage.bucket)
            found[:] = [container for container in running if container.pod == name]
            return bool(found)

        if not self._wait(look, TAKEOVER_SECONDS):
            raise NotDoneError("no operator leads")
        return found[0]

    def _upgrade(self) -> None:
        self._note(What.UPGRADE, Target.RELEASE)
        self._patiently(lambda: self.release.upgrade(Progress()), _UPGRADED_WITHIN)

    def _pause(self, target: Target, pid: int, seconds: float, detail: str) -> None:
        self._note(What.STOP, target, detail)
        with targets.paused(pid):
            self.stopped.wait(seconds)
        self._note("wake", target, detail)

    def _note(self, what: str, target: Target, detail: str = "") -> None:
        self.recorder.write("fault", what=what, target=target, detail=detail)

    def _wait(self, is_so: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.stopped.wait(_INTERVAL):
            try:
                if is_so():
                    return True
            except LocalError:
                continue
        return False

    def _patiently(self, do: Callable[[], T], seconds: float) -> T:
        """Do what fails while the API server is away."""
        end = time.monotonic() + seconds
        while True:
            try:
                return do()
            except LocalError:
                if time.monotonic() > end or self.stopped.wait(1):
                    raise
