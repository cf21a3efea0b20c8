"""What the request reader tells: heads, bodies, ends, refusals."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final


@dataclass(frozen=True, slots=True)
class Head:
    """A request's head, accepted.

    It may be shared by requests whose heads have the same bytes: copy `headers` before changing it.
    """

    method: str
    """As it was sent: methods are case-sensitive (RFC 9110, 9.1)."""
    target: bytes
    """In origin form, path and query, or `*`; visible ASCII without `#`, still percent-encoded."""
    version: str
    """`1.0` or `1.1`."""
    headers: list[tuple[bytes, bytes]]
    """Names in lower case, as ASGI has them; in the order in which they were sent.

    Of a target in absolute form, `host` is the target's, and the first (RFC 9112, 3.2.2).
    """
    keep_alive: bool
    """Whether another request may follow; HTTP/1.0 never keeps a connection here."""
    expects_continue: bool
    """Whether the client waits for a 100 before it sends the body (RFC 9110, 10.1.1)."""
    content_length: int | None
    """The body's size in bytes; None if it is chunked, or if there is none."""
    is_chunked: bool

    @property
    def has_body(self) -> bool:
        """Whether bytes of a body follow; an empty chunked body counts."""
        return self.is_chunked or bool(self.content_length)


@dataclass(frozen=True, slots=True)
class Body:
    """A piece of the request's body, never empty, without any framing."""

    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The request is complete, its trailers included. `END` is the only one."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The connection holds what cannot be framed or is not served: nothing after it is read.

    It is sent after the answers to the requests before it, with `Connection: close`.
    """

    status: HTTPStatus
    detail: str
    """A sentence for the client; it holds nothing of what was sent."""


@dataclass(frozen=True, slots=True)
class NeedData:
    """Nothing is told before more bytes arrive. `NEED_DATA` is the only one."""


END: Final = End()
NEED_DATA: Final = NeedData()


class RefusedError(Exception):
    """Carries a refusal out of the parsers."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.refusal = Refusal(status, detail)


def malformed(detail: str) -> RefusedError:
    """Return a 400."""
    return RefusedError(HTTPStatus.BAD_REQUEST, detail)


def too_large(detail: str) -> RefusedError:
    """Return a 431 (RFC 6585, 5)."""
    return RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)
