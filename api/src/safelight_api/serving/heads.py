"""A request's head, its bytes complete: the request line, then the fields, then what they ask.

One compiled expression takes a whole line, one all fields, so that the interpreter sees a head
only a few times. What they do not match is refused: a bare CR or LF, NUL and other controls, a
space before a colon, a folded line (RFC 9112, 2.2, 5.1, 5.2).
"""

import re
from http import HTTPStatus
from typing import Final

from safelight_api.serving.events import Head, RefusedError, malformed, too_large
from safelight_api.serving.targets import authority, origin_form

MAX_FIELDS: Final = 100
"""In one head, and in one trailer section."""

_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
_VALUE: Final = rb"[^\x00-\x08\x0a-\x1f\x7f]"
"""Visible characters, space, tab, and bytes beyond ASCII, which stay opaque (RFC 9110, 5.5)."""
_REQUEST_LINE: Final = re.compile(
    rb"(" + _TOKEN + rb"{1,32}) ([\x21-\x7e]++) HTTP/([0-9])\.([0-9])\r\n"
)
_FIELDS: Final = re.compile(rb"(?:" + _TOKEN + rb"++:" + _VALUE + rb"*+\r\n)*+\r\n")
_FIELD: Final = re.compile(rb"(" + _TOKEN + rb"++):[ \t]*+(" + _VALUE + rb"*+)\r\n")
_LENGTH: Final = re.compile(rb"[0-9]{1,15}")
"""A petabyte less one is enough; more digits are where parsers wrap around."""
_CLOSE: Final = re.compile(rb"(?i)(?:\A|,)[ \t]*+close[ \t]*+(?:,|\Z)")
_CODING: Final = re.compile(_TOKEN + rb"++")
_ASKING: Final = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect"})
_CHUNKED: Final = b"chunked"
_CONTINUE: Final = b"100-continue"


def parse(held: bytes | bytearray, start: int, end: int) -> Head:
    """Read the head in `held[start:end]`, whose last bytes are the empty line's.

    Raises:
        RefusedError: it is malformed, ambiguous, or asks for what is not served.
    """
    method, target, version, position = request_line(held, start)
    if held.count(b"\n", position, end) > MAX_FIELDS + 1:
        raise too_large(f"A request has at most {MAX_FIELDS} header fields.")
    if _FIELDS.fullmatch(held, position, end) is None:
        raise malformed_field()
    found = _FIELD.findall(held, position, end)
    headers = [(name.lower(), value.rstrip(b" \t")) for name, value in found]
    asked: dict[bytes, list[bytes]] = {}
    keep_alive = version == "1.1"
    for name, value in headers:
        if name in _ASKING:
            asked.setdefault(name, []).append(value)
        elif name == b"connection" and _CLOSE.search(value):
            keep_alive = False
    _check_host(asked.get(b"host", []), version)
    target, target_host = origin_form(method, target)
    if target_host is not None:
        headers = [(b"host", target_host), *(field for field in headers if field[0] != b"host")]
    length, is_chunked = _framing(asked, version)
    return Head(
        method,
        target,
        version,
        headers,
        keep_alive=keep_alive,
        expects_continue=_expects_continue(asked, version) and (is_chunked or bool(length)),
        content_length=length,
        is_chunked=is_chunked,
    )


def request_line(held: bytes | bytearray, start: int) -> tuple[str, bytes, str, int]:
    """Read the line at `start`: method, target as sent, version, and where the next line begins.

    Single spaces, and CRLF at its end: RFC 9112, 3, allows to be lenient, and 11.2 tells of what
    that has led to.

    Raises:
        RefusedError: 400, or 505 for another version than 1.0 and 1.1 (RFC 9110, 15.6.6).
    """
    line = _REQUEST_LINE.match(held, start)
    if line is None:
        raise malformed("The request line is malformed.")
    method, target, major, minor = line.groups()
    if major != b"1" or minor not in b"01":
        raise RefusedError(
            HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "The server speaks HTTP/1.1 and HTTP/1.0."
        )
    return method.decode("ascii"), target, "1.1" if minor == b"1" else "1.0", line.end()


def malformed_field() -> RefusedError:
    """Return the refusal of a field line, in a head or in trailers."""
    return malformed("A header field is malformed.")


def is_field_line(line: bytes | bytearray, start: int, end: int) -> bool:
    """Whether `line[start:end]`, CRLF included, is one field, as trailers have them."""
    return _FIELD.fullmatch(line, start, end) is not None


def _check_host(values: list[bytes], version: str) -> None:
    """Refuse a head whose host is missing, repeated or none: 400 (RFC 9112, 3.2).

    An empty one is allowed by that section for targets without an authority; no address of this
    server is such a target (RFC 9110, 4.2.1), and proxies refuse it.
    """
    if not values and version == "1.0":
        return
    if len(values) != 1:
        raise malformed("A request has one Host field.")
    if not authority(values[0]):
        raise malformed("The Host field is malformed.")


def _framing(asked: dict[bytes, list[bytes]], version: str) -> tuple[int | None, bool]:
    """Return the body's length in bytes and whether it is chunked (RFC 9112, 6.3).

    That section allows a repeated length of the same value, and leaves to the server a length
    beside a coding; 11.2 tells why both are refused here.
    """
    codings = asked.get(b"transfer-encoding")
    lengths = asked.get(b"content-length")
    if codings is None:
        if lengths is None:
            return None, False
        if len(lengths) != 1 or _LENGTH.fullmatch(lengths[0]) is None:
            raise malformed("Content-Length is one number of bytes.")
        return int(lengths[0]), False
    if lengths is not None:
        raise malformed("A request has Content-Length or Transfer-Encoding, not both.")
    if version == "1.0":
        raise malformed("HTTP/1.0 has no Transfer-Encoding.")
    names = [name.strip(b" \t").lower() for value in codings for name in value.split(b",")]
    if names == [_CHUNKED]:
        return None, True
    if not all(_CODING.fullmatch(name) for name in names) or _CHUNKED in names[:-1]:
        raise malformed("The last transfer coding is chunked, once.")
    raise RefusedError(
        HTTPStatus.NOT_IMPLEMENTED, "The only transfer coding that is understood is chunked."
    )


def _expects_continue(asked: dict[bytes, list[bytes]], version: str) -> bool:
    """Whether a 100 is waited for; HTTP/1.0 knows none (RFC 9110, 10.1.1)."""
    values = asked.get(b"expect")
    if values is None:
        return False
    if any(value.lower() != _CONTINUE for value in values):
        raise RefusedError(
            HTTPStatus.EXPECTATION_FAILED, "The only expectation that is met is 100-continue."
        )
    return version == "1.1"
