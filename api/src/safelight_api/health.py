"""Whether the process is alive and ready: one answer, for the public port and for the inner one.

The inner port is served by a thread of its own, so that a probe is answered however many requests
wait for the event loop. What it says still comes from that loop: one that hangs is not alive.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from safelight_api.services import Services

ALIVE: Final = "/healthz"
READY: Final = "/readyz"
ALIVE_SECONDS: Final = 4.0
"""How long the loop may take to say that it is alive; the chart's probe waits a second longer."""
READY_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a probe is told."""

    is_good: bool
    content: dict[str, Any]

    @property
    def status(self) -> HTTPStatus:
        """The code of the answer."""
        return HTTPStatus.OK if self.is_good else HTTPStatus.SERVICE_UNAVAILABLE


def alive(_services: Services) -> Verdict:
    """Say that the process answers; a restart would mend nothing else."""
    return Verdict(is_good=True, content={"status": "ok"})


def ready(services: Services) -> Verdict:
    """Say whether requests may come: both kinds were listed, and there are tokens.

    An outage of the cluster or of the object storage later on does not make it unready: polls are
    answered from memory, and what cannot be answered gets a 503 that clients understand.
    """
    checks = {"cache": services.are_synced, "tokens": len(services.tokens) > 0}
    is_ready = all(checks.values())
    return Verdict(is_ready, {"status": "ok" if is_ready else "unready", "checks": checks})


class Health:
    """Asks the event loop that answers requests, from another one."""

    def __init__(self) -> None:
        self._asked: tuple[asyncio.AbstractEventLoop, Services] | None = None

    def began(self, services: Services) -> None:
        """Note that the running event loop answers requests from now on."""
        self._asked = asyncio.get_running_loop(), services

    def ended(self) -> None:
        """Note that it will end."""
        self._asked = None

    async def ask(self, question: Callable[[Services], Verdict], seconds: float) -> Verdict:
        """Return what that loop says; not good if it says nothing within that many seconds."""
        asked = self._asked
        if asked is None:
            return Verdict(is_good=False, content={"status": "starting or ending"})
        loop, services = asked
        found: Future[Verdict] = Future()

        def look() -> None:
            if found.set_running_or_notify_cancel():
                try:
                    found.set_result(question(services))
                except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to who asked
                    found.set_exception(error)

        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                loop.call_soon_threadsafe(look)
                return await asyncio.wrap_future(found)
        return Verdict(is_good=False, content={"status": f"no answer within {seconds:g} s"})
