"""A TCP proxy between a program of ours and a server that it needs, to cut or to silence it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from safelight_local.cluster import Cluster, write_kubeconfig


class Proxy:
    """Passes bytes on, until told otherwise."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._passing = _open_gate()
        self._silenced: list[asyncio.Event] = []
        self._is_refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    def cut(self) -> None:
        """Close all connections; new ones are possible."""
        for writer in self._writers:
            writer.transport.abort()

    def refuse(self) -> None:
        """Close all connections, those to come too."""
        self._is_refusing = True
        self.cut()

    def silence(self) -> None:
        """Pass nothing on any more, and say nothing about it: a black hole."""
        self._passing.clear()

    def silence_existing(self) -> None:
        """Pass nothing on any more through the connections of now; new ones work."""
        self.silence()
        self._silenced.append(self._passing)
        self._passing = _open_gate()

    def restore(self) -> None:
        """Pass everything on again."""
        self._is_refusing = False
        for gate in (*self._silenced, self._passing):
            gate.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        if self._is_refusing:
            writer.transport.abort()
            return
        other_reader, other_writer = await asyncio.open_connection(*self._target)
        both = {writer, other_writer}
        gate = self._passing
        self._writers |= both
        try:
            await asyncio.gather(
                _pump(reader, other_writer, gate), _pump(other_reader, writer, gate)
            )
        finally:
            self._writers -= both
            for one in both:
                one.transport.abort()


def _open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event
) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            await gate.wait()
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def proxy_to(host: str, port: int) -> AsyncIterator[Proxy]:
    """Start a proxy on a free port of 127.0.0.1."""
    proxy = Proxy(host, port)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(proxy.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.restore()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def proxy_to_cluster(cluster: Cluster, kubeconfig: Path) -> AsyncIterator[Proxy]:
    """Start a proxy to an API server, and write a kubeconfig that leads through it."""
    assert cluster.ca_file
    address = urlsplit(cluster.url)
    async with proxy_to(address.hostname or "", address.port or 0) as proxy:
        url = f"https://127.0.0.1:{proxy.port}"
        write_kubeconfig(kubeconfig, url, cluster.ca_file, cluster.token)
        yield proxy
