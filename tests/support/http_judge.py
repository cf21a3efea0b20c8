"""Compares two readings of the same bytes: the server's reader's, and h11's, the judge.

Requests that both read are the same ones. What one of them refuses and the other reads is on one
of two lists, each with its reason: `STRICTER` and `LAXER`.
"""

import re
from collections.abc import Callable
from typing import Final

from tests.support.http_readings import Reading, Request, ask_h11, read

_VERSION: Final = re.compile(rb"HTTP/1\.[01]")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_FOLD: Final = re.compile(rb"\n[ \t]")
_HOST: Final = re.compile(
    rb"([A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+(:\d{0,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{0,5})?"
)
_ABSOLUTE: Final = re.compile(rb"(?i:https?)://([^/?#]*)([^?#]*)([^#]*)")
_FRAMING_TRAILER: Final = re.compile(
    rb"(?i)\n0+(?:;[^\n]*)?\r\n(?:[^\r\n]+\r\n)*?(?:transfer-encoding|content-length):"
)
_ODD_SIZE: Final = re.compile(
    rb"(?m)^(?![0-9A-Fa-f]{1,12}(?:;[\w-]+(?:=(?:[\w-]+|\"[^\"]*\"))?)*\r?$)[\s+-]*[0-9A-Fa-f]"
)
"""A line that begins like a chunk's size, and is more than digits and whole extensions."""

Judgement = Callable[[bytes, Request], bool]
"""Whether bytes, and the request that h11 reads in them, hold what our refusal speaks of."""


def _values(request: Request, name: bytes) -> list[bytes]:
    return [value for key, value in request.headers if key == name]


def _host(_data: bytes, request: Request) -> bool:
    hosts = _values(request, b"host")
    return len(hosts) != 1 or _HOST.fullmatch(hosts[0]) is None


STRICTER: Final[dict[str, tuple[str, Judgement]]] = {
    "The request line is malformed.": (
        "h11 ends a line at a bare LF, and bounds no method's length",
        lambda data, request: bool(_BARE_LF.search(data)) or len(request.method) > 32,
    ),
    "The server speaks HTTP/1.1 and HTTP/1.0.": (
        "h11 reads any version as one of these two",
        lambda data, _: any(
            not _VERSION.fullmatch(word) for word in re.findall(rb"HTTP/[0-9.]+", data)
        ),
    ),
    "A header field is malformed.": (
        "h11 takes bare LF, folded lines and most control characters",
        lambda data, _: any(e.search(data) for e in (_BARE_LF, _FOLD, _CONTROL)),
    ),
    "The headers are too large.": ("h11 is asked about pieces", lambda data, _: len(data) > 60_000),
    "The trailers are too large.": ("h11 bounds none", lambda data, _: len(data) > 60_000),
    "The chunk extensions are too large.": ("h11 bounds none", lambda data, _: len(data) > 60_000),
    "A request has at most 100 header fields.": (
        "h11 bounds bytes alone",
        lambda data, _: data.count(b"\n") > 100,
    ),
    "A request has at most 100 trailer fields.": (
        "h11 bounds bytes alone",
        lambda data, _: data.count(b":") > 100,
    ),
    "A request has one Host field.": ("h11 asks no HTTP/1.0 for one", _host),
    "The Host field is malformed.": ("h11 looks at the characters alone", _host),
    "Content-Length is one number of bytes.": (
        "h11 takes a repeated one of the same value, and 20 digits",
        lambda data, _: (
            data.lower().count(b"content-length") > 1
            or b"," in data
            or bool(re.search(rb"\d{16}", data))
        ),
    ),
    "A request has Content-Length or Transfer-Encoding, not both.": (
        "h11 believes the latter",
        lambda data, _: b"content-length" in data.lower() and b"transfer-encoding" in data.lower(),
    ),
    "HTTP/1.0 has no Transfer-Encoding.": (
        "h11 takes it",
        lambda data, request: b"HTTP/1.0" in data and bool(_values(request, b"transfer-encoding")),
    ),
    "The only expectation that is met is 100-continue.": (
        "h11 leaves others to the application",
        lambda _, request: any(
            value.lower() != b"100-continue" for value in _values(request, b"expect")
        ),
    ),
    "The target of a request has no fragment.": (
        "h11 looks at the characters alone",
        lambda _, request: b"#" in request.target,
    ),
    "The server opens no tunnels.": ("h11 opens some", lambda _, r: r.method == "CONNECT"),
    "The target of CONNECT is a host and a port.": (
        "h11 looks at the characters alone",
        lambda _, request: request.method == "CONNECT",
    ),
    "The target is a path, or an http address.": (
        "h11 looks at the characters alone",
        lambda _, request: not request.target.startswith(b"/"),
    ),
    "The host in the target is malformed.": (
        "h11 looks at the characters alone",
        lambda _, request: (
            (found := _ABSOLUTE.fullmatch(request.target)) is not None
            and _HOST.fullmatch(found[1]) is None
        ),
    ),
    "A chunk's size is malformed.": (
        "h11 takes 20 digits, white space behind them, bare LF, anything as an extension",
        lambda data, _: (
            any(e.search(data) for e in (_ODD_SIZE, _BARE_LF, _CONTROL)) or len(data) > 1000
        ),
    ),
    "There are too many empty lines before the request.": (
        "h11 takes none",
        lambda data, _: b"\r\n" * 5 in data,
    ),
}
"""What is refused here and read by h11: our words, the reason, and what the bytes then hold."""


def _trailing(data: bytes) -> bool:
    return _FRAMING_TRAILER.search(data) is not None


_READS_TRAILERS: Final = (
    "h11 reads trailers as if they framed the message; here they count for nothing (9110, 6.5.1)",
    _trailing,
)
LAXER: Final[dict[str, tuple[str, Callable[[bytes], bool]]]] = {
    "no request line received": (
        "RFC 9112, 2.2: an empty line before a request is ignored",
        lambda data: data.startswith(b"\r\n") or b"\r\n\r\n" in data,
    ),
    "illegal request line": (
        "the same: what has arrived of the line is its CR",
        lambda data: data.endswith(b"\r"),
    ),
    "Only Transfer-Encoding: chunked is supported": _READS_TRAILERS,
    "multiple Transfer-Encoding headers": _READS_TRAILERS,
    "conflicting Content-Length headers": _READS_TRAILERS,
    "bad Content-Length": _READS_TRAILERS,
}
"""What is read here and refused by h11: its words, the reason, and what the bytes then hold."""


def _meant(request: Request) -> tuple[str, bytes, list[tuple[bytes, bytes]]]:
    """Return method, target and headers of what h11 read, which leaves some to its caller.

    Of a target in absolute form, the host counts instead of the field (RFC 9112, 3.2.2).
    """
    found = _ABSOLUTE.fullmatch(request.target)
    if found is None:
        return request.method, request.target, _comparable(request.headers)
    host, path, query = found.groups()
    target = (path or (b"*" if request.method == "OPTIONS" and not query else b"/")) + query
    headers = [(b"host", host), *(each for each in request.headers if each[0] != b"host")]
    return request.method, target, _comparable(headers)


def _comparable(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return them with the coding's name in lower case: h11 writes it so."""
    return [(n, v.lower() if n == b"transfer-encoding" else v) for n, v in headers]


def judge(data: bytes, ours: Reading) -> str | None:
    """Return how h11 differs from our reading of some bytes, or None.

    h11 looks at a head, or at trailers, when they are complete. Where it still waits for that, it
    is asked again with their end.
    """
    found = compare(data, ours, ask_h11(data))
    if found is None:
        return None
    completed = data + b"\r\n\r\n"
    return compare(completed, read([completed]), ask_h11(completed)) and found


def compare(data: bytes, ours: Reading, theirs: Reading) -> str | None:
    """Return how two readings of the same bytes differ beyond what is explained; None if not."""
    pairs = zip(ours.requests, theirs.requests, strict=False)
    for number, pair in enumerate(pairs):
        found = _compare_requests(*pair)
        if found is not None:
            return f"request {number}: {found}"
    mine, other = _progress(ours), _progress(theirs)
    if mine > other or (ours.refusal is None and theirs.refusal is not None):
        _, may = LAXER.get(theirs.refusal or "", ("", lambda _: False))
        return None if may(data) else f"read here alone; h11 says: {theirs.refusal}"
    if ours.refusal is None:
        return None if mine == other else f"read by h11 alone: {mine} here, {other} there"
    if mine == other and theirs.refusal is not None:
        return None  # both refuse; the words may differ
    return _explain(data, ours.refusal, theirs, mine[0])


def _compare_requests(mine: Request, other: Request) -> str | None:
    meant = (mine.method, mine.target, _comparable(mine.headers))
    if meant != _meant(other):
        return f"{meant} or {_meant(other)}"
    shorter = min(len(mine.body), len(other.body))
    if mine.body[:shorter] != other.body[:shorter]:
        return "the body differs"
    if mine.is_complete and other.is_complete and len(mine.body) != len(other.body):
        return f"the body has {len(mine.body)} or {len(other.body)} bytes"
    return None


def _progress(reading: Reading) -> tuple[int, int]:
    """Return how many requests are complete, and how many have begun."""
    return sum(request.is_complete for request in reading.requests), len(reading.requests)


def _explain(data: bytes, refusal: str, theirs: Reading, number: int) -> str | None:
    """Return what is wrong about our refusal of a request that h11 reads, or waits for."""
    if number >= len(theirs.requests):
        return None  # h11 waits for the rest of what is refused here
    _, holds = STRICTER.get(refusal, ("", lambda *_: False))
    if holds(data, theirs.requests[number]):
        return None
    return f"refused here alone, without what it speaks of: {refusal}"
