"""Request lines and fields: Host, targets, versions, line ends, odd bytes (RFC 9112, 2 to 5)."""

from collections.abc import Iterator
from typing import Final

from tests.edge.rows.row import (
    CANARY,
    HEALTH,
    HOST,
    IMAGE,
    IMAGES,
    LAST,
    NO_IMAGE,
    START,
    TOKEN,
    Row,
    fine,
    length,
    request,
    tolerated,
    wrong,
)

_HOSTS_WRONG: Final = {
    "missing": (),
    "twice": (HOST, HOST),
    "twice-different": (HOST, b"Host: other.test"),
    "empty": (b"Host:",),
    "list": (b"Host: api.test, other.test",),
    "words": (b"Host: api.test other.test",),
    "user": (b"Host: someone@api.test",),
    "path": (b"Host: api.test/healthz",),
    "port-letters": (b"Host: api.test:eighty",),
    "null": (b"Host: api.test\x00",),
    "beyond-ascii": (b"Host: api.t\xc3\xa9st",),
    "space-before-colon": (b"Host : api.test",),
    "folded": (b"Host:\r\n api.test",),
}
_HOSTS_RIGHT: Final = {
    "port": b"Host: api.test:8080",
    "address": b"Host: 127.0.0.1",
    "address-6": b"Host: [::1]:8080",
    "capitals": b"HOST: API.TEST",
    "spaces": b"Host:   api.test  ",
}
_TARGETS_WRONG: Final = {
    "relative": b"healthz",
    "asterisk": b"*",
    "fragment": b"/healthz#x",
    "space": b"/health z",
    "tab": b"/health\tz",
    "null": b"/healthz\x00",
    "beyond-ascii": b"/healthz?\xff",
    "bare-cr": b"/healthz\rX: y",
    "other-scheme": b"ftp://api.test/healthz",
    "absolute-without-host": b"http:///healthz",
    "absolute-user": b"http://someone@api.test/healthz",
    "empty": b"",
}
_VERSIONS: Final = {
    "2.0": (b"HTTP/2.0", 505),
    "0.9": (b"HTTP/0.9", 505),
    "1.2": (b"HTTP/1.2", 505),
    "3.0": (b"HTTP/3.0", 505),
    "lower": (b"http/1.1", 400),
    "zero": (b"HTTP/01.1", 400),
    "digits": (b"HTTP/1.10", 400),
    "short": (b"HTTP/1", 400),
    "letter": (b"HTTP/1.x", 400),
    "other": (b"ICE/1.0", 400),
    "space": (b"HTTP/1.1 ", 400),
    "word": (b"HTTP/1.1 x", 400),
}
_LINES_WRONG: Final = {
    "no-colon": b"X-Nothing",
    "no-name": b": value",
    "space-in-name": b"X Y: value",
    "space-before-colon": b"X-Y : value",
    "bracket-in-name": b"X(Y): value",
    "quote-in-name": b'X"Y: value',
    "beyond-ascii-in-name": b"X-\xe9: value",
    "null-in-name": b"X\x00Y: value",
    "null-in-value": b"X-Y: a\x00b",
    "control-in-value": b"X-Y: a\x01b",
    "delete-in-value": b"X-Y: a\x7fb",
    "cr-in-value": b"X-Y: a\rb",
    "cr-in-value-field": b"X-Y: a\rAuthorization: b",
    "cr-at-end": b"X-Y: a\r",
    "lf-in-value": b"X-Y: a\nX-Z: b",
    "folded": b"X-Y: a\r\n b",
    "folded-tab": b"X-Y: a\r\n\tb",
    "folded-empty": b"X-Y: a\r\n \r\nX-Z: b",
    "cr-cr-lf": b"X-Y: a\r\r\nX-Z: b",
    "vertical-tab": b"X-Y: a\x0bb",
    "form-feed-before": b"\x0cX-Y: a",
}
_LINES_RIGHT: Final = {
    "empty-value": b"X-Y:",
    "spaces-alone": b"X-Y:     ",
    "tabs": b"X-Y:\ta\tb\t",
    "no-space": b"X-Y:a",
    "odd-name": b"x!#$%&'*+-.^`|~9: a",
    "beyond-ascii-in-value": b"X-Y: \xc3\xa9\xff",
    "quoted": b'X-Y: "a\\"b", c; d=e',
    "long": b"X-Y: " + b"a" * 4000,
    "several": b"\r\n".join(b"X-%d: %d" % (number, number) for number in range(60)),
    "connection-empty": b"Connection:",
    "connection-commas": b"Connection: , ,keep-alive,",
    "keep-alive": b"Keep-Alive: timeout=0, max=0",
}


def rows() -> Iterator[Row]:
    """Each oddity in a request that would be answered 200, between two that are fine."""
    yield from _hosts()
    yield from _targets()
    yield from _versions()
    for name, line in _LINES_WRONG.items():
        first = request(b"GET", NO_IMAGE)
        bytes_ = first + request(b"GET", HEALTH, line)
        yield wrong(f"line-{name}", bytes_, direct=(401, 400), meant=(200,))
    for name, line in _LINES_RIGHT.items():
        yield fine(f"line-{name}", request(b"GET", HEALTH, line), direct=(200,))
    yield from _sizes()
    yield from _line_ends()
    yield from _methods()


def _hosts() -> Iterator[Row]:
    for name, fields in _HOSTS_WRONG.items():
        yield wrong(f"host-{name}", request(b"GET", HEALTH, *fields, host=None), meant=(200,))
    for name, field in _HOSTS_RIGHT.items():
        yield fine(f"host-{name}", request(b"GET", HEALTH, host=field), direct=(200,))
    bytes_ = request(b"GET", HEALTH, version=b"HTTP/1.0", host=None)
    yield Row("host-missing-in-1.0", (bytes_,), (200,), meant=(400,))
    for name, target in (
        ("absolute", b"http://api.test/healthz"),
        ("absolute-other-host", b"http://other.test/healthz"),
        ("absolute-capitals", b"HTTP://api.test/healthz"),
        ("absolute-secure", b"https://api.test/healthz"),
    ):
        yield tolerated(f"target-{name}", request(b"GET", target), direct=(200,))


def _targets() -> Iterator[Row]:
    for name, target in _TARGETS_WRONG.items():
        yield wrong(f"target-{name}", request(b"GET", target), meant=(200, 401, 404, 301, 308))
    yield wrong("target-long", request(b"GET", b"/" + b"a" * 100_000), direct=(431,), meant=(401,))
    for name, target, status in (
        ("dots", b"/api/../healthz/./x", 401),
        ("slashes", b"//healthz//", 401),
        ("percent-null", b"/healthz%00", 401),
        ("percent-line", b"/healthz%0d%0aX:%20y", 401),
        ("percent-bad", b"/healthz%zz", 401),
        ("backslash", b"/api\\healthz", 401),
        ("semicolon", b"/healthz;x=y", 401),
    ):
        bytes_ = request(b"GET", target)
        mended = (200, 301, 307, 308, 404)
        yield tolerated(f"target-{name}", bytes_, direct=(status,), meant=mended)
    bytes_ = request(b"OPTIONS", b"*")
    yield tolerated("target-asterisk-options", bytes_, direct=(401,), meant=(404, 405))


def _versions() -> Iterator[Row]:
    for name, (version, status) in _VERSIONS.items():
        bytes_ = request(b"GET", HEALTH, version=version)
        yield wrong(f"version-{name}", bytes_, direct=(status,), meant=(200, 426))
    yield wrong("version-none", b"GET /healthz\r\n", meant=(200,))
    yield wrong("version-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", direct=(505,))
    old = request(b"GET", HEALTH, version=b"HTTP/1.0")
    yield Row("version-1.0", (old + LAST,), (200,))
    kept = request(b"GET", HEALTH, b"Connection: keep-alive", version=b"HTTP/1.0")
    yield Row("version-1.0-kept", (kept + LAST,), (200,), meant=(200,))
    posted = request(b"POST", HEALTH, length(START), version=b"HTTP/1.0")
    yield Row("version-1.0-body", (posted + START + LAST,), (405,))


def _sizes() -> Iterator[Row]:
    for name, fields in (
        ("one-field", (b"X-Y: " + b"a" * 100_000,)),
        ("many-fields", (b"\r\n".join([b"X-Y: a"] * 1_000),)),
        ("many-large", (b"\r\n".join([b"X-Y: " + b"a" * 7_000] * 30),)),
        ("no-end", (b"X-Y: " + b"a" * 300_000,)),
    ):
        bytes_ = request(b"GET", HEALTH, *fields)
        yield wrong(f"size-{name}", bytes_, direct=(431,), meant=(200,))


def _line_ends() -> Iterator[Row]:
    right = request(b"GET", HEALTH)
    for name, bytes_ in (
        ("all-lf", right.replace(b"\r\n", b"\n")),
        ("request-line-lf", right.replace(b"\r\n", b"\n", 1)),
        ("last-lf", right[:-2] + b"\n"),
        ("all-cr", right.replace(b"\r\n", b"\r")),
        ("lf-cr", right.replace(b"\r\n", b"\n\r")),
        ("nul-before", b"\x00" + right),
        ("space-before", b" " + right),
        ("two-spaces", right.replace(b" ", b"  ", 1)),
        ("tab-for-space", right.replace(b" ", b"\t", 1)),
        ("field-first-folded", right.replace(b"\r\nHost", b"\r\n X: y\r\nHost", 1)),
        ("mark-before", b"\xef\xbb\xbf" + right),
    ):
        yield wrong(f"ends-{name}", bytes_, meant=(200,))
    # RFC 9112, 2.2, asks servers to ignore one; those in Go do not.
    yield tolerated("ends-empty-line-before", b"\r\n" + right, direct=(200,))


def _methods() -> Iterator[Row]:
    for name, method, status in (
        ("lower", b"get", 405),
        ("unknown", b"FROB", 405),
        ("trace", b"TRACE", 405),
        ("dashes", b"M-SEARCH", 405),
    ):
        bytes_ = request(method, HEALTH)
        yield tolerated(f"method-{name}", bytes_, direct=(status,), meant=(200, 401, 501))
    for name, method in (
        ("long", b"A" * 5000),
        ("bracket", b"GE(T"),
        ("null", b"GE\x00T"),
        ("none", b""),
        ("beyond-ascii", b"G\xc3\x89T"),
    ):
        yield wrong(f"method-{name}", request(method, HEALTH), meant=(405,))
    for name, fields in (
        ("method-override", (b"X-HTTP-Method-Override: DELETE", TOKEN)),
        ("original-url", (b"X-Original-URL: /api/available-image/" + CANARY.encode(), TOKEN)),
        ("rewrite-url", (b"X-Rewrite-URL: /api/available-image/" + CANARY.encode(), TOKEN)),
    ):
        yield fine(f"field-{name}", request(b"GET", IMAGE, *fields), direct=(200,))
    twice = request(b"GET", IMAGES, TOKEN, b"Authorization: Bearer none")
    yield tolerated("field-token-twice", twice, direct=(401,), meant=(200, 400))
