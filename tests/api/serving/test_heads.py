import time

import pytest

from safelight_api.serving.events import Head, RefusedError
from safelight_api.serving.heads import MAX_FIELDS, parse


def head(
    *fields: bytes, line: bytes = b"POST /a HTTP/1.1", host: bytes | None = b"Host: h"
) -> bytes:
    return b"\r\n".join((line, *((host,) if host is not None else ()), *fields, b"", b""))


def parsed(data: bytes) -> Head:
    """Parse it, with other bytes around it."""
    return parse(b"\0\r\n" + data + b"\r\n\0", 3, 3 + len(data))


def refused(data: bytes) -> int:
    with pytest.raises(RefusedError) as caught:
        parsed(data)
    return int(caught.value.refusal.status)


def test_a_head_is_what_asgi_wants() -> None:
    data = head(b"ACCEPT: a, b \t", b"X-y:\t \xff\tz ", b"Accept:", b"Content-Length: 007")
    assert parsed(data) == Head(
        method="POST",
        target=b"/a",
        version="1.1",
        headers=[
            (b"host", b"h"),
            (b"accept", b"a, b"),
            (b"x-y", b"\xff\tz"),
            (b"accept", b""),
            (b"content-length", b"007"),
        ],
        keep_alive=True,
        expects_continue=False,
        content_length=7,
        is_chunked=False,
    )


@pytest.mark.parametrize(
    ("line", "target"),
    [
        (b"GET / HTTP/1.1", b"/"),
        (b"get /a?b=/?%zz&'\"<>[]{}|^`\\ HTTP/1.1", b"/a?b=/?%zz&'\"<>[]{}|^`\\"),
        (b"GET //h/a HTTP/1.1", b"//h/a"),
        (b"OPTIONS * HTTP/1.1", b"*"),
        (b"GET http://o HTTP/1.1", b"/"),
        (b"OPTIONS http://o HTTP/1.1", b"*"),
        (b"GET HTTPS://o:1/a?b HTTP/1.1", b"/a?b"),
        (b"GET http://[::1]?b HTTP/1.1", b"/?b"),
        (b"M-SEARCH /" + b"a" * 9000 + b" HTTP/1.1", b"/" + b"a" * 9000),
    ],
)
def test_targets_are_brought_into_one_form(line: bytes, target: bytes) -> None:
    assert parsed(head(line=line)).target == target


@pytest.mark.parametrize(
    ("line", "host"),
    [
        (b"GET / HTTP/1.1", b"h"),
        (b"GET http://other:8080/a HTTP/1.1", b"other:8080"),
        (b"GET http://other/a HTTP/1.0", b"other"),
    ],
)
def test_the_host_of_the_target_counts(line: bytes, host: bytes) -> None:
    """RFC 9112, 3.2.2."""
    assert parsed(head(line=line)).headers == [(b"host", host)]


def test_http_1_0_needs_no_host() -> None:
    absolute = parsed(head(line=b"GET http://h/ HTTP/1.0", host=None))
    assert absolute.headers == [(b"host", b"h")]
    found = parsed(head(line=b"GET / HTTP/1.0", host=None))
    assert (found.version, found.headers, found.keep_alive) == ("1.0", [], False)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET / HTTP/2.0", 505),
        (b"PRI * HTTP/2.0", 505),
        (b"GET / HTTP/1.2", 505),
        (b"GET / HTTP/0.9", 505),
        (b"GET /", 400),
        (b"GET / http/1.1", 400),
        (b"GET / HTTP/1.10", 400),
        (b"GET / HTTP/11", 400),
        (b"GET / HTTP/1.1 ", 400),
        (b"GET  / HTTP/1.1", 400),
        (b"GET /  HTTP/1.1", 400),
        (b"GET\t/ HTTP/1.1", 400),
        (b"GET / a HTTP/1.1", 400),
        (b" GET / HTTP/1.1", 400),
        (b"GE\x00T / HTTP/1.1", 400),
        (b"G@T / HTTP/1.1", 400),
        (b"A" * 33 + b" / HTTP/1.1", 400),
        (b"GET /\xe9 HTTP/1.1", 400),
        (b"GET /\x7f HTTP/1.1", 400),
        (b"GET /\r HTTP/1.1", 400),
        (b"GET /a\nHost:b HTTP/1.1", 400),
        (b"GET /#a HTTP/1.1", 400),
        (b"GET http://h/#a HTTP/1.1", 400),
        (b"GET a HTTP/1.1", 400),
        (b"GET ?a HTTP/1.1", 400),
        (b"GET h:1 HTTP/1.1", 400),
        (b"GET * HTTP/1.1", 400),
        (b"GET http://u@h/ HTTP/1.1", 400),
        (b"GET http://u:p@h/ HTTP/1.1", 400),
        (b"GET http:///a HTTP/1.1", 400),
        (b"GET http://h\\@x/a HTTP/1.1", 400),
        (b"GET ftp://h/a HTTP/1.1", 400),
        (b"GET javascript://h/a HTTP/1.1", 400),
        (b"CONNECT h:1 HTTP/1.1", 501),
        (b"CONNECT /a HTTP/1.1", 400),
        (b"CONNECT http://h/a HTTP/1.1", 400),
    ],
)
def test_request_lines_that_are_refused(line: bytes, status: int) -> None:
    assert refused(head(line=line)) == status


@pytest.mark.parametrize(
    "field",
    [
        b"A : b",
        b"A\t: b",
        b" A: b",
        b"\tA: b",
        b"A: b\r\n c",
        b"A: b\r\n\tc",
        b": b",
        b"A",
        b"A: b\rc",
        b"A: b\nc: d",
        b"A: b\n",
        b"A: b\r",
        b"A: b\x00",
        b"A: \x0bb",
        b"A: b\x7f",
        b"A: \x1f",
        b"A\x00: b",
        b"\xe9: b",
        b"A(: b",
        b"A\x0b: b",
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_fields_that_are_refused(field: bytes, *, is_first: bool) -> None:
    fields = (field, b"Host: h") if is_first else (b"Host: h", field)
    assert refused(head(*fields, host=None)) == 400


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [b"h", b"h"],
        [b"h", b"other"],
        [b""],
        [b"h h"],
        [b"h/a"],
        [b"u@h"],
        [b"h:a"],
        [b"h:1:2"],
        [b"h?a"],
        [b"h#a"],
        [b"h\\a"],
        [b"%zz"],
        [b"[::1"],
        [b"[x]"],
        [b"h\xe9"],
        [b"h:123456"],
    ],
)
def test_hosts_that_are_refused(hosts: list[bytes]) -> None:
    assert refused(head(*[b"Host: " + host for host in hosts], host=None)) == 400


@pytest.mark.parametrize(
    "host", [b"h", b"h:", b"H.x_y-z:65535", b"1.2.3.4:80", b"[::1]:80", b"%41"]
)
def test_hosts_that_are_accepted(host: bytes) -> None:
    assert parsed(head(host=b"Host:" + host)).headers == [(b"host", host)]


@pytest.mark.parametrize(
    ("fields", "length", "is_chunked"),
    [
        ([], None, False),
        ([b"Content-Length: 0"], 0, False),
        ([b"content-length:12 "], 12, False),
        ([b"Content-Length: 999999999999999"], 10**15 - 1, False),
        ([b"Transfer-Encoding: chunked"], None, True),
        ([b"transfer-encoding:\tCHUNKED\t"], None, True),
        ([b"Content_Length: 5", b"Transfer_Encoding: x"], None, False),
    ],
)
def test_how_long_a_body_is(fields: list[bytes], length: int | None, *, is_chunked: bool) -> None:
    found = parsed(head(*fields))
    assert (found.content_length, found.is_chunked) == (length, is_chunked)
    assert found.has_body is (is_chunked or bool(length))


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        *(
            ([b"Content-Length:" + value], 400)
            for value in (
                *(
                    b"",
                    b"+1",
                    b"-1",
                    b"1 1",
                    b"1,1",
                    b"1, 1",
                    b"1,",
                    b"0x1",
                    b"1_0",
                    b"1.0",
                    b"1e1",
                ),
                *(b'"1"', b"\xb2", b"a", b"1000000000000000", b"18446744073709551617"),
            )
        ),
        ([b"Content-Length: 1", b"Content-Length: 1"], 400),
        ([b"Content-Length: 1", b"Content-Length: 2"], 400),
        ([b"Content-Length: 1", b"Transfer-Encoding: chunked"], 400),
        ([b"Transfer-Encoding: gzip", b"Content-Length: 1"], 400),
        ([b"Transfer-Encoding: gzip"], 501),
        ([b"Transfer-Encoding: identity"], 501),
        ([b"Transfer-Encoding: xchunked"], 501),
        ([b"Transfer-Encoding: gzip, chunked"], 501),
        ([b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"], 501),
        ([b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"], 400),
        ([b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"], 400),
        *(
            ([b"Transfer-Encoding:" + value], 400)
            for value in (
                *(b"", b"chunked, gzip", b"chunked, chunked", b"chunked,", b",chunked"),
                *(b"chunked;a=b", b'"chunked"', b"chunked chunked", b"\xffchunked"),
            )
        ),
    ],
)
def test_bodies_whose_length_is_refused(fields: list[bytes], status: int) -> None:
    assert refused(head(*fields)) == status


def test_http_1_0_has_no_codings() -> None:
    assert refused(head(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0")) == 400


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ([], True),
        ([b"Connection: keep-alive"], True),
        ([b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"], True),
        ([b"Connection: closed"], True),
        ([b"Connection: close"], False),
        ([b"Connection: x ,\tClose"], False),
        ([b"Connection: keep-alive", b"Connection: close"], False),
    ],
)
def test_who_closes(fields: list[bytes], *, kept: bool) -> None:
    assert parsed(head(*fields)).keep_alive is kept


@pytest.mark.parametrize(
    ("line", "fields", "expected"),
    [
        (b"PUT / HTTP/1.1", [b"Expect: 100-Continue", b"Content-Length: 1"], True),
        (b"PUT / HTTP/1.1", [b"Expect: 100-continue", b"Transfer-Encoding: chunked"], True),
        (b"PUT / HTTP/1.1", [b"Expect: 100-continue"], False),
        (b"PUT / HTTP/1.0", [b"Expect: 100-continue", b"Content-Length: 1"], False),
        (b"PUT / HTTP/1.1", [b"Content-Length: 1"], False),
    ],
)
def test_who_waits_for_a_100(line: bytes, fields: list[bytes], *, expected: bool) -> None:
    assert parsed(head(*fields, line=line)).expects_continue is expected


@pytest.mark.parametrize("value", [b"x", b"", b"100-continue, x", b"200-ok"])
def test_other_expectations_are_not_met(value: bytes) -> None:
    assert refused(head(b"Expect: " + value, b"Content-Length: 1")) == 417


def test_fields_are_counted() -> None:
    assert len(parsed(head(*[b"a:"] * (MAX_FIELDS - 1))).headers) == MAX_FIELDS
    assert refused(head(*[b"a:"] * MAX_FIELDS)) == 431


@pytest.mark.parametrize(
    "fields",
    [
        [b"Connection: close" + b" " * 60_000 + b"x"],
        [b"Connection: " + b"," * 60_000 + b"x"],
        [b"Connection: " + b" ,\t" * 20_000 + b"x"],
        [b"Connection: " + b"close " * 10_000],
        [b"Transfer-Encoding: a" + b" " * 60_000 + b"b"],
        [b"Transfer-Encoding: " + b"," * 60_000],
        [b"Expect: " + b"100-continue," * 4000],
        [b"Content-Length: " + b"1" * 60_000],
        [b"Content-Length: 1" + b" " * 60_000 + b"1"],
        [b"A:" + b" " * 60_000],
        [b"A:" + b"\t \x80" * 20_000 + b"\x00"],
        [b"a" * 60_000],
        [b"a:"] * 15_000,
    ],
    ids=lambda fields: fields[0][:24].decode("latin-1"),
)
def test_no_head_is_expensive(fields: list[bytes]) -> None:
    """Ten of the largest take a moment; were the cost quadratic, one would take ten seconds."""
    data = head(*fields)
    start = time.process_time()
    for _ in range(10):
        try:
            parsed(data)
        except RefusedError:
            continue
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "host", [b"%41" * 20_000, b"a" * 60_000, b"[" + b":" * 60_000, b"1:" * 9999]
)
def test_no_host_is_expensive(host: bytes) -> None:
    start = time.process_time()
    assert refused(head(host=b"Host: " + host)) == 400
    assert refused(head(line=b"GET http://" + host + b"/ HTTP/1.1")) == 400
    assert time.process_time() - start < 5
