import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from safelight_adapters.answers import drop
from safelight_local import certificates

SECONDS = 10
"""Less than the 30 s that a polite end of TLS waits for the other side."""


Get = Callable[[], Awaitable[aiohttp.ClientResponse]]


@pytest.fixture
async def get(tmp_path: Path) -> AsyncIterator[Get]:
    """Return what asks a server for an answer of which half never comes, and that hears nothing."""
    pki = certificates.ensure(tmp_path / "pki", ("127.0.0.1",))
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(pki / "apiserver.crt", pki / "apiserver.key")
    writers = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.")
        await writer.drain()
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=served)
    port = server.sockets[0].getsockname()[1]
    trusted = ssl.create_default_context(cafile=pki / "ca.crt")
    async with aiohttp.ClientSession() as session:

        async def ask() -> aiohttp.ClientResponse:
            return await session.get(f"https://127.0.0.1:{port}/", ssl=trusted)

        yield ask
    for writer in writers:
        writer.transport.abort()
    server.close()
    await server.wait_closed()


async def test_what_is_given_up_ends_at_once(get: Get) -> None:
    response = await get()
    assert await response.content.read(5) == b"half."
    assert response.connection is not None
    transport = response.connection.transport
    assert transport is not None
    socket = transport.get_extra_info("socket")

    drop(response)

    async with asyncio.timeout(SECONDS):
        while socket.fileno() != -1:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
