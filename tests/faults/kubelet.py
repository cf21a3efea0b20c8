"""A kubelet without a node: it runs the real processor for every pod, and says how that ends."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from safelight_contract.job import REQUEST_VARIABLE, JobRequest
from tests.operator.playing import Stage
from tests.operator.processing import request_of

LOOK_SECONDS: Final = 0.1
_KILLED: Final = 128

Json = dict[str, Any]


@dataclass
class PlayedKubelet:
    """Runs the pods of one namespace inside its block.

    Args:
        stage: where the pods are.
        hints: where hints go instead, for each address that an operator gives.
    """

    stage: Stage
    hints: dict[str, str]
    codes: list[int] = field(default_factory=list)
    """The exit codes of all pods that ended by themselves."""
    _pods: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _processes: dict[str, list[Process]] = field(default_factory=dict)
    _looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._looking
        tasks = [self._looking, *self._pods.values()]
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for failure in ended:
            if isinstance(failure, Exception):
                raise failure

    def kill(self, upload_id: str) -> None:
        """End all processes that work for an upload, without warning."""
        for process in self._processes.get(upload_id, []):
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)

    async def _look(self) -> None:
        while True:
            pods = {pod["metadata"]["uid"]: pod for pod in await self.stage.kubernetes.list("pods")}
            for uid, pod in pods.items():
                if uid not in self._pods:
                    self._pods[uid] = asyncio.create_task(self._run(pod))
            for uid in self._pods.keys() - pods.keys():
                self._pods[uid].cancel()
            await asyncio.sleep(LOOK_SECONDS)

    async def _run(self, pod: Json) -> None:
        """Run a pod to its end, or until it is deleted."""
        request = request_of({"spec": {"template": pod}})
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "safelight_processor",
            env={"PATH": os.environ["PATH"], REQUEST_VARIABLE: self._reached(request).encode()},
            stdout=DEVNULL,
        )
        self._processes.setdefault(request.upload_id, []).append(process)
        try:
            await self._tell(pod, "Running", {"running": {}})
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        self.codes.append(code)
        code = _KILLED - code if code < 0 else code
        time = pod["metadata"]["creationTimestamp"]
        ended = {
            "exitCode": code,
            "reason": "Error" if code else "Completed",
            "startedAt": time,
            "finishedAt": time,
        }
        await self._tell(pod, "Failed" if code else "Succeeded", {"terminated": ended})

    def _reached(self, request: JobRequest) -> JobRequest:
        """Return a request whose hint goes through the proxy."""
        assert request.hint_url
        address = urlsplit(request.hint_url)
        return replace(request, hint_url=self.hints[address.netloc] + address.path)

    async def _tell(self, pod: Json, phase: str, state: Json) -> None:
        kubernetes, name = self.stage.kubernetes, pod["metadata"]["name"]
        try:
            await self.stage.set_pod(pod, phase, state)
        except AssertionError:
            if await kubernetes.get("pods", name) is not None:
                raise
