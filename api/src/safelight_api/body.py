"""Reading a request's body with bounds: bytes, silence and total time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import Receive

from safelight_api.errors import ApiError, too_large


class ClientGoneError(Exception):
    """The client has closed the connection: there is nobody to answer."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How much may come, and how slowly."""

    max_bytes: int
    idle_seconds: float
    """Between two pieces."""
    total_seconds: float


def check_length(content_length: str | None, limits: BodyLimits) -> None:
    """Refuse a body by what its Content-Length says, before a byte is read.

    Raises:
        ApiError: 413.
    """
    if content_length is not None and int(content_length) > limits.max_bytes:
        raise too_large(limits.max_bytes)


async def chunks(receive: Receive, limits: BodyLimits) -> AsyncIterator[bytes]:
    """Yield the body in the pieces that it comes in; bytes are counted, not believed.

    Raises:
        ApiError: 413 for too many bytes, 408 for too long a silence or too long a time.
        ClientGoneError: the connection was closed.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limits.total_seconds
    received = 0
    more = True
    while more:
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + limits.idle_seconds)):
                message = await receive()
        except TimeoutError:
            raise ApiError(
                HTTPStatus.REQUEST_TIMEOUT, "The request's body did not arrive in time."
            ) from None
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        received += len(chunk)
        if received > limits.max_bytes:
            raise too_large(limits.max_bytes)
        if chunk:
            yield chunk
