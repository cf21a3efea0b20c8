"""An answer that comes before the body over a proxy that speaks HTTP/2 to its clients.

The stream of such a request ends, and the connection to the API has the rest of the body ahead:
HAProxy 2.6 gives it to the next client unless the answer has said `Connection: close`.
"""

from contextlib import suppress
from typing import Final

import httpx
import pytest

from tests.api.asking import JPEG, UPLOADS
from tests.edge.attack import WITHIN
from tests.edge.owner import Owner
from tests.edge.proxies import Way

pytestmark = pytest.mark.asyncio(loop_scope="module")

_ROUNDS: Final = 12
_LARGE: Final = JPEG.ljust(8 * 1024 * 1024, b"x")
_GOOD: Final = JPEG.ljust(200_000, b"x")


@pytest.mark.parametrize("name", ["haproxy-safe", "haproxy-always"])
async def test_refused_uploads_spoil_no_connection(
    name: str, ways: dict[str, Way], owners: dict[str, Owner]
) -> None:
    owner = owners[name]
    for _ in range(_ROUNDS):
        async with httpx.AsyncClient(
            base_url=ways[name].url, http1=False, http2=True, timeout=WITHIN, trust_env=False
        ) as stranger:
            with suppress(httpx.TransportError):  # the stream may end before its answer is read
                refused = await stranger.post(UPLOADS, files={"file": ("a.jpg", _LARGE)})
                assert refused.status_code in {401, 502}
            good = await owner.client.post(UPLOADS, files={"file": ("a.jpg", _GOOD)})
            assert good.status_code == 201, good.text
            assert not await owner.harm()
