"""One request that came to the proxy, and what becomes of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web
from yarl import URL

from tests.faults import answers
from tests.faults.calls import Call, Dialect
from tests.faults.rules import SLOW_SECONDS, Fault, Rule

_OF_ONE_HOP: Final = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}
)
_INVENTED: Final = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


@dataclass(frozen=True, slots=True)
class Server:
    """Whom requests are passed on to."""

    url: str
    dialect: Dialect
    ca_file: Path | None = None
    """Who has signed its certificate."""


@dataclass(eq=False, slots=True)
class Watch:
    """A watch that is open now."""

    call: Call
    answer: aiohttp.ClientResponse
    silent: bool = False


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class CutError(Exception):
    """The caller's connection ends here."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer."""

    server: Server
    session: aiohttp.ClientSession
    request: web.Request
    call: Call
    body: bytes
    watches: set[Watch]
    """Those that are open now, through all of the proxy."""
    closed: asyncio.Event
    """Set when the proxy ends."""

    async def run(self, rule: Rule) -> web.StreamResponse:
        """Do what a rule says.

        Raises:
            CutError, ClientError, OSError: the caller gets no answer, or half of one.
        """
        if rule.before:
            await rule.before(self.call)
        error = rule.fault and answers.answer(rule.fault, self.call, self.server.dialect)
        if error:
            return web.Response(status=error[0], headers=error[1], body=error[2])
        match rule.fault:
            case Fault.REFUSE:
                raise CutError
            case Fault.HOLE:
                return await self._swallowed()
            case Fault.CUT_REQUEST:
                await self._send_half()
                raise CutError
            case Fault.SLOW:
                await asyncio.sleep(SLOW_SECONDS)
        if self.call.verb == "WATCH":
            return await self._watch()
        answer = await self._answer()
        if rule.after:
            await rule.after(self.call)
        return await self._give(answer, rule.fault)

    async def _give(self, answer: _Answer, fault: Fault | None) -> web.StreamResponse:
        """Let the caller have the server's answer, or what the fault leaves of it."""
        match fault:
            case Fault.CUT_AFTER:
                raise CutError
            case Fault.HOLE_AFTER:
                return await self._swallowed()
            case Fault.CUT_ANSWER:
                await self._answer_half(answer)
                raise CutError
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async def _swallowed(self) -> web.StreamResponse:
        await self.closed.wait()
        raise CutError

    @asynccontextmanager
    async def _sent(
        self, body: bytes | AsyncIterator[bytes], **more: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = _passed_on(self.request.headers) | more
        async with self.session.request(
            self.request.method,
            URL(self.server.url + self.request.raw_path, encoded=True),
            headers=headers,
            data=body,
            allow_redirects=False,
            skip_auto_headers=_INVENTED,
        ) as answer:
            yield answer

    async def _answer(self) -> _Answer:
        async with self._sent(self.body) as answer:
            headers, body = _passed_on(answer.headers), await answer.read()
            if self.call.verb == "HEAD":
                headers["Content-Length"] = answer.headers["Content-Length"]
            return _Answer(answer.status, headers, body)

    async def _send_half(self) -> None:
        async def half() -> AsyncIterator[bytes]:
            yield self.body[: len(self.body) // 2]
            await asyncio.sleep(0.05)
            raise CutError

        async with self._sent(half(), **{"Content-Length": str(len(self.body))}):
            raise CutError

    async def _answer_half(self, answer: _Answer) -> None:
        headers = {**answer.headers, "Content-Length": str(len(answer.body))}
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(self.request)
        await response.write(answer.body[: len(answer.body) // 2])

    async def _watch(self) -> web.StreamResponse:
        async with self._sent(self.body) as answer:
            response = web.StreamResponse(status=answer.status, headers=_passed_on(answer.headers))
            await response.prepare(self.request)
            watch = Watch(self.call, answer)
            self.watches.add(watch)
            try:
                async for chunk in answer.content.iter_any():
                    if not watch.silent:
                        await response.write(chunk)
            except aiohttp.ClientError:
                # Ended by `end_watches`: the caller sees a regular end.
                pass
            finally:
                self.watches.discard(watch)
            if watch.silent:
                return await self._swallowed()
            await response.write_eof()
            return response


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OF_ONE_HOP}
