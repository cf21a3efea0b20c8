"""Answers that are written without the application, in the shape and with the headers of all."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from safelight_api import errors

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
"""RFC 9110, 15.2.1."""
CLOSE: Final = b"connection: close\r\n"
_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_NOT_IN_NAMES: Final = re.compile(rb"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
"""RFC 9110, 5.6.2."""
_NOT_IN_VALUES: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""RFC 9110, 5.5."""
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return headers as they are sent."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def head(
    status: int, headers: Iterable[tuple[bytes, bytes]]
) -> tuple[list[bytes], int | None, bool]:
    """Return the start of an answer's head, its Content-Length, and whether it is the last.

    How the answer is framed, and whether the connection lives on, is for the server to say: what
    the application says of it is left out, but for its wish to close.

    Raises:
        RuntimeError: a header is malformed.
    """
    lines = [_STATUS_LINES[status]]
    length: int | None = None
    is_closing = False
    for name, value in headers:
        if _NOT_IN_NAMES.search(name) or _NOT_IN_VALUES.search(value):
            raise RuntimeError("a header of the answer is malformed")
        lower = name.lower()
        if lower == b"connection":
            is_closing = b"close" in value.lower()
        elif lower != b"transfer-encoding":
            if lower == b"content-length":
                length = int(value)
            lines += (lower, b": ", value, b"\r\n")
    return lines, length, is_closing


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
    return _STATUS_LINES[error.status] + header_lines(headers) + CLOSE + b"\r\n" + body


def short_of_memory() -> errors.ApiError:
    """Return a 503: bytes that all connections share are taken."""
    return errors.ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The service has too much to send or to receive at the moment. Try again.",
        headers={"Retry-After": str(errors.RETRY_SECONDS)},
    )
