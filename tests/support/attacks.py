"""What hostile clients do to an HTTP server. An attack is what one connection of theirs does.

It is bounded in connections at once, in connections begun in a second, in bytes for each, and in
time; and it goes to loopback addresses alone.
"""

import asyncio
import ipaddress
import socket
import struct
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, cast

_MIB: Final = 1024 * 1024
_LOOK_SECONDS: Final = 0.05
_CONNECT_SECONDS: Final = 5.0
_RECEIVE_BUFFER: Final = 4096
"""Bytes that the kernel keeps for a client which reads slowly."""
_BOUNDARY: Final = "hostile"
_UPLOAD: Final = "POST /api/image-upload"
_FORM: Final = f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
_PART: Final = (
    f"--{_BOUNDARY}\r\nContent-Disposition: form-data; "
    'name="file"; filename="a.jpg"\r\n\r\n\xff\xd8\xff\xe0'
).encode("latin-1")
_ANNOUNCED: Final = 16 * _MIB
"""Bytes of a body that never arrives whole: no upload is ever made of it."""


@dataclass(frozen=True, slots=True)
class Target:
    """The server, and the token that a client has for it, if any.

    Raises:
        ValueError: the address is not of this machine alone.
    """

    host: str
    port: int
    token: str | None = None

    def __post_init__(self) -> None:
        if not ipaddress.ip_address(self.host).is_loopback:
            raise ValueError(f"{self.host} is no loopback address")

    def head(self, request: str, more: str = "") -> bytes:
        """Return the head of a request."""
        token = f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        return f"{request} HTTP/1.1\r\nHost: x\r\n{token}{more}\r\n".encode()


@dataclass(slots=True)
class Did:
    """What an attack has done."""

    connections: int = 0
    refused: int = 0
    """Attempts that got no connection."""
    sent: int = 0
    """Bytes."""
    received: int = 0
    """Bytes."""


class Peer(asyncio.Protocol):
    """The hostile end of a connection: it drops what it receives."""

    def __init__(self, target: Target, did: Did) -> None:
        self.target = target
        self._did = did
        self._closed = asyncio.Event()
        self._may_write = asyncio.Event()
        self._has_read = asyncio.Event()
        self._may_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake whoever waits for something that will not come."""
        del exc
        self._closed.set()
        self._may_write.set()
        self._has_read.set()

    def pause_writing(self) -> None:
        """Wait: the server does not read."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        """Drop what has arrived."""
        self._did.received += len(data)
        self._has_read.set()

    async def send(self, data: bytes) -> None:
        """Send bytes, as fast as the server takes them.

        Raises:
            ConnectionError: it has closed the connection.
        """
        if self._closed.is_set():
            raise ConnectionResetError
        self._transport.write(data)
        self._did.sent += len(data)
        await self._may_write.wait()

    async def answer(self) -> None:
        """Wait until something has arrived."""
        self._has_read.clear()
        if not self._closed.is_set():
            await self._has_read.wait()

    async def wait(self, seconds: float) -> None:
        """Wait, but not for a connection that is closed."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)

    def read(self, *, on: bool) -> None:
        """Read, or leave what arrives in the buffers."""
        if not self._transport.is_closing():
            (self._transport.resume_reading if on else self._transport.pause_reading)()

    async def end(self) -> None:
        """Break the connection off."""
        self._transport.abort()
        await self._closed.wait()


Life = Callable[[Peer], Awaitable[None]]
"""What one connection does."""


@dataclass(frozen=True, slots=True)
class Attack:
    """A kind of attack, and how much of it."""

    life: Life
    connections: int
    """At once."""
    per_second: float
    """Connections that begin in a second, at most."""
    has_token: bool


async def _pipelined(peer: Peer) -> None:
    requests = peer.target.head("GET /x") * 2048
    for _ in range(5 * _MIB // len(requests)):
        # Each burst is whole requests: one that is cut would be refused as a head without end.
        await peer.send(requests)
        await peer.wait(1)


async def _unfinished_heads(peer: Peer) -> None:
    await peer.send(peer.target.head("GET /healthz")[:-2] + b"a: " + b"b" * 32_000)
    for _ in range(60):
        await peer.wait(1)
        await peer.send(b"b")


async def _endless_trailers(peer: Peer) -> None:
    line = b"a: " + b"b" * 8000 + b"\r\n"
    await peer.send(peer.target.head("POST /healthz", "Transfer-Encoding: chunked\r\n") + b"0\r\n")
    for _ in range(32 * _MIB // (8 * len(line))):
        await peer.send(line * 8)


async def _slow_uploads(peer: Peer) -> None:
    length = f"Content-Length: {_ANNOUNCED}\r\n"
    await peer.send(peer.target.head(_UPLOAD, _FORM + length) + _PART + b"x" * 65_536)
    for _ in range(120):
        await peer.wait(0.5)
        await peer.send(b"x" * 1024)


async def _slow_readers(peer: Peer) -> None:
    peer.read(on=False)
    await peer.send(peer.target.head("GET /api/openapi.json") * 64)
    for _ in range(60):
        await peer.wait(1)
        peer.read(on=True)
        await peer.answer()
        peer.read(on=False)


async def _one_byte_chunks(peer: Peer) -> None:
    chunked = "Transfer-Encoding: chunked\r\n"
    start = f"{len(_PART):x}\r\n".encode() + _PART + b"\r\n"
    await peer.send(peer.target.head(_UPLOAD, _FORM + chunked) + start)
    for _ in range(_MIB // 512):
        await peer.send(b"1\r\nx\r\n" * 512)


async def _unknown_ids(peer: Peer) -> None:
    for _ in range(10_000):
        await peer.send(peer.target.head(f"GET /api/image-upload/{uuid.uuid4()}/status"))
        await peer.answer()


async def _new_connections(peer: Peer) -> None:
    """Do nothing: the next connection begins."""


ATTACKS: Final[Mapping[str, Attack]] = {
    "pipelined requests": Attack(_pipelined, 100, 100, has_token=False),
    "unfinished heads": Attack(_unfinished_heads, 100, 100, has_token=False),
    "trailers without end": Attack(_endless_trailers, 20, 20, has_token=False),
    "slow uploads": Attack(_slow_uploads, 100, 100, has_token=True),
    "slow readers": Attack(_slow_readers, 100, 100, has_token=True),
    "one-byte chunks": Attack(_one_byte_chunks, 20, 20, has_token=True),
    "polls of unknown ids": Attack(_unknown_ids, 50, 50, has_token=True),
    "new connections": Attack(_new_connections, 50, 2000, has_token=False),
}
"""By what they are called."""


async def carry_out(
    attack: Attack, target: Target, seconds: float, stopped: Callable[[], bool] = lambda: False
) -> Did:
    """Carry an attack out, and leave no connection open.

    Args:
        attack: which, and how much of it.
        target: whom.
        seconds: how long, at most.
        stopped: is asked often; True ends it before that.
    """
    did = Did()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            clients = [
                group.create_task(_client(attack, target, did, number / attack.per_second))
                for number in range(attack.connections)
            ]
            while not stopped():  # noqa: ASYNC110 - what stops it may be in another thread
                await asyncio.sleep(_LOOK_SECONDS)
            for client in clients:
                client.cancel()
    return did


async def _client(attack: Attack, target: Target, did: Did, first: float) -> None:
    """Have one connection after the other, each as it may begin."""
    loop = asyncio.get_running_loop()
    due = loop.time() + first
    while True:
        await asyncio.sleep(due - loop.time())
        due = max(due, loop.time()) + attack.connections / attack.per_second
        try:
            peer = await _connected(target, did)
        except OSError:
            did.refused += 1
            continue
        did.connections += 1
        try:
            with suppress(OSError):
                await attack.life(peer)
        finally:
            await peer.end()


async def _connected(target: Target, did: Did) -> Peer:
    """Return a connection.

    Raises:
        OSError: there is none to be had.
    """
    loop = asyncio.get_running_loop()
    with socket.socket() as own:
        own.settimeout(0)
        # Closing resets: the ports of many short connections would be taken for a minute else.
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        async with asyncio.timeout(_CONNECT_SECONDS):
            await loop.sock_connect(own, (target.host, target.port))
            _, peer = await loop.create_connection(lambda: Peer(target, did), sock=own.dup())
    return peer
