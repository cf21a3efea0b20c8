"""The good client: its answers are its own, and its image stays, whatever others send."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

import httpx

from safelight_contract.resources import AVAILABLE_IMAGE
from tests.api.playing import PlayedOperator
from tests.edge.attack import WITHIN
from tests.edge.proxies import Way
from tests.edge.rows.row import CANARY, OWNER

IMAGES = "/api/available-image"
_FLUSH = 12
"""Requests after which no connection of a pool is left that somebody had spoiled."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A client that has an image, and asks over a proxy whose connections others use too."""

    client: httpx.AsyncClient
    operator: PlayedOperator
    pages: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    @classmethod
    @asynccontextmanager
    async def connected(cls, way: Way, operator: PlayedOperator) -> AsyncIterator[Self]:
        """Return it, with connections that it keeps."""
        async with httpx.AsyncClient(
            base_url=way.url,
            headers={"Authorization": f"Bearer {OWNER}"},
            http1=not way.speaks_http2,
            http2=way.speaks_http2,
            timeout=WITHIN,
            trust_env=False,
        ) as client:
            yield cls(client, operator)

    async def harm(self) -> str:
        """Ask twice, and return what is wrong with the answers; nothing: empty.

        The second request is marked, by the number of a page: its answer can be no other's.
        """
        page = next(self.pages)
        try:
            image = await self.client.get(f"{IMAGES}/{CANARY}")
            marked = await self.client.get(IMAGES, params={"page": page})
        except httpx.TransportError as error:
            return f"the other client got no answer: {error!r}"
        if image.status_code != 200 or image.json().get("data", {}).get("id") != CANARY:
            return f"the other client asked for its image and got {image.status_code} {image.text}"
        if marked.status_code != 200 or marked.json().get("meta", {}).get("current_page") != page:
            return f"the other client asked for page {page}: {marked.status_code} {marked.text}"
        return ""

    async def restore(self) -> None:
        """Have the image again, and connections that nobody has spoiled."""
        if await self.operator.get(AVAILABLE_IMAGE, CANARY) is None:
            await self.operator.create_image(CANARY, name="canary.png")
            await self.operator.confirm(CANARY)
        good = 0
        async with asyncio.timeout(WITHIN):
            while good < _FLUSH:
                good = good + 1 if not await self.harm() else 0
