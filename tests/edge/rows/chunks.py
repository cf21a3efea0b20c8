"""The chunked coding: its syntax, and trailers (RFC 9112, 7.1)."""

from collections.abc import Iterator
from typing import Final

from tests.edge.rows.row import (
    CHUNKED,
    IMAGE,
    JSON,
    SMUGGLED,
    START,
    TOKEN,
    WHOLE,
    Row,
    fine,
    request,
    tolerated,
    wrong,
)

_END: Final = b"0\r\n\r\n"
_SIZE: Final = b"%x" % len(START)
_RIGHT: Final = {
    "capitals": b"A\r\n[1,2,3,45]\r\n" + _END,
    "zeros": b"0000003\r\n[1]\r\n" + _END,
    "many-zeros-at-the-end": b"3\r\n[1]\r\n0000\r\n\r\n",
    "one-byte-each": b"1\r\n[\r\n1\r\n1\r\n1\r\n]\r\n" + _END,
    "extension": b"3;name=value\r\n[1]\r\n" + _END,
    "extension-quoted": b'3;name="a; b"\r\n[1]\r\n0;last\r\n\r\n',
}
_WRONG: Final = {
    "size-empty": b"\r\n" + START + b"\r\n" + _END,
    "size-signed": b"+" + _SIZE + b"\r\n" + START + b"\r\n" + _END,
    "size-negative": b"-1\r\n" + START + b"\r\n" + _END,
    "size-prefixed": b"0x" + _SIZE + b"\r\n" + START + b"\r\n" + _END,
    "size-underscore": b"0_" + _SIZE + b"\r\n" + START + b"\r\n" + _END,
    "size-space-before": b" " + _SIZE + b"\r\n" + START + b"\r\n" + _END,
    "size-space-after": _SIZE + b" \r\n" + START + b"\r\n" + _END,
    "size-letter": b"g\r\n" + START + b"\r\n" + _END,
    "size-wraps": b"1000000000000000" + _SIZE + b"\r\n" + START + b"\r\n" + _END,
    "size-wraps-32": b"1000000000000000000000000" + _SIZE + b"\r\n" + START + b"\r\n" + _END,
    "size-null": _SIZE + b"\x00\r\n" + START + b"\r\n" + _END,
    "size-line-lf": _SIZE + b"\n" + START + b"\r\n" + _END,
    "size-line-cr": _SIZE + b"\r" + START + b"\r\n" + _END,
    "size-line-cr-cr-lf": _SIZE + b"\r\r\n" + START + b"\r\n" + _END,
    "extension-lf": _SIZE + b";a\nb\r\n" + START + b"\r\n" + _END,
    "extension-cr": _SIZE + b";a\rb\r\n" + START + b"\r\n" + _END,
    "extension-null": _SIZE + b";a\x00\r\n" + START + b"\r\n" + _END,
    "extension-long": _SIZE + b";" + b"a" * 20_000 + b"\r\n" + START + b"\r\n" + _END,
    "data-longer": b"3\r\n" + START + b"\r\n" + _END,
    "data-without-end": b"3\r\n[1]" + _END + START,
    "data-end-lf": b"3\r\n[1]\n" + _END + START,
    "data-end-cr": b"3\r\n[1]\r" + _END + START,
    "data-end-other": b"3\r\n[1]XX" + _END + START,
    "last-without-end": b"3\r\n[1]\r\n0\r\nX" + START,
    "last-lf": b"3\r\n[1]\r\n0\n\n" + START,
    "no-chunks": START,
}
_TRAILERS_RIGHT: Final = {
    "one": b"X-Checksum: abc\r\n",
    "several": b"X-A: 1\r\nX-B: 2\r\nX-A: 3\r\n",
    "length": b"Content-Length: 300\r\n",
    "host": b"Host: other.test\r\n",
    "close": b"Connection: upgrade\r\n",
}
_TRAILERS_WRONG: Final = {
    "no-colon": b"no field\r\n",
    "folded": b"X-A: 1\r\n 2\r\n",
    "space-before-colon": b"X-A : 1\r\n",
    "lf": b"X-A: 1\nX-B: 2\r\n",
    "bare-cr": b"X-A: 1\r2\r\n",
    "null": b"X-A: \x00\r\n",
    "no-name": b": 1\r\n",
    "name": b"X A: 1\r\n",
    "request": b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
}


def rows() -> Iterator[Row]:
    """Bodies that are read, so that a malformed chunk is what the answer tells."""
    head = request(b"PATCH", IMAGE, JSON, TOKEN, CHUNKED)
    for name, body in _RIGHT.items():
        yield fine(f"chunk-{name}", head + body, direct=(422,))
        yield fine(f"chunk-{name}-later", head, body, direct=(422,))
    for name, body in _WRONG.items():
        yield wrong(f"chunk-{name}", head + body, meant=(401, 422), most=3)
        later = f"chunk-{name}-later"
        yield wrong(later, head, body, meant=(401, 422), most=3, is_variant=True)
    for name, trailers in _TRAILERS_RIGHT.items():
        body = b"3\r\n[1]\r\n0\r\n" + trailers + b"\r\n"
        yield fine(f"trailer-{name}", head + body, direct=(422,))
    # HAProxy refuses this one itself.
    coding = head + b"3\r\n[1]\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n"
    yield tolerated("trailer-coding", coding, direct=(422,))
    for name, trailers in _TRAILERS_WRONG.items():
        body = b"3\r\n[1]\r\n0\r\n" + trailers + b"\r\n"
        yield wrong(f"trailer-{name}", head + body, meant=(401, 422), most=3)
    for name, trailers, status in (
        ("large", b"X-A: " + b"a" * 100_000 + b"\r\n", 431),
        ("many", b"X-A: 1\r\n" * 20_000, 431),
    ):
        body = b"3\r\n[1]\r\n0\r\n" + trailers + b"\r\n"
        yield wrong(f"trailer-{name}", head + body, direct=(status,), meant=(422,))
    yield from _authorized_late()
    for kind, smuggled in SMUGGLED.items():
        cut = [smuggled[at : at + 7] for at in range(0, len(smuggled), 7)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in cut) + _END
        yield fine(f"chunk-small-{kind}", head + body, direct=(422,))


def _authorized_late() -> Iterator[Row]:
    """Trailers are never headers (RFC 9110, 6.5.1)."""
    stranger = request(b"PATCH", IMAGE, JSON, CHUNKED)
    for name, trailers in (("token", TOKEN + b"\r\n"), ("token-twice", (TOKEN + b"\r\n") * 2)):
        body = b"3\r\n[1]\r\n0\r\n" + trailers + b"\r\n"
        yield fine(f"trailer-{name}", stranger + body, direct=(401,), may_close=True)
    body = b"%x\r\n%s\r\n0\r\n%s\r\n\r\n" % (len(WHOLE), WHOLE, TOKEN)
    yield fine("trailer-token-whole", stranger + body, direct=(401,), may_close=True)
