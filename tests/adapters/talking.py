"""Clients of an inner server that do as they like, on bare sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

import h11

from safelight_adapters.bounds import Bounds
from safelight_adapters.exchange import Answer, Request, Routes
from safelight_adapters.server import Server

SECONDS = 30
"""How long a test waits at most for what must come."""
GET = b"GET /good HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = b"x" * 4_000_000


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that nothing tells."""
    async with asyncio.timeout(SECONDS):
        while not is_so():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Heard:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        """Send bytes, as far as the other side takes them."""
        self.writer.write(data)

    async def heard(self, *methods: str) -> list[Heard]:
        """Return all answers until the server ends the connection, as h11 understands them.

        Args:
            methods: of the requests, if they are not GET.
        """
        answers: list[Heard] = []
        data = b""
        async with asyncio.timeout(SECONDS):
            while piece := await self._read():
                data += piece
        while data:
            method = methods[len(answers)] if len(answers) < len(methods) else "GET"
            judge = h11.Connection(h11.CLIENT)
            judge.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
            judge.send(h11.EndOfMessage())
            judge.receive_data(data)
            judge.receive_data(b"")
            head = judge.next_event()
            assert isinstance(head, h11.Response)
            body = b""
            while isinstance(event := judge.next_event(), h11.Data):
                body += event.data
            assert isinstance(event, h11.EndOfMessage)
            headers = {name.decode(): value.decode() for name, value in head.headers}
            answers.append(Heard(head.status_code, headers, body))
            data = judge.trailing_data[0]
        return answers

    async def _read(self) -> bytes:
        try:
            return await self.reader.read(65536)
        except ConnectionError:
            return b""

    def stop_reading(self) -> None:
        """Leave what comes in the buffers on the way."""
        self.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport of a socket has it

    async def is_ended(self) -> None:
        """Wait until the server has ended the connection."""
        async with asyncio.timeout(SECONDS):
            while await self._read():
                pass

    def close(self) -> None:
        """Close at once."""
        self.writer.transport.abort()


class Crowd:
    """Opens connections; closes all of them in the end."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._clients: list[Client] = []

    async def client(self, source: str = "127.0.0.1") -> Client:
        """Open a connection from an address of the loopback network."""
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.port, local_addr=(source, 0), limit=1024
            )
        client = Client(reader, writer)
        self._clients.append(client)
        return client

    async def asks(self, data: bytes, *methods: str, source: str = "127.0.0.1") -> list[Heard]:
        """Send bytes on a connection of their own, end, and return all answers."""
        client = await self.client(source)
        client.send(data)
        client.writer.write_eof()
        return await client.heard(*methods)

    async def close(self) -> None:
        """Close all."""
        for client in self._clients:
            client.close()
        closing = (client.writer.wait_closed() for client in self._clients)
        await asyncio.gather(*closing, return_exceptions=True)


@dataclass
class Served:
    """A running server and what it has told."""

    server: Server
    crowd: Crowd
    dropped: list[str]
    asked: list[Request]
    release: asyncio.Event
    """Set it, and the handler of /slow ends."""
    stop: Callable[[], Awaitable[None]]
    """Ends the server, as the end of the block does."""


@asynccontextmanager
async def served(bounds: Bounds) -> AsyncIterator[Served]:
    """Run a server with a few routes on this event loop."""
    asked: list[Request] = []
    dropped: list[str] = []
    release = asyncio.Event()

    async def good(request: Request) -> Answer:
        asked.append(request)
        return Answer(body=b"good")

    async def large(_request: Request) -> Answer:
        return Answer(body=LARGE)

    async def slow(request: Request) -> Answer:
        asked.append(request)
        await release.wait()
        return Answer(body=b"at last")

    async def broken(_request: Request) -> Answer:
        raise RuntimeError("a secret")

    async def nothing(request: Request) -> Answer:
        asked.append(request)
        return Answer(HTTPStatus.NO_CONTENT)

    routes: Routes = {
        ("GET", "/good"): good,
        ("GET", "/large"): large,
        ("GET", "/slow"): slow,
        ("GET", "/broken"): broken,
        ("POST", "/things/{id}"): nothing,
    }
    server = Server(routes, "127.0.0.1", 0, bounds=bounds, dropped=dropped.append)
    crowd = Crowd(server.port)
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(server.running())
            yield Served(server, crowd, dropped, asked, release, stack.aclose)
    finally:
        await crowd.close()
