"""A socket that connections come in by, which takes no more of them than find a place."""

import asyncio
import logging
import socket
from typing import Final

from safelight_api.serving.connection import Connection
from safelight_api.serving.dispatch import Dispatcher
from safelight_api.serving.hub import Hub

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 64
"""Connections taken before others' requests get their turn."""


class Listener:
    """Takes connections from a listening socket while there are places.

    The others wait in the socket's own line, in the kernel; `asyncio.Server` could not leave them
    there.

    Args:
        listening: that is bound and listens; it is closed with the listener.
        hub: has the places.
        dispatcher: for the requests that come.
    """

    def __init__(self, listening: socket.socket, hub: Hub, dispatcher: Dispatcher) -> None:
        self._socket = listening
        self._hub = hub
        self._dispatcher = dispatcher
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[object]] = set()
        self._is_listening = False
        self._is_closed = False
        self._fault: int | None = None
        listening.settimeout(0)
        self.resume()

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The listening socket."""
        return () if self._is_closed else (self._socket,)

    def is_serving(self) -> bool:
        """Return whether it is open."""
        return not self._is_closed

    def resume(self) -> None:
        """Look for connections, unless it does already."""
        if not self._is_listening and not self._is_closed:
            self._is_listening = True
            self._loop.add_reader(self._socket, self._accept)

    def pause(self) -> None:
        """Leave connections in the kernel's line."""
        if self._is_listening:
            self._is_listening = False
            self._loop.remove_reader(self._socket)

    def close(self) -> None:
        """Take no more connections."""
        if not self._is_closed:
            self.pause()
            self._is_closed = True
            self._socket.close()

    async def wait_closed(self) -> None:
        """Wait until every connection that was taken is a connection."""
        if self._opening:
            await asyncio.wait(self._opening)

    def _accept(self) -> None:
        for number in range(_AT_ONCE):
            if number and self._hub.places.are_taken:
                return  # nobody goes for a connection that may not be there
            if not self._hub.make_room(self._loop.time()):
                self.pause()
                return
            try:
                accepted, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no more descriptors: the hub's next sweep tries again
                self._tell(error)
                self.pause()
                return
            self._fault = None
            self._open(accepted)

    def _open(self, accepted: socket.socket) -> None:
        accepted.settimeout(0)
        connection = Connection(self._hub, self._dispatcher)
        task: asyncio.Task[object] = self._loop.create_task(self._connect(connection, accepted))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self, connection: Connection, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: connection, accepted)
        except OSError:  # the client has gone again
            accepted.close()
            connection.abort()

    def _tell(self, error: OSError) -> None:
        if error.errno != self._fault:
            self._fault = error.errno
            logger.warning("cannot take a connection", extra={"error": error.strerror})
