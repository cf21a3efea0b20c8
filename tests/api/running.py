"""The program itself, as a process of its own, and clients that misbehave."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from safelight_api.settings import Settings
from tests.api.asking import JPEG, eventually
from tests.support import memory

BOUNDARY = "a-boundary"
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Running:
    """A running API."""

    process: subprocess.Popen[bytes]
    host: str
    token: str
    log: Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.host}:8080"

    def client(self) -> httpx.AsyncClient:
        """Return a client that has a token."""
        return httpx.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
            trust_env=False,
        )

    async def connect(self) -> "Connection":
        """Open a connection."""
        return Connection(*await asyncio.open_connection(self.host, 8080))

    def memory(self, field: str = "VmRSS") -> int:
        """Return the memory of the process, in bytes; VmHWM: the most since `forget_peak`."""
        return memory.of(self.process.pid, field)

    def forget_peak(self) -> None:
        """Let VmHWM start from now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def logged(self) -> list[dict[str, Any]]:
        """Return all that it has logged: JSON, one object a line."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    async def ends(self, seconds: float) -> int:
        """Wait for its end and return its exit code."""
        await eventually(lambda: self.process.poll() is not None, seconds)
        return self.process.returncode

    def terminate(self) -> None:
        """Ask it to end."""
        self.process.send_signal(signal.SIGTERM)


class Connection:
    """One connection of a client that does as it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, seconds: float = 10) -> httpx.Response:
        """Return the next answer."""
        async with asyncio.timeout(seconds):
            head = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            headers = [
                (name, value) for line in lines if line for name, _, value in [line.partition(": ")]
            ]
            length = int(dict(headers).get("content-length", 0))
            body = await self.reader.readexactly(length)
        return httpx.Response(int(first.split()[1]), headers=headers, content=body)

    def close(self) -> None:
        """Close at once."""
        self._writer.transport.abort()


def form(size: int) -> tuple[bytes, bytes, bytes]:
    """Return the start of a form, a file's bytes, and the end."""
    start = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    ).encode()
    return start, JPEG.ljust(size, b"x"), f"\r\n--{BOUNDARY}--\r\n".encode()


def head(token: str, length: int, path: str = "/api/image-upload", more: str = "") -> bytes:
    """Return the head of a POST."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {length}\r\n{more}\r\n"
    ).encode()


@asynccontextmanager
async def running(
    settings: Settings, token: str, log: Path, **variables: str
) -> AsyncIterator[Running]:
    """Run the program on an address of its own."""
    dice = random.SystemRandom()
    host = f"127.{dice.randrange(1, 255)}.{dice.randrange(255)}.{dice.randrange(1, 255)}"
    store = settings.object_store
    environment = {
        "SAFELIGHT_S3_ENDPOINT": store.endpoint,
        "SAFELIGHT_S3_BUCKET": store.bucket,
        "SAFELIGHT_S3_REGION": store.region,
        "SAFELIGHT_S3_ACCESS_KEY_ID": store.access_key_id,
        "SAFELIGHT_S3_SECRET_ACCESS_KEY": store.secret_access_key,
        "SAFELIGHT_NAMESPACE": settings.namespace,
        "SAFELIGHT_TOKENS_DIRECTORY": str(settings.tokens_directory),
        "SAFELIGHT_TEMPORARY_DIRECTORY": str(settings.temporary_directory),
        "SAFELIGHT_HOST": host,
        **variables,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes a millisecond
            [sys.executable, "-m", "safelight_api"],
            env=os.environ | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    started = Running(process, host, token, log)
    try:
        async with started.client() as client:

            async def is_ready() -> bool:
                assert process.poll() is None, log.read_text()  # noqa: ASYNC240 - a few lines, when it has failed
                try:
                    return bool((await client.get("/readyz")).status_code == 200)
                except httpx.TransportError:
                    return False

            await eventually(is_ready, seconds=30, every=0.1)
        yield started
    finally:
        process.kill()
        process.wait()
