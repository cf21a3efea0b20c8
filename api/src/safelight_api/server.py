"""The HTTP server: uvicorn's, with limits and an end that it lacks.

- A request's head must arrive within `HEAD_SECONDS` and `MAX_HEAD_BYTES`; uvicorn bounds neither.
- After an answer that was sent before the body had arrived (401, 413, 415 …) the rest of the body
  is read and dropped for at most `LINGER_SECONDS`. Closing at once would reset the connection, and
  the client could lose the answer.
- Its own error answer has the shape of all others.
- Before it ends, connections that are kept open hear so: the next answer on each says
  `Connection: close`. uvicorn closes them at once, and a request that is on its way just then is
  lost: a client that polls once a second would see an error at every roll-out, now and then.
"""

import asyncio
import socket
from http import HTTPStatus
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from safelight_api import errors

HEAD_SECONDS: Final = 10.0
MAX_HEAD_BYTES: Final = 64 * 1024
LINGER_SECONDS: Final = 5.0
KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the proxies in front keep a connection (60 s mostly), so that they close first."""
NOTICE_SECONDS: Final = 3.0
"""How long an idle connection may take to send the request whose answer closes it.

Longer than the time between two polls. The chart's time for the end has room for it.
"""
_LOOK_SECONDS: Final = 0.05


class LeavingServer(uvicorn.Server):
    """A server that tells its clients before it closes a connection that they may use again."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, give those there are notice, then end as uvicorn does."""
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + NOTICE_SECONDS
        while self._give_notice() and loop.time() < deadline:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(_LOOK_SECONDS)
        await super().shutdown(sockets)

    def _give_notice(self) -> int:
        """Tell all connections; return how many may still bring a request."""
        connections = [c for c in self.server_state.connections if isinstance(c, BoundedProtocol)]
        for connection in connections:
            connection.leave()
        return sum(connection.is_idle for connection in connections)


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - passed on as they are
        super().__init__(*arguments, **options)
        self._head_bytes = 0
        self._is_in_head = True
        self._is_in_body = False
        self._is_between = False
        self._timer: asyncio.TimerHandle | None = None
        self._is_leaving = False

    @property
    def _current(self) -> RequestResponseCycle | None:
        return self.cycle  # uvicorn's type of it forgets that there is none at first

    @property
    def is_idle(self) -> bool:
        """Whether a request may be on its way, but none has arrived."""
        return self._current is None or self._current.response_complete

    def leave(self) -> None:
        """Close the connection after the next answer, which says so."""
        self._is_leaving = True
        if self._current is not None and not self._current.response_started:
            self._current.keep_alive = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Start to wait for a request."""
        super().connection_made(transport)
        self._arm(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bound a head that did not come in one piece; for others no timer is ever started."""
        self._is_between = False
        super().data_received(data)
        if not self._is_in_head or self._is_between or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large.")
        elif self._timer is None:
            self._arm(HEAD_SECONDS)

    def on_message_begin(self) -> None:
        """Start to count: the head begins."""
        self._is_between = False
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop counting: the head is there."""
        self._is_in_head = False
        self._is_in_body = True
        self._disarm()
        super().on_headers_complete()
        if self._is_leaving:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Be ready for the next head; uvicorn's keep-alive time-out covers the time until then."""
        self._is_in_head = True
        self._is_in_body = False
        self._is_between = True
        self._disarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Drop the rest of a body that nobody wants, but not for ever."""
        super().on_response_complete()
        if self._is_in_body and not self.transport.is_closing():
            self._arm(LINGER_SECONDS)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        answer = errors.problem(errors.ApiError(status, detail))
        lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
        lines += [name + b": " + value for name, value in answer.raw_headers]
        lines += [b"x-content-type-options: nosniff", b"connection: close", b"", bytes(answer.body)]
        self.transport.write(b"\r\n".join(lines))
        self.transport.close()

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
