"""uvicorn's server with connections of our own: where it listens, and an end that it lacks.

Before it ends, connections that are kept open hear so: the next answer on each says
`Connection: close`. uvicorn closes them at once, and a request that is on its way just then is
lost: a client that polls once a second would see an error at every roll-out, now and then.
"""

import asyncio
import contextlib
import socket
import sys
from typing import Final

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from safelight_api.serving.connection import Connection
from safelight_api.serving.dispatch import Dispatcher
from safelight_api.serving.hub import SWEEP_SECONDS, Hub, Limits
from safelight_api.serving.listener import Listener

NOTICE_SECONDS: Final = 3.0
"""How long an idle connection may take to send the request whose answer closes it.

Longer than the time between two polls. The chart's time for the end has room for it.
"""
_LOOK_SECONDS: Final = 0.05


class LeavingServer(uvicorn.Server):
    """A server that bounds its connections, and tells its clients before it closes them.

    Args:
        config: of uvicorn; its protocol classes are not used.
        hub: what all connections share; None: one with the default limits.
    """

    def __init__(self, config: uvicorn.Config, hub: Hub | None = None) -> None:
        super().__init__(config)
        self.hub = hub or Hub(Limits())
        self._listeners: list[Listener] = []
        self._sweeping: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then listen."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        dispatcher = Dispatcher(self.config, self.server_state, self.lifespan.state)
        for listening in sockets or [self.config.bind_socket()]:
            listening.listen(self.config.backlog)
            self._listeners.append(Listener(listening, self.hub, dispatcher))
        self.servers = list(self._listeners)  # type: ignore[arg-type]  # it closes them, no more
        self.hub.on_room = self._resume
        self._sweeping = asyncio.create_task(self._sweep())
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, give those there are notice, then end as uvicorn does."""
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + NOTICE_SECONDS
        self.hub.is_leaving = True
        while self._give_notice() and loop.time() < deadline:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(_LOOK_SECONDS)
        await super().shutdown(sockets)
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping

    def _resume(self) -> None:
        for listener in self._listeners:
            listener.resume()

    def _give_notice(self) -> int:
        """Tell all connections; return how many may still bring a request."""
        connections = [c for c in self.server_state.connections if isinstance(c, Connection)]
        for connection in connections:
            connection.leave()
        return sum(connection.is_idle for connection in connections)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.hub.sweep(loop.time())
