"""Kopf in a thread and an event loop of its own, the documented way to embed it.

So its handling of signals and its clean-up of "hung" tasks stay its own, and a slow moment of
either side does not hold up the other.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

import kopf

from safelight_contract import pages
from safelight_contract.resources import IMAGE_UPLOAD
from safelight_operator import handlers
from safelight_operator.canary import Canary
from safelight_operator.inbox import Inbox

STOP_SECONDS: Final = 5.0
"""How long Kopf is given to close its connections."""
_GOODBYE_SECONDS: Final = 0.3
"""Its TLS connections end a moment after they are closed; the loop must run until then."""

_log = logging.getLogger(__name__)


class WatchesEndedError(Exception):
    """Kopf has ended although nobody asked it to."""


class Watches:
    """Runs Kopf and hands its events to the inbox, on the inbox's own event loop."""

    def __init__(self, inbox: Inbox, canary: Canary, namespace: str, identity: str) -> None:
        self._inbox = inbox
        self._canary = canary
        self._namespace = namespace
        self._identity = identity
        self._stop = threading.Event()

    async def run(self) -> None:
        """Run Kopf until cancelled.

        Raises:
            WatchesEndedError: it ended by itself.
        """
        # Kopf reads its events with the decoder as it is, and ends if that gives up.
        pages.allow_nesting()
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def hand_over(call: Callable[[], object]) -> None:
            # A thread that is told to stop may outlive the loop for a moment.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(call)

        def deliver(kind: str, deleted: bool, resource: Mapping[str, Any]) -> None:  # noqa: FBT001 - see handlers.Deliver
            hand_over(partial(self._take, kind, resource, deleted=deleted))

        def run() -> None:
            try:
                asyncio.run(self._kopf(deliver))
            except Exception:  # noqa: BLE001 - a thread's error is seen only if it is logged
                _log.exception("Kopf failed")
            finally:
                hand_over(ended.set)

        threading.Thread(target=run, name="kopf", daemon=True).start()
        try:
            await ended.wait()
        finally:
            self._stop.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await ended.wait()
        raise WatchesEndedError("Kopf has ended")

    def _take(self, kind: str, resource: Mapping[str, Any], *, deleted: bool) -> None:
        self._canary.delivered(kind, resource)
        if kind == IMAGE_UPLOAD.plural:
            self._inbox.upload_event(resource, deleted=deleted)
        else:
            self._inbox.job_event(resource, deleted=deleted)

    async def _kopf(self, deliver: handlers.Deliver) -> None:
        identity: Any = self._identity  # Kopf's own type of it is not public.
        try:
            await kopf.operator(
                registry=handlers.registry(deliver, lambda: _log.info("Watching")),
                settings=handlers.settings(self._identity),
                identity=identity,
                standalone=True,
                namespaces=[self._namespace],
                stop_flag=self._stop,
            )
        finally:
            # Kopf waits for the flag in a thread, and that thread would keep a failed Kopf's event
            # loop from closing: nobody would learn that nothing is watched any more.
            self._stop.set()
        await asyncio.sleep(_GOODBYE_SECONDS)
