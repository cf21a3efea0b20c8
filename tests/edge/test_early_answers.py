"""An answer that comes before the body over a proxy that speaks HTTP/2 to its clients.

The stream of such a request ends, and the connection to the API has the rest of the body ahead:
HAProxy 2.6 gives it to the next client unless the answer has said `Connection: close`.
"""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from tests.api.asking import JPEG, UPLOADS
from tests.edge.attack import WITHIN
from tests.edge.owner import Owner
from tests.edge.proxies import Way
from tests.edge.rows.row import OWNER

pytestmark = pytest.mark.asyncio(loop_scope="module")

_ROUNDS: Final = 12
_CURL: Final = ("curl", "--silent", "--http2-prior-knowledge", "--noproxy", "*")


async def uploaded(url: str, photo: Path, *more: str) -> str:
    """Upload by curl, with a connection of its own, and return the status; 000: no answer."""
    process = await asyncio.create_subprocess_exec(
        *(*_CURL, "--max-time", str(WITHIN), "-o", "/dev/null", "-w", "%{http_code}"),
        *("-H", "Expect:", "-F", f"file=@{photo}", *more, url + UPLOADS),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    return output.decode()


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ["haproxy-safe", "haproxy-always"])
async def test_refused_uploads_spoil_no_connection(
    name: str, ways: dict[str, Way], owners: dict[str, Owner], tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(JPEG.ljust(19_900_000, b"x"))
    for _ in range(_ROUNDS):
        assert await uploaded(ways[name].url, photo) in {"401", "502", "000"}
        token = f"Authorization: Bearer {OWNER}"
        assert await uploaded(ways[name].url, photo, "-H", token) == "201"
        assert not await owners[name].harm()
