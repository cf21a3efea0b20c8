"""One connection of an inner server: a request is read and answered, and only then the next one.

All reading and writing is on the socket itself, without a transport: nothing is read that was not
asked for, so that a connection holds what `Bounds` says.
"""

import asyncio
import logging
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import h11

from safelight_adapters.bounds import READ_BYTES, Bounds
from safelight_adapters.exchange import Answer, RefusalError, Router
from safelight_adapters.places import Place, Stage

TIME: Final = "time"
SIZE: Final = "size"
MALFORMED: Final = "malformed"
FAILED: Final = "failed"

_END: Final = re.compile(rb"\n\r?\n")
"""Of a head, as h11 sees it."""

_log = logging.getLogger(__name__)


class Connection:
    """One connection, from its first byte to its end."""

    def __init__(
        self,
        connection: socket.socket,
        place: Place,
        bounds: Bounds,
        router: Router,
        dropped: Callable[[str], None],
    ) -> None:
        self._socket = connection
        self._place = place
        self._bounds = bounds
        self._router = router
        self._dropped = dropped
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=bounds.head_bytes)
        self._loop = asyncio.get_running_loop()
        self._is_first = True
        self._until = self._loop.time() + bounds.exchange_seconds
        """When the exchange must have ended, by the loop's clock."""

    async def run(self) -> None:
        """Answer requests until the connection ends; whoever has opened the socket closes it."""
        try:
            while await self._exchange():
                self._http.start_next_cycle()
                self._enter(Stage.IDLE)
                await asyncio.sleep(self._bounds.pause_seconds)
            await self._linger()
        except TimeoutError:
            self._dropped(TIME)
        except OSError:
            pass  # The client has gone.

    async def _exchange(self) -> bool:
        """Take one request and answer it; return whether another one may follow."""
        request = None
        try:
            request = await self._head()
            if request is None:
                return False
            await self._drop_body(request)
            answer = await self._work(request)
        except RefusalError as refusal:
            answer = refusal.answer
        except h11.RemoteProtocolError as error:
            answer = self._refusal(error)
        except TimeoutError:
            self._dropped(TIME)
            answer = RefusalError(HTTPStatus.REQUEST_TIMEOUT, "The request took too long.").answer
            self._until = self._loop.time() + self._bounds.linger_seconds
        await self._send(answer, has_body=request is None or request.method != b"HEAD")
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _head(self) -> h11.Request | None:
        """Return a head; None: the client has asked nothing more, and that is its right.

        Raises:
            RefusalError: it is of another version of HTTP.
        """
        bounds = self._bounds
        if not self._http.trailing_data[0]:
            self._enter(Stage.HEAD if self._is_first else Stage.IDLE)
            seconds = bounds.head_seconds if self._is_first else bounds.idle_seconds
            try:
                await self._receive(self._loop.time() + seconds)
            except TimeoutError:
                return None
        self._enter(Stage.HEAD)
        self._is_first = False
        now = self._loop.time()
        self._until = now + bounds.exchange_seconds
        event = await self._event(now + bounds.head_seconds)
        if not isinstance(event, h11.Request):
            return None
        if not event.http_version.startswith(b"1."):
            self._dropped(MALFORMED)
            why = "Here is HTTP/1.1 alone."
            raise RefusalError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, why)
        return event

    async def _drop_body(self, request: h11.Request) -> None:
        """Read a body to its end, so that the next request can follow.

        Raises:
            RefusalError: it is too long, or nobody can tell where it ends.
        """
        headers = dict(request.headers)
        length = headers.get(b"content-length")
        if length is not None and b"transfer-encoding" in headers:
            # Whoever stands before us may have read the other of the two (RFC 9112, 6.1).
            self._dropped(MALFORMED)
            why = "Content-Length and Transfer-Encoding exclude each other."
            raise RefusalError(HTTPStatus.BAD_REQUEST, why)
        taken = int(length or 0)
        if taken <= self._bounds.body_bytes:
            if self._http.they_are_waiting_for_100_continue:
                return  # The answer comes at once, and ends the connection (RFC 9110, 10.1.1).
            self._enter(Stage.BODY)
            until = self._loop.time() + self._bounds.body_seconds
            taken = 0
            while isinstance(event := await self._event(until), h11.Data):
                taken += max(len(event.data), self._bounds.chunk_bytes)
                if taken > self._bounds.body_bytes:
                    break
            else:
                return
        self._dropped(SIZE)
        why = f"A body here has at most {self._bounds.body_bytes} bytes."
        raise RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, why)

    async def _work(self, head: h11.Request) -> Answer:
        handler, request = self._router.find(head.method.decode(), head.target)
        self._enter(Stage.WORK)
        try:
            async with asyncio.timeout_at(self._until):
                return await handler(request)
        except Exception:  # noqa: BLE001 - whatever it is, it is told, and the next probe answered
            _log.exception("A handler has failed", extra={"path": request.path})
            self._dropped(FAILED)
            self._until = self._loop.time() + self._bounds.linger_seconds
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            return RefusalError(status, "An internal error; the log says more.").answer

    def _refusal(self, error: h11.RemoteProtocolError) -> Answer:
        status = HTTPStatus(error.error_status_hint)
        is_size = status is HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        self._dropped(SIZE if is_size else MALFORMED)
        if is_size:
            why = f"The head of a request has at most {self._bounds.head_bytes} bytes here."
        else:
            why = "This is no request of HTTP/1.1 that could be read."
        return RefusalError(status, why).answer

    async def _send(self, answer: Answer, *, has_body: bool) -> None:
        headers = [
            ("Date", formatdate(usegmt=True)),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *answer.headers,
        ]
        if answer.status is not HTTPStatus.NO_CONTENT:  # it has no length (RFC 9110, 8.6)
            headers += [
                ("Content-Type", answer.content_type),
                ("Content-Length", str(len(answer.body))),
            ]
        if self._http.their_state in {h11.IDLE, h11.SEND_BODY, h11.ERROR}:
            # What is left of the request will not be read.
            headers.append(("Connection", "close"))
        parts = [
            self._http.send(
                h11.Response(
                    status_code=answer.status, headers=headers, reason=answer.status.phrase
                )
            ),
            self._http.send(h11.Data(data=answer.body)) if has_body and answer.body else b"",
            self._http.send(h11.EndOfMessage()),
        ]
        self._enter(Stage.ANSWER)
        async with asyncio.timeout_at(self._until):
            await self._loop.sock_sendall(self._socket, b"".join(part or b"" for part in parts))

    async def _linger(self) -> None:
        """Read and drop for a while, so that the last answer reaches a client that still sends."""
        self._enter(Stage.HEAD)
        self._socket.shutdown(socket.SHUT_WR)
        left = self._bounds.linger_bytes
        with suppress(TimeoutError):
            async with asyncio.timeout(self._bounds.linger_seconds):
                while left > 0:
                    data = await self._loop.sock_recv(self._socket, READ_BYTES)
                    if not data:
                        return
                    left -= len(data)
                    await asyncio.sleep(0)  # a full buffer would be read on and on

    def _enter(self, stage: Stage) -> None:
        self._place.enter(stage, self._loop.time())

    async def _event(self, until: float) -> h11.Event | type[h11.PAUSED] | type[h11.NEED_DATA]:
        self._check_lines()
        while (event := self._http.next_event()) is h11.NEED_DATA:
            await self._receive(min(until, self._until))
            self._check_lines()
        return event

    def _check_lines(self) -> None:
        if self._http.their_state is h11.IDLE:
            data = self._http.trailing_data[0]
            end = _END.search(data)
            lines = data.count(b"\n", 0, end.start() if end else len(data))
            if lines > self._bounds.head_lines:
                self._dropped(SIZE)
                why = f"The head of a request has at most {self._bounds.head_lines} lines here."
                raise RefusalError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, why)

    async def _receive(self, until: float) -> None:
        async with asyncio.timeout_at(until):
            data = await self._loop.sock_recv(self._socket, READ_BYTES)
        self._http.receive_data(data)
