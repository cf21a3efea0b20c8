"""Reading a request's body with bounds: bytes, silence and total time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.types import Receive

from safelight_api.errors import ApiError, too_large, unsupported

_PLAIN: Final = "identity"
"""The content coding that is none (RFC 9110, section 12.5.3)."""


class ClientGoneError(Exception):
    """The client has closed the connection: there is nobody to answer."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How much may come, and how slowly."""

    max_bytes: int
    idle_seconds: float
    """Between two pieces."""
    total_seconds: float
    told_bytes: int | None = None
    """What a refusal tells as the most, where that is another number: of a file in its form."""

    def exceeded(self) -> ApiError:
        """Return the 413."""
        return too_large(self.max_bytes if self.told_bytes is None else self.told_bytes)


def check_length(content_length: str | None, limits: BodyLimits) -> None:
    """Refuse a body by what its Content-Length says, before a byte is read.

    Raises:
        ApiError: 413.
    """
    if content_length is not None and int(content_length) > limits.max_bytes:
        raise limits.exceeded()


def check_coding(content_encodings: Sequence[str], field: str) -> None:
    """Refuse a body in a content coding: none is decoded.

    The answer says which would be taken (RFC 9110, section 15.5.16).

    Args:
        content_encodings: the values of all headers Content-Encoding.
        field: that the body is for.

    Raises:
        ApiError: 415.
    """
    codings = {coding.strip().lower() for value in content_encodings for coding in value.split(",")}
    if codings - {"", _PLAIN}:
        raise unsupported(
            field,
            "Send the body as it is: no Content-Encoding is decoded.",
            headers={"Accept-Encoding": _PLAIN},
        )


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
            raise limits.exceeded()
        if chunk:
            yield chunk
