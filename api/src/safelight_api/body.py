"""Reading a request's body with bounds: bytes, silence, least rate and total time.

Small pieces are gathered before they are handed on, so that a body that comes byte by byte costs
hardly more than one that comes at once: each further piece is larger than the one before, by
`_GROWTH_BYTES`, up to `_GATHERED_BYTES`. What begins a body is seen at once, and can be refused.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.types import Receive

from safelight_api.errors import ApiError, too_large, unsupported

_PLAIN: Final = "identity"
"""The content coding that is none (RFC 9110, section 12.5.3)."""

_GRACE: Final = 2
_GROWTH_BYTES: Final = 32
_GATHERED_BYTES: Final = 16 * 1024
_SMALL_BYTES: Final = 512
_GATHERING_SECONDS: Final = 0.005
"""After a piece smaller than that; the next one is larger then, or comes no sooner."""


class ClientGoneError(Exception):
    """The client has closed the connection: there is nobody to answer."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How much may come, and how slowly."""

    max_bytes: int
    idle_seconds: float
    """Between two pieces."""
    total_seconds: float
    least_rate: float
    """Bytes in a second, on average, of all that is waited beyond `_GRACE` times `idle_seconds`."""
    told_bytes: int | None = None
    """What a refusal tells as the most, where that is another number: of a file in its form."""

    def exceeded(self) -> ApiError:
        """Return the 413."""
        return too_large(self.max_bytes if self.told_bytes is None else self.told_bytes)


def check_length(content_length: str | None, limits: BodyLimits) -> int | None:
    """Refuse a body by what its Content-Length says, before a byte is read; return the length.

    Raises:
        ApiError: 413.
    """
    length = None if content_length is None else int(content_length)
    if length is not None and length > limits.max_bytes:
        raise limits.exceeded()
    return length


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


def patience(limits: BodyLimits, received: int, waited: float) -> float:
    """Return how long the next piece may take, in seconds.

    Args:
        limits: of the body.
        received: bytes so far.
        waited: seconds that were spent waiting for them.
    """
    rate_allows = _GRACE * limits.idle_seconds + received / limits.least_rate - waited
    return min(limits.idle_seconds, rate_allows)


async def chunks(receive: Receive, limits: BodyLimits) -> AsyncIterator[bytes]:
    """Yield the body in pieces as they come, small ones gathered; bytes are counted, not believed.

    Raises:
        ApiError: 413 for too many bytes; 408 for too long a silence, too low a rate, or too long a
            time.
        ClientGoneError: the connection was closed.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + limits.total_seconds
    waited = 0.0
    received = 0
    gathered = bytearray()
    least = 0
    more = True
    while more:
        asked_at = clock()
        until = min(deadline, asked_at + patience(limits, received, waited))
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise ApiError(
                HTTPStatus.REQUEST_TIMEOUT, "The request's body did not arrive in time."
            ) from None
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        waited += clock() - asked_at
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        received += len(chunk)
        if received > limits.max_bytes:
            raise limits.exceeded()
        gathered += chunk
        if gathered and (len(gathered) >= least or not more):
            yield bytes(gathered)
            gathered.clear()
            least = min(least + _GROWTH_BYTES, _GATHERED_BYTES)
        if more and len(chunk) < _SMALL_BYTES:
            await asyncio.sleep(_GATHERING_SECONDS)
