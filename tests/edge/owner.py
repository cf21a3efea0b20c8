"""The good client: its answers are its own, and its image stays, whatever others send."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from safelight_contract.resources import AVAILABLE_IMAGE
from tests.api.playing import PlayedOperator
from tests.edge import judge
from tests.edge.attack import WITHIN
from tests.edge.proxies import Way
from tests.edge.rows.row import CANARY, CLOSE, IMAGE, IMAGES, OWNERS, request

_FLUSH: Final = 12
"""Requests after which no connection of a pool is left that somebody had spoiled."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A client that has an image, and asks over a proxy whose connections others use too."""

    way: Way
    operator: PlayedOperator
    pages: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    async def harm(self) -> str:
        """Ask twice, and return what is wrong with the answers; nothing: empty.

        The second request is marked, by the number of a page: its answer can be no other's. Both
        come on one connection, since HAProxy sends the first one of a client apart if it is told to
        be safe.
        """
        page = next(self.pages)
        marked = request(b"GET", IMAGES + b"?page=%d" % page, OWNERS, CLOSE)
        raw = await self._answered(request(b"GET", IMAGE, OWNERS) + marked)
        answers = judge.read(raw, ())
        if answers.problem or answers.statuses != (200, 200):
            return f"the other client got, for its image and page {page}: {raw!r}"
        image, listed = (_json(answer.body) for answer in answers.final)
        if image.get("data", {}).get("id") != CANARY:
            return f"the other client asked for its image: {image}"
        if listed.get("meta", {}).get("current_page") != page:
            return f"the other client asked for page {page}: {listed}"
        return ""

    async def _answered(self, asked: bytes) -> bytes:
        async with asyncio.timeout(WITHIN):
            reader, writer = await asyncio.open_connection(self.way.host, self.way.port)
            try:
                writer.write(asked)
                return await reader.read()
            except ConnectionError as error:
                return repr(error).encode()
            finally:
                writer.transport.abort()

    async def restore(self) -> None:
        """Have the image again, and connections that nobody has spoiled."""
        if await self.operator.get(AVAILABLE_IMAGE, CANARY) is None:
            await self.operator.create_image(CANARY, name="canary.png")
            await self.operator.confirm(CANARY)
        good = 0
        async with asyncio.timeout(WITHIN):
            while good < _FLUSH:
                good = good + 1 if not await self.harm() else 0


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
