"""Offers to upgrade: each is ignored, and the body is the body (RFC 9110, 7.8)."""

from collections.abc import Iterator
from typing import Final

from tests.edge.rows.row import (
    CHUNKED,
    HEALTH,
    IMAGE,
    JSON,
    LAST,
    NO_IMAGE,
    SMUGGLED,
    TOKEN,
    UPLOADS,
    Row,
    chunked,
    fine,
    length,
    request,
    wrong,
)

_SETTINGS: Final = b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"
_WEBSOCKET: Final = (
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
_OFFERS: Final = {
    "h2c": (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", _SETTINGS),
    "websocket": _WEBSOCKET,
    "several": (b"Connection: keep-alive, Upgrade", b"Upgrade: TLS/1.0, HTTP/3.0, foo/2"),
    "not-connected": (b"Upgrade: h2c",),
    "nothing-offered": (b"Connection: upgrade",),
}


def rows() -> Iterator[Row]:
    """Each offer with each kind of body, where the body is read and where it is not."""
    for offer, fields in _OFFERS.items():
        yield from _without_body(offer, fields)
        every = offer == "h2c"
        for kind, smuggled in SMUGGLED.items():
            yield from _with_body(f"{offer}-{kind}", fields, smuggled, every=every)
            yield from _with_large_body(f"{offer}-{kind}", fields, smuggled)
    yield from _tunnels()


def _without_body(offer: str, fields: tuple[bytes, ...]) -> Iterator[Row]:
    for method, target, status in (
        (b"GET", HEALTH, 200),
        (b"POST", HEALTH, 405),
        (b"GET", NO_IMAGE, 401),
        (b"DELETE", NO_IMAGE, 401),
    ):
        name = f"upgrade-{offer}-{method.decode().lower()}-{status}"
        yield fine(name, request(method, target, *fields), direct=(status,), may_close=True)


def _with_body(name: str, fields: tuple[bytes, ...], body: bytes, *, every: bool) -> Iterator[Row]:
    for target, method, (path, *own), status in (
        ("unread", b"POST", (HEALTH,), 405),
        ("read", b"PATCH", (IMAGE, JSON, TOKEN), 422),
        ("unasked", b"GET", (HEALTH,), 200),
        ("stranger", b"PATCH", (IMAGE, JSON), 401),
    ):
        if not every and target in {"unasked", "stranger"}:
            continue
        sized = request(method, path, *own, *fields, length(body))
        coded = request(method, path, *own, *fields, CHUNKED)
        styles = {
            "sized": (sized + body,),
            "sized-later": (sized, body),
            "chunked": (coded + chunked(body),),
            "chunked-later": (coded, chunked(body)),
        }
        for style in styles if every else ("sized-later", "chunked"):
            title = f"upgrade-{name}-{target}-{style}"
            # An answer that comes before the body says that it is the last.
            early = target != "read"
            yield fine(title, *styles[style], direct=(status,), may_close=early)


def _with_large_body(name: str, fields: tuple[bytes, ...], smuggled: bytes) -> Iterator[Row]:
    """What is too large for one segment comes later, also from a proxy that has gathered it all."""
    body = b"\r\n" * 40_000 + smuggled
    for target, path, status in (("unread", HEALTH, 405), ("stranger", UPLOADS, 401)):
        bytes_ = request(b"POST", path, *fields, length(body)) + body
        yield fine(f"upgrade-{name}-{target}-large", bytes_, direct=(status,), may_close=True)


def _tunnels() -> Iterator[Row]:
    yield wrong(
        "preface-after-offer",
        request(b"GET", HEALTH, *_OFFERS["h2c"]),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        direct=(200, 505),
        meant=(401,),
    )
    yield wrong("connect", request(b"CONNECT", b"api.test:80"), direct=(501,), meant=(404, 401))
    yield wrong("connect-path", request(b"CONNECT", HEALTH), meant=(401, 404, 200))
    yield wrong(
        "frames-after-websocket",
        request(b"GET", HEALTH, *_WEBSOCKET),
        b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        direct=(200, 400),
    )
    yield Row(
        "offer-in-the-last",
        (LAST[:-2] + b"Upgrade: h2c\r\n\r\n" + SMUGGLED["start"],),
        (200,),
        is_valid=True,
    )
