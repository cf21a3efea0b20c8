"""Answers that are written without the application, in the shape and with the headers of all."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from safelight_api import errors

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
"""RFC 9110, 15.2.1."""
CLOSE: Final = b"connection: close\r\n"
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return headers as they are sent."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def refusal(
    error: errors.ApiError, more: Iterable[tuple[bytes, bytes]] = (), *, is_head: bool = False
) -> bytes:
    """Return the whole answer for an error; it closes the connection.

    Args:
        error: to tell.
        more: headers that every answer has, such as Date.
        is_head: whether the request was a HEAD, whose answer has no body.
    """
    answer = errors.problem(error)
    names = {name for name, _ in answer.raw_headers}
    headers = [*more, *answer.raw_headers, *(one for one in _ALWAYS if one[0] not in names)]
    body = b"" if is_head else bytes(answer.body)
    return STATUS_LINE[error.status] + header_lines(headers) + CLOSE + b"\r\n" + body


def short_of_memory() -> errors.ApiError:
    """Return a 503: bytes that all connections share are taken."""
    return errors.ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The service has too much to send or to receive at the moment. Try again.",
        headers={"Retry-After": str(errors.RETRY_SECONDS)},
    )
