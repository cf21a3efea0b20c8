"""The order of things: pipelining, garbage, early answers, expectations (RFC 9112, 9; 9110, 10)."""

from collections.abc import Iterator
from typing import Final

from tests.edge.rows.row import (
    CHUNKED,
    CLOSE,
    HEALTH,
    IMAGE,
    JSON,
    LAST,
    NO_IMAGE,
    SMUGGLED,
    START,
    TOKEN,
    UPLOADS,
    WAIT,
    WHOLE,
    Row,
    chunked,
    fine,
    length,
    request,
    tolerated,
    wrong,
)

_OK: Final = request(b"GET", HEALTH)
_STRANGER: Final = request(b"GET", NO_IMAGE)
_NONE: Final = request(b"GET", NO_IMAGE, TOKEN)
_READ: Final = request(b"PATCH", IMAGE, JSON, TOKEN, length(b"[1]")) + b"[1]"
_READ_CHUNKED: Final = request(b"PATCH", IMAGE, JSON, TOKEN, CHUNKED) + chunked(b"[1]")
_FORM: Final = b"Content-Type: multipart/form-data; boundary=b"
_GARBAGE: Final = {
    "words": b"garbage and more\r\n\r\n",
    "nulls": b"\x00" * 64,
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "lines": b"\r\n" * 50 + b"x\r\n\r\n",
    "answer": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "body": b'{"comment": "x"}',
    "line-feeds": b"\n\n\n",
    "beyond-ascii": "é\r\n\r\n".encode(),
}


def rows() -> Iterator[Row]:
    """What comes in an order, or at a time, that servers are tested with least."""
    yield from _pipelines()
    yield from _garbage()
    yield from _early()
    yield from _expectations()
    yield from _cuts()


def _pipelines() -> Iterator[Row]:
    for name, bytes_, statuses in (
        ("two", _STRANGER + _OK, (401, 200)),
        ("mixed", _OK + _NONE + _STRANGER + _OK, (200, 404, 401, 200)),
        ("twenty", (_OK + _STRANGER) * 10, (200, 401) * 10),
        ("hundred", (_STRANGER + _NONE) * 50, (401, 404) * 50),
        ("bodies", _READ + _NONE + _READ_CHUNKED + _OK, (422, 404, 422, 200)),
    ):
        yield fine(f"pipeline-{name}", bytes_, direct=statuses)
    lines = _OK + b"\r\n" + _STRANGER + b"\r\n\r\n" + _NONE
    yield tolerated("pipeline-lines-between", lines, direct=(200, 401, 404))
    head = request(b"HEAD", HEALTH)
    methods = ("HEAD", "GET", "HEAD", "GET")
    yield fine(
        "pipeline-head",
        head + _STRANGER + head,
        direct=(200, 401, 200),
        methods=methods,
    )
    closing = request(b"GET", HEALTH, CLOSE)
    yield Row("pipeline-after-close", (_STRANGER + closing + WHOLE + LAST,), (401, 200))
    yield Row("pipeline-after-close-later", (closing, WAIT, WHOLE), (200,))
    last = request(b"PATCH", IMAGE, JSON, TOKEN, CLOSE, length(b"[1]")) + b"[1]"
    yield Row("pipeline-after-close-body", (last + WHOLE + LAST,), (422,))
    for name, value in (
        ("list", b"keep-alive, close"),
        ("capitals", b"CLOSE"),
        ("tab", b"\tclose"),
    ):
        bytes_ = request(b"GET", HEALTH, b"Connection: " + value) + _STRANGER
        yield Row(f"pipeline-close-{name}", (bytes_,), (200,), meant=(401,))


def _garbage() -> Iterator[Row]:
    for name, garbage in _GARBAGE.items():
        for place, bytes_, statuses in (
            ("after", _STRANGER + garbage, (401, 400)),
            ("after-body", _READ + garbage, (422, 400)),
            ("after-chunks", _READ_CHUNKED + garbage, (422, 400)),
            ("first", garbage, (400,)),
        ):
            is_variant = place in {"after-body", "after-chunks"}
            title = f"garbage-{place}-{name}"
            yield wrong(title, bytes_, direct=statuses, meant=(200,), is_variant=is_variant)
    late = "garbage-later-words"
    yield wrong(late, _STRANGER, WAIT, _GARBAGE["words"], direct=(401, 400))


def _early() -> Iterator[Row]:
    """Answered before the body is there; what comes then is read and dropped, never a request."""
    for name, head, status in (
        ("stranger", (b"POST", UPLOADS, _FORM), 401),
        ("not-allowed", (b"POST", HEALTH), 405),
        ("no-image", (b"PATCH", NO_IMAGE, JSON, TOKEN), 404),
        ("get", (b"GET", HEALTH), 200),
        ("too-large", (b"PATCH", IMAGE, JSON, TOKEN), 413),
    ):
        for kind, smuggled in SMUGGLED.items():
            padding = b"\r\n" * (35_000 if status == 413 else 200)
            body = padding + smuggled
            sized = request(*head, length(body))
            coded = request(*head, CHUNKED)
            for style, pieces in (
                ("sized", (sized + body,)),
                ("sized-later", (sized, WAIT, body)),
                # That it is too large is not known before.
                ("chunked-later", (coded, *([WAIT] if status != 413 else []), chunked(body))),
            ):
                title = f"early-{name}-{kind}-{style}"
                yield fine(title, *pieces, direct=(status,), may_close=True)
    for size in (300_000, 3_000_000):
        body = b"\r\n" * (size // 2) + START
        bytes_ = request(b"POST", UPLOADS, _FORM, length(body))
        # Caddy reads on after such an answer, and takes the rest of the body for a request.
        yield Row(f"early-{size}", (bytes_, WAIT, body, LAST), (401, 200), may_close=True, most=4)
    for name, head, status in (
        ("stranger", (b"POST", UPLOADS, _FORM), 401),
        ("not-allowed", (b"POST", HEALTH), 405),
    ):
        bytes_ = request(*head, b"Content-Length: 300000") + START
        yield Row(f"unfinished-{name}", (bytes_,), (status,), is_unfinished=True)
        bytes_ = request(*head, CHUNKED) + b"ffff\r\n" + START
        yield Row(f"unfinished-chunk-{name}", (bytes_,), (status,), is_unfinished=True)


def _expectations() -> Iterator[Row]:
    read = request(b"PATCH", IMAGE, JSON, TOKEN, b"Expect: 100-continue", length(b"[1]"))
    yield fine("expect-waited", read, WAIT, b"[1]", direct=(422,))
    yield fine("expect-at-once", read + b"[1]", direct=(422,))
    coded = request(b"PATCH", IMAGE, JSON, TOKEN, b"Expect: 100-Continue", CHUNKED)
    yield fine("expect-chunked", coded, WAIT, chunked(b"[1]"), direct=(422,))
    yield fine(
        "expect-without-body", request(b"GET", HEALTH, b"Expect: 100-continue"), direct=(200,)
    )
    stranger = request(b"PATCH", IMAGE, JSON, b"Expect: 100-continue", length(WHOLE))
    yield fine("expect-refused", stranger, WAIT, WHOLE, direct=(401,), may_close=True)
    for name, value in (("other", b"200-ok"), ("list", b"100-continue, x"), ("empty", b"")):
        bytes_ = request(b"PATCH", IMAGE, JSON, TOKEN, b"Expect: " + value, length(START)) + START
        yield wrong(f"expect-{name}", bytes_, direct=(417,), meant=(422,))
    old = request(
        b"PATCH", IMAGE, JSON, TOKEN, b"Expect: 100-continue", length(b"[1]"), version=b"HTTP/1.0"
    )
    yield Row("expect-in-1.0", (old + b"[1]",), (422,))


def _cuts() -> Iterator[Row]:
    """The same bytes in other pieces are the same requests."""
    bytes_ = _READ_CHUNKED + _STRANGER + _READ + _NONE
    for size in (1, 2, 7, 64):
        pieces = [bytes_[at : at + size] for at in range(0, len(bytes_), size)]
        yield fine(f"cut-{size}", *pieces, direct=(422, 401, 422, 404))
    for at in (1, len(_OK) - 3, len(_OK) - 2, len(_OK) - 1):
        yield fine(f"cut-at-{at}", _OK[:at], _OK[at:], direct=(200,))
