"""Where a body ends: conflicting and malformed lengths and codings (RFC 9112, 6)."""

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
    chunked,
    fine,
    length,
    request,
    tolerated,
    wrong,
)

_OBJECT: Final = b"[1]"
"""JSON that is no change of an image: 422 after all of it has been read."""
_WIDE: Final = b"Content-Length: %d" % (2**64 + 3)
_LENGTHS: Final = {
    "twice-different": (b"Content-Length: 3", b"Content-Length: 300"),
    "twice-same": (b"Content-Length: 3", b"Content-Length: 3"),
    "list-different": (b"Content-Length: 3, 300",),
    "list-same": (b"Content-Length: 3, 3",),
    "plus": (b"Content-Length: +3",),
    "minus": (b"Content-Length: -3",),
    "minus-zero": (b"Content-Length: -0",),
    "hexadecimal": (b"Content-Length: 0x3",),
    "underscore": (b"Content-Length: 0_3",),
    "fraction": (b"Content-Length: 3.0",),
    "exponent": (b"Content-Length: 3e0",),
    "words": (b"Content-Length: 3 0",),
    "empty": (b"Content-Length:",),
    "letters": (b"Content-Length: three",),
    "wraps": (_WIDE,),
    "superscript": ("Content-Length: 3\u00b2".encode(),),
    "space-before-colon": (b"Content-Length : 3",),
    "vertical-tab": (b"Content-Length: \x0b3",),
}
_CODINGS: Final = {
    "gzip": (b"Transfer-Encoding: gzip, chunked", 501),
    "gzip-line": (b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", 501),
    "unknown": (b"Transfer-Encoding: xchunked", 501),
    "identity": (b"Transfer-Encoding: identity", 501),
    "gzip-last": (b"Transfer-Encoding: chunked, gzip", 400),
    "twice": (b"Transfer-Encoding: chunked, chunked", 400),
    "twice-line": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
    "parameter": (b"Transfer-Encoding: chunked;q=1", 400),
    "quoted": (b'Transfer-Encoding: "chunked"', 400),
    "empty": (b"Transfer-Encoding:", 400),
    "space-before-colon": (b"Transfer-Encoding : chunked", 400),
    "vertical-tab": (b"Transfer-Encoding: \x0bchunked", 400),
    "null": (b"Transfer-Encoding: chunked\x00", 400),
    "folded": (b"Transfer-Encoding:\r\n chunked", 400),
    "bare-cr": (b"Transfer-Encoding: chunked\r", 400),
    "name-null": (b"Transfer-Encoding\x00: chunked", 400),
    "beyond-ascii": (b"Transfer-Encoding: chunked\xff", 400),
}


def rows() -> Iterator[Row]:
    """Lengths, codings, and both together; in each, what follows would harm if it were read."""
    patch = (b"PATCH", IMAGE, JSON, TOKEN)
    for name, fields in _LENGTHS.items():
        bytes_ = request(*patch, *fields) + _OBJECT + START
        yield wrong(f"length-{name}", bytes_, meant=(200, 401, 413, 422), most=3)
    for name, (field, status) in _CODINGS.items():
        bytes_ = request(*patch, field) + chunked(START)
        yield wrong(f"coding-{name}", bytes_, direct=(status,), meant=(401, 422), most=3)
    yield from _both(patch)
    for name, field in (
        ("capitals", b"TRANSFER-ENCODING: CHUNKED"),
        ("spaces", b"Transfer-Encoding:   chunked  "),
    ):
        yield fine(f"coding-{name}", request(*patch, field) + chunked(WHOLE), direct=(422,))
    for name, field in (
        ("zeros", b"Content-Length: 0003"),
        ("capitals", b"CONTENT-LENGTH: 3"),
    ):
        yield fine(f"length-{name}", request(*patch, field) + _OBJECT, direct=(422,))
    # nginx takes no tab for a space.
    for name, field, body in (
        ("coding", b"Transfer-Encoding:\tchunked", chunked(_OBJECT)),
        ("length", b"Content-Length:\t3\t", _OBJECT),
    ):
        yield tolerated(f"{name}-tab", request(*patch, field) + body, direct=(422,))
    # What only looks like a framing field frames nothing: the bytes behind it are the next request.
    for name, field in (
        ("underscore", b"Content_Length: 300"),
        ("prefix", b"X-Transfer-Encoding: chunked"),
    ):
        yield fine(
            f"look-alike-{name}", request(*patch, field, length(b"{}")) + b"{}", direct=(200,)
        )


def _both(patch: tuple[bytes, bytes, bytes, bytes]) -> Iterator[Row]:
    """A length beside a coding: read by one, the smuggled request is a body; by the other, not."""
    for kind, smuggled in SMUGGLED.items():
        coded = chunked(smuggled)
        empty = b"0\r\n\r\n" + smuggled
        for order in ("length-first", "coding-first"):
            for name, size, body in (
                ("agreeing", len(coded), coded),
                ("short", len(coded.split(b"\r\n")[0]) + 2, coded),
                ("long", len(empty), empty),
                ("zero", 0, coded),
            ):
                fields = [b"Content-Length: %d" % size, CHUNKED]
                if order == "coding-first":
                    fields.reverse()
                bytes_ = request(*patch, *fields) + body
                # A proxy that goes by the coding, as RFC 9112, 6.3, has it, sees more requests.
                title = f"both-{name}-{kind}-{order}"
                if name == "long" and kind == "whole":
                    continue  # by the coding it is a request, and the attacker's own
                yield wrong(title, bytes_, meant=(200, 401, 422), most=4)
    bytes_ = request(*patch, CHUNKED, version=b"HTTP/1.0") + chunked(START)
    yield wrong("coding-in-1.0", bytes_, meant=(411, 422), most=3)
