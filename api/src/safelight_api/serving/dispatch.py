"""The one place where a request meets the application: its task is made here."""

import asyncio
from typing import Any, Protocol

from starlette.types import ASGIApp, Scope
from uvicorn.config import Config
from uvicorn.server import ServerState

from safelight_api.serving.events import Head
from safelight_api.serving.turns import Turns


class Runnable(Protocol):
    """A request that is to be answered."""

    async def run(self, app: ASGIApp) -> None:
        """Have the application answer it."""

    def charged_to(self) -> str:
        """Return the client whose turn its next step takes, as far as it is known by now."""


class Dispatcher:
    """Starts the application for each request, in a task of its own and in its client's turns.

    Args:
        config: of uvicorn; its application is wrapped already.
        state: of uvicorn's server, which waits for the tasks at its end.
        app_state: of the lifespan; every request gets a copy.
    """

    def __init__(self, config: Config, state: ServerState, app_state: dict[str, Any]) -> None:
        self.state = state
        self._app: ASGIApp = config.loaded_app
        self._app_state = app_state
        self._asgi = {"version": config.asgi_version, "spec_version": "2.3"}
        self._root_path = config.root_path
        self._loop = asyncio.get_running_loop()
        self._turns = Turns()

    def start(self, request: Runnable) -> None:
        """Begin to answer a request."""
        run = self._turns.metered(request.run(self._app), request.charged_to)
        task = self._loop.create_task(run)
        self.state.tasks.add(task)
        task.add_done_callback(self.state.tasks.discard)

    def scope(
        self,
        head: Head,
        path: str,
        raw_path: bytes,
        query: bytes,
    ) -> Scope:
        """Return a request's scope (ASGI's HTTP specification 2.3), without its addresses."""
        return {
            "type": "http",
            "asgi": self._asgi,
            "http_version": head.version,
            "scheme": "http",
            "method": head.method,
            "root_path": self._root_path,
            "path": self._root_path + path,
            "raw_path": self._root_path.encode("ascii") + raw_path,
            "query_string": query,
            "headers": list(head.headers),
            "state": self._app_state.copy(),
        }
