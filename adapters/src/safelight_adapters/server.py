"""The server of an inner port: hints, health, metrics. Right and small rather than quick."""

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from safelight_adapters.bounds import RECEIVE_BUFFER, SEND_BUFFER, Bounds
from safelight_adapters.connection import FAILED, MALFORMED, SIZE, TIME, Connection
from safelight_adapters.exchange import Router, Routes
from safelight_adapters.places import Place, Places, Stage

PLACES: Final = "places"
REASONS: Final = (PLACES, TIME, SIZE, MALFORMED, FAILED)
"""Why the server refuses a request or ends a connection: all places were taken, it took too long,
it was too large, it was no HTTP, or the handler has failed."""

_BACKLOG: Final = 512
"""Connections that the kernel keeps for us; beyond them it has clients try again after a second."""
_PAUSE_SECONDS: Final = 0.1
"""Before another try to accept, when the process has no file left."""
_LEAVING_SECONDS: Final = 0.5
"""What answers that are under way may take at the end."""
_JOIN_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class Server:
    """Listens from its making on; connections are taken while `running` or `in_thread` is open."""

    def __init__(
        self,
        routes: Routes,
        host: str,
        port: int,
        *,
        bounds: Bounds | None = None,
        dropped: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        """Listen.

        Args:
            routes: the handlers.
            host: address to listen on.
            port: 0: any free one.
            bounds: what all clients may hold; None: the usual.
            dropped: is called with one of `REASONS` for each request or connection that was
                refused or given up.

        Raises:
            OSError: the port is taken.
        """
        self._router = Router(routes)
        self._bounds = bounds or Bounds()
        self._dropped = dropped
        self._places = Places(self._bounds)
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        self._pause: asyncio.TimerHandle | None = None
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        # Connections have these from it.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._listener.settimeout(0)
        self.port: int = self._listener.getsockname()[1]

    def __len__(self) -> int:
        """Return how many places are taken."""
        return len(self._places)

    def close(self) -> None:
        """Stop listening; `running` does so by itself."""
        self._listener.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve on this event loop while the block runs; then everything is closed."""
        self._listen()
        try:
            yield
        finally:
            if self._pause is not None:
                self._pause.cancel()
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            await self._leave()

    @contextmanager
    def in_thread(self) -> Iterator[None]:
        """Serve in a thread with an event loop of its own while the block runs."""
        started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

        async def serve() -> None:
            stop = asyncio.Event()
            async with self.running():
                started.set_result((asyncio.get_running_loop(), stop))
                await stop.wait()

        def run() -> None:
            # The plain loop: what it does here is known, and it is quick enough.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(serve())

        thread = threading.Thread(target=run, name=f"inner port {self.port}", daemon=True)
        thread.start()
        loop, stop = started.result(_JOIN_SECONDS)
        try:
            yield
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(_JOIN_SECONDS)

    def _listen(self) -> None:
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        """Take the next connections; the loop calls again in its next turn if there are more."""
        for _ in range(self._bounds.accepted):
            try:
                connection, address = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                # The process has no file left, say. The loop would call again and again.
                _log.warning("No connection could be accepted", extra={"why": str(error)})
                loop = asyncio.get_running_loop()
                loop.remove_reader(self._listener)
                self._pause = loop.call_later(_PAUSE_SECONDS, self._listen)
                return
            connection.settimeout(0)
            self._admit(connection, address[0])

    def _admit(self, connection: socket.socket, source: str) -> None:
        place, leaving = self._places.take(source, asyncio.get_running_loop().time())
        if leaving is not None:
            self._tasks[leaving].cancel()
        if leaving is not None or place is None:
            self._dropped(PLACES)
        if place is None:
            connection.close()
            return
        task = asyncio.create_task(
            Connection(connection, place, self._bounds, self._router, self._dropped).run()
        )
        self._tasks[place] = task

        def ended(_task: asyncio.Task[None]) -> None:
            # Not in the task itself: one that is cancelled before its start never runs.
            connection.close()
            self._places.free(place)
            del self._tasks[place]

        task.add_done_callback(ended)

    async def _leave(self) -> None:
        for place, task in self._tasks.items():
            if place.stage not in {Stage.ANSWER, Stage.WORK}:
                task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=_LEAVING_SECONDS)
        for task in (left := list(self._tasks.values())):
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
