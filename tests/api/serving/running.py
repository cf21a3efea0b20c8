"""A server within the test's process, with an application of the test's own, on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from safelight_api.serving.hub import Hub, Limits
from safelight_api.serving.server import LeavingServer
from tests.api.asking import eventually
from tests.api.running import Connection


class Serving:
    """A running server."""

    def __init__(self, server: LeavingServer) -> None:
        self.server = server
        self.hub: Hub = server.hub
        self.closed: list[str] = []
        """The reasons of connections that were closed against their clients' will."""
        self.hub.on_closed = self.closed.append
        self._connections: list[Connection] = []

    async def connect(self) -> Connection:
        """Open a connection, which ends with the server."""
        (listener,) = self.server.servers[0].sockets
        connection = Connection(*await asyncio.open_connection(*listener.getsockname()))
        self._connections.append(connection)
        return connection

    def later(self, seconds: float) -> None:
        """Have the server find what is overdue, as if so much time had gone by."""
        self.hub.sweep(asyncio.get_running_loop().time() + seconds)

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()


@asynccontextmanager
async def running(application: ASGIApp, limits: Limits | None = None) -> AsyncIterator[Serving]:
    """Serve an application; everything is closed at the end."""
    config = uvicorn.Config(
        application, port=0, lifespan="off", log_config=None, ws="none", proxy_headers=False
    )
    server = LeavingServer(config, Hub(limits or Limits()))
    task = asyncio.create_task(server._serve())  # noqa: SLF001 - `serve` would take over the test's signals
    await eventually(lambda: server.started, seconds=30)
    serving = Serving(server)
    try:
        yield serving
    finally:
        await serving.close()
        server.should_exit = True
        await task
