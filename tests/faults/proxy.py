"""An HTTP proxy between our programs and the servers that they need; it does as its rules say.

It has one address for each caller, and keeps the Host header, which S3 signatures cover. Requests
and answers are taken in whole before they go on; only watches pass as they come.
"""

import asyncio
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp import web

from tests.faults.calls import describe
from tests.faults.exchange import CutError, Exchange, Server, Watch
from tests.faults.history import Recorder
from tests.faults.rules import Rule, Rules
from tests.support.waiting import connections_closed, descriptors

MAX_BODY: Final = 64 * 1024 * 1024
_BROKEN: Final = (aiohttp.ClientError, web.RequestPayloadError, OSError)
_NO_RULE: Final = Rule("", "", "")


@dataclass
class Proxy:
    """All addresses of one proxy; close it by leaving its block.

    Args:
        recorder: gets a line for each call.
    """

    recorder: Recorder
    rules: Rules = field(default_factory=Rules)
    watches: set[Watch] = field(default_factory=set)
    _runners: list[web.AppRunner] = field(default_factory=list)
    _sessions: list[aiohttp.ClientSession] = field(default_factory=list)
    _closed: asyncio.Event = field(default_factory=asyncio.Event)
    _before: int = 0
    """Open descriptors at the start."""

    async def __aenter__(self) -> Self:
        self._before = descriptors()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        self.end_watches()
        for runner in self._runners:
            await runner.cleanup()
        for session in self._sessions:
            await session.close()
        await connections_closed(self._before)

    async def listen(self, caller: str, server: Server, pki: Path | None = None) -> str:
        """Open an address for one caller and return its URL.

        Args:
            caller: who will use it.
            server: whom its requests go to.
            pki: folder of the certificate to show; None: plain HTTP.
        """
        tls: ssl.SSLContext | bool = True
        if server.ca_file is not None:
            tls = ssl.create_default_context(cafile=server.ca_file)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=tls),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._sessions.append(session)

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._handle(caller, server, session, request)

        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        self._runners.append(runner)
        await runner.setup()
        own = None
        if pki is not None:
            own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            own.load_cert_chain(pki / "apiserver.crt", pki / "apiserver.key")
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=own)
        await site.start()
        port = runner.addresses[0][1]
        return f"http{'s' if own else ''}://127.0.0.1:{port}"

    def end_watches(self, caller: str | None = None) -> None:
        """End open watches as a server does whose time-out is over."""
        for watch in [w for w in self.watches if caller in {None, w.call.caller}]:
            watch.answer.close()

    def silence_watches(self, caller: str) -> None:
        """Pass nothing on through the watches of now, and say nothing about it."""
        for watch in self.watches:
            watch.silent = watch.silent or watch.call.caller == caller

    async def _handle(
        self, caller: str, server: Server, session: aiohttp.ClientSession, request: web.Request
    ) -> web.StreamResponse:
        try:
            body = await request.read()
            headers = {name.lower(): value for name, value in request.headers.items()}
            call = describe(caller, server.dialect, request.method, request.raw_path, headers, body)
            number, rule = self.rules.take(call)
            self.recorder.write(
                "call",
                caller=call.caller,
                verb=call.verb,
                path=call.path,
                id=call.upload_id,
                number=number,
                fault=rule and rule.fault,
            )
            if rule and rule.fault:
                self.recorder.write(
                    "fault",
                    what="proxy",
                    target=server.dialect,
                    detail=f"{call.caller} {call.verb} {call.path} #{number}: {rule.fault}",
                )
            exchange = Exchange(server, session, request, call, body, self.watches, self._closed)
            return await exchange.run(rule or _NO_RULE)
        except (*_BROKEN, CutError):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
