"""One request and its answer, as the application sees them: uvicorn's cycle, adapted.

What differs from uvicorn's: an answer that starts before the body has arrived says that the
connection is closed; HTTP/1.0 is never answered in chunks; a client whose answers pile up waits
before its next large one; an application that fails leaves an answer of the API's own shape.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Scope

from safelight_api import caller, errors
from safelight_api.body import ClientGoneError
from safelight_api.serving import messages
from safelight_api.serving.line import Line

logger = logging.getLogger(__name__)

_LARGE_ANSWER: Final = 64 * 1024
"""Bytes; an answer with fewer never waits for memory."""
_NO_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class Cycle:
    """One request and its answer.

    Args:
        line: its connection.
        scope: of the request.
        keep_alive: whether the request lets the connection live on.
        expects_continue: whether the client waits for a 100.
    """

    __slots__ = (
        "_expects_continue",
        "_is_chunked",
        "_is_end_told",
        "_is_without_body",
        "_left",
        "_line",
        "_news",
        "claimed_by",
        "is_body_complete",
        "is_complete",
        "is_gone",
        "is_started",
        "keep_alive",
        "scope",
    )

    def __init__(
        self, line: Line, scope: Scope, *, keep_alive: bool, expects_continue: bool
    ) -> None:
        self.scope = scope
        self.claimed_by = caller.NOBODY
        self.keep_alive = keep_alive
        self.is_body_complete = False
        self.is_started = False
        self.is_complete = False
        self.is_gone = False
        """Whether nobody is there to be answered."""
        self._line = line
        self._expects_continue = expects_continue
        self._is_end_told = False
        self._is_without_body = False
        self._is_chunked = False
        self._left: int | None = 0
        """Bytes of the answer that are missing; None: its end is told by chunks, or by closing."""
        self._news: asyncio.Event | None = None

    @property
    def client(self) -> str | None:
        """The name of the token that the request bears, as far as it is known by now."""
        name: str | None = self.scope.get(caller.SCOPE_KEY)
        return name

    def turns_of(self) -> str:
        """Return whose turns of the event loop the request takes."""
        name: str = self.scope.get(caller.SCOPE_KEY, self.claimed_by)
        return name

    def wake(self) -> None:
        """Have the application look again: at the body, or that the client has gone."""
        if self._news is not None:
            self._news.set()

    def disconnect(self) -> None:
        """Note that there is nobody to answer any more."""
        self.is_gone = True
        self.wake()

    async def run(self, app: ASGIApp) -> None:
        """Have the application answer."""
        try:
            await app(self.scope, self.receive, self.send)
        except errors.ApiError as error:
            self._fail(error)
        except ClientGoneError:
            pass
        except Exception:
            logger.exception("the application failed")
            self._fail(errors.internal())
        except BaseException:
            self._fail(errors.unavailable())  # the server ends
            raise
        else:
            self._fail(errors.internal())

    def _fail(self, error: errors.ApiError) -> None:
        """See to it that a request is answered, or its connection closed."""
        if self.is_gone or self.is_complete:
            return
        if not self.is_started:
            self.refuse(error)
        elif self._left is None and not self._is_chunked:
            self._line.abort()  # the end of such an answer is its connection's
        else:
            self._line.close()

    def refuse(self, error: errors.ApiError) -> None:
        """Answer without the application, whose answer is then dropped."""
        self.is_started = self.is_complete = self.is_gone = True
        self.keep_alive = False
        is_head = self.scope["method"] == "HEAD"
        self._line.write(messages.refusal(error, self._line.default_headers(), is_head=is_head))
        self.wake()
        self._line.answered()

    async def receive(self) -> Message:
        """Return the next piece of the body, or that the client has gone (ASGI)."""
        line = self._line
        if not self._is_end_told and not self.is_started:
            if not line.may_go_on(self.client):
                raise errors.busy("Too many connections are open. Close some, and try again.")
            if self._expects_continue:
                self._expects_continue = False
                if not self.is_body_complete and not line.has_body() and not self.is_gone:
                    line.write(messages.CONTINUE)
        while not self.is_gone and not self.is_complete:
            if line.has_body() or (self.is_body_complete and not self._is_end_told):
                body = line.read_body()
                more = line.has_body() or not self.is_body_complete
                self._is_end_told = not more
                return {"type": "http.request", "body": body, "more_body": more}
            if self._news is None:
                self._news = asyncio.Event()
            self._news.clear()
            await self._news.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send the next part of the answer (ASGI).

        Raises:
            RuntimeError: it is not what may come next.
            ClientGoneError: nobody is there to take it, and it is not the last part.
        """
        line = self._line
        if line.is_write_paused and not self.is_gone:
            await line.drain(len(message.get("body", b"")))
        if self.is_gone:
            if message.get("more_body"):
                raise ClientGoneError
            return
        kind = message["type"]
        if not self.is_started:
            if kind != "http.response.start":
                raise RuntimeError(f"an answer cannot start with {kind!r}")
            await self._start(message)
        elif self.is_complete or kind != "http.response.body":
            raise RuntimeError(f"{kind!r} cannot come here")
        else:
            self._go_on(message.get("body", b""), more=message.get("more_body", False))

    async def _start(self, message: Message) -> None:
        line, status = self._line, message["status"]
        head, length, is_closing = messages.head(
            status, (*line.default_headers(), *message.get("headers", ()))
        )
        self._is_without_body = status in _NO_BODY or self.scope["method"] == "HEAD"
        if not self._is_without_body and length is not None and length > _LARGE_ANSWER:
            has_room = await line.wait_for_room(self.client)
            if not has_room and not self.is_gone:
                self.refuse(messages.short_of_memory())
            if self.is_gone:
                return
        if is_closing or not self.is_body_complete or not line.may_go_on(self.client):
            self.keep_alive = False
        self._frame(head, length)
        if not self.keep_alive or line.is_leaving:
            self.keep_alive = False
            head.append(messages.CLOSE)
        head.append(b"\r\n")
        self.is_started = True
        line.write(b"".join(head))

    def _frame(self, head: list[bytes], length: int | None) -> None:
        """Choose how the end of the answer is told (RFC 9112, 6.3)."""
        if self._is_without_body:
            self._left = 0
        elif length is not None:
            self._left = length
        elif self.scope["http_version"] == "1.1":
            self._left = None
            self._is_chunked = True
            head.append(b"transfer-encoding: chunked\r\n")
        else:
            self._left = None
            self.keep_alive = False

    def _go_on(self, body: bytes, *, more: bool) -> None:
        if not self._is_without_body:
            if self._left is not None:
                if len(body) > self._left:
                    raise RuntimeError("the answer is longer than its Content-Length")
                self._left -= len(body)
            elif self._is_chunked:
                body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
                if not more:
                    body += b"0\r\n\r\n"
            if body:
                self._line.write(body)
        if not more:
            if self._left:
                raise RuntimeError("the answer is shorter than its Content-Length")
            self.is_complete = True
            self.wake()
            self._line.answered()
