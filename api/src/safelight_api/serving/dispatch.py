"""The one place where a request meets the application: its task is made here."""

import asyncio
import contextvars
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from starlette.types import ASGIApp, Scope
from uvicorn.config import Config
from uvicorn.server import ServerState

from safelight_api.serving.events import Head
from safelight_api.serving.turns import Turns

ClientOf = Callable[[Iterable[tuple[bytes, bytes]]], str]
"""Tells from the headers of a request whose it seems to be, before the application decides it."""


class Runnable(Protocol):
    """A request that is to be answered."""

    claimed_by: str
    """Whose turns it takes until the application has said whose it is."""
    scope: Scope

    def turns_of(self) -> str:
        """Return whose turns it takes."""

    async def run(self, app: ASGIApp) -> None:
        """Have the application answer it."""


class Dispatcher:
    """Starts the application for each request, in a task of its own, and in its client's turns.

    Args:
        config: of uvicorn; its application is wrapped already.
        state: of uvicorn's server, which waits for the tasks at its end.
        app_state: of the lifespan; every request gets a copy.
        client_of: see `ClientOf`.
    """

    def __init__(
        self, config: Config, state: ServerState, app_state: dict[str, Any], client_of: ClientOf
    ) -> None:
        self.state = state
        self.client_of = client_of
        self._turns = Turns()
        self._context = contextvars.copy_context()
        self._app: ASGIApp = config.loaded_app
        self._app_state = app_state
        self._asgi = {"version": config.asgi_version, "spec_version": "2.3"}
        self._root_path = config.root_path
        self._loop = asyncio.get_running_loop()

    def start(self, request: Runnable) -> None:
        """Begin to answer a request."""
        request.claimed_by = self.client_of(request.scope["headers"])
        # A request that was pipelined begins in the task of the one before it.
        task = self._loop.create_task(
            self._turns.metered(request.run(self._app), request.turns_of),
            context=self._context.copy(),
        )
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
