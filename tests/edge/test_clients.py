"""Other people's clients, as they come, upload, poll and download over every make of proxy."""

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from safelight_contract.resources import IMAGE_UPLOAD
from safelight_local.progress import Progress
from tests.api.asking import JPEG
from tests.api.playing import PlayedOperator
from tests.edge import programs
from tests.edge.proxies import DIRECT, Way
from tests.edge.rows.row import OWNER

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIENTS: Final = Path(__file__).parent / "clients"
IMAGE: Final = b"the image that has become of the photo" * 1000
OVER: Final = (DIRECT, DIRECT, "nginx", "nginx-unbuffered", "haproxy-safe", "caddy", "go")
"""The second upload of a client finds a connection that is in use."""
WITHIN: Final = 120.0
"""Seconds for all of them; nothing depends on it but how long a failure takes."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def processing(operator: PlayedOperator) -> AsyncIterator[None]:
    """Have all uploads processed as they come."""

    async def process() -> None:
        done: set[str] = set()
        while True:
            for name in set(await operator.names(IMAGE_UPLOAD)) - done:
                done.add(name)
                await operator.process(name, IMAGE)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(process())
    yield
    task.cancel()
    (ended,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError), ended


@pytest.fixture(scope="module")
def commands(
    uncaptured: Callable[[], AbstractContextManager[None]],
) -> Mapping[str, tuple[str, ...]]:
    """Return each client's command; what the machine lacks is installed."""
    with uncaptured():
        okhttp = programs.okhttp(Progress())
    node = str(Path(sys.executable).with_name("node"))
    java = ("java", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
    return {
        "jdk": (*java, str(CLIENTS / "JdkUpload.java")),
        "okhttp": (*java, "-cp", okhttp, str(CLIENTS / "OkHttpUpload.java")),
        "curl": ("sh", str(CLIENTS / "upload.sh"), "--http1.1"),
        "curl-http2": ("sh", str(CLIENTS / "upload.sh"), "--http2"),
        "requests": (sys.executable, str(CLIENTS / "upload.py")),
        "node-fetch": (node, str(CLIENTS / "upload.mjs"), "fetch"),
        "node-http": (node, str(CLIENTS / "upload.mjs"), "http"),
    }


@pytest.mark.parametrize(
    "client", ["jdk", "okhttp", "curl", "curl-http2", "requests", "node-fetch", "node-http"]
)
@pytest.mark.usefixtures("installed", "processing")
async def test_a_client_uploads_polls_and_downloads(
    client: str, commands: Mapping[str, tuple[str, ...]], ways: dict[str, Way], tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(JPEG.ljust(300_000, b"x"))
    urls = [ways[name].url for name in OVER]
    process = await asyncio.create_subprocess_exec(
        *commands[client],
        *(OWNER, str(photo), *urls),
        env={name: value for name, value in os.environ.items() if not name.endswith("_proxy")},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(WITHIN):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    each = f"201 processed 200 {hashlib.sha256(IMAGE).hexdigest()}"
    # The JDK's client sends each photo once more, in chunks.
    count = len(OVER) * (2 if client == "jdk" else 1)
    assert output.decode().splitlines() == [each] * count
