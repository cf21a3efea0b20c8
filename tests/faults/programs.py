"""Our programs as processes of their own, started again whenever they end, as the kubelet does."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import STDOUT, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

RESTART_SECONDS: Final = 0.1
READY_SECONDS: Final = 30.0


class Program:
    """One program; it runs inside the block.

    Args:
        module: what Python runs.
        environment: all of it, but for the PATH.
        ready_url: answers 200 when it can work.
        log: where its output goes.
    """

    def __init__(
        self, module: str, environment: Mapping[str, str], ready_url: str, log: Path
    ) -> None:
        self.module = module
        self.codes: list[int] = []
        """The exit codes of all its processes that have ended."""
        self._environment = {"PATH": os.environ["PATH"], **environment}
        self._ready_url = ready_url
        self.log = log
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep())
        try:
            await self.ready()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._keeper
        self._keeper.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeper
        await self.kill()

    async def ready(self) -> None:
        """Wait until it can work."""
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(READY_SECONDS):
            while True:
                with suppress(httpx.TransportError):
                    if (await client.get(self._ready_url)).status_code == httpx.codes.OK:
                        return
                await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """End its process without warning, and wait until that is so."""
        if self._process is not None and self._process.returncode is None:
            self.send(signal.SIGKILL)
            await self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to its process."""
        assert self._process
        self._process.send_signal(number)

    async def _keep(self) -> None:
        with self.log.open("ab") as log:
            while True:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    self.module,
                    env=self._environment,
                    stdout=log,
                    stderr=STDOUT,
                )
                self.codes.append(await self._process.wait())
                await asyncio.sleep(RESTART_SECONDS)
