"""Random requests, valid and nearly so, cut and mended at random: what was asked stays the same.

Each input is read whole and in pieces by the server's reader, and by h11 (`http_judge`).
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.support import http_judge, http_readings

PREFIX: Final = "http-"
"""Of a finding's file name: what repeats it goes by that."""

_METHODS: Final = (
    b"GET",
    b"POST",
    b"PUT",
    b"HEAD",
    b"OPTIONS",
    b"DELETE",
    b"PRI",
    b"CONNECT",
    b"g",
)
_TARGETS: Final = (
    *(b"/", b"/api/image-upload", b"/a?b=c", b"*", b"/a#b", b"a:1", b"//x/y", b"/%00", b"/\xe9"),
    *(b"http://h/a", b"http://h", b"HTTP://h?x", b"http://u@h/", b"https://[::1]:1/", b"/a b", b""),
)
_VERSIONS: Final = (*(b"HTTP/1.1",) * 9, b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"")
_FIELDS: Final = (
    *(b"Connection: close", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"),
    *(
        b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",
        b"Upgrade: websocket",
        b"Connection: keep-alive",
    ),
    *(b"Expect: 100-continue", b"Expect: x", b"Accept: */*", b"A:", b"A: \t", b"A: b \t c\t", b"A"),
    *(b" folded", b"A : b", b": a", b"A: \x00", b"A: \xff", b"A: \x7f", b"A: \r", b"A: b\nB: c"),
    *(b"Host: other", b"Host:", b"Host: a/b", b"Content-Length : 1", b"Content_Length: 3"),
    *(b"Authorization: Bearer x", b"X: " + b"y" * 300, b"\xe9: a", b"A\x0b: b", b"A: b,\x0bc"),
)
_LENGTHS: Final = (
    *(
        b"+%d",
        b"-%d",
        b"0x%x",
        b" %d ",
        b"%d, %d",
        b"%d\x0b",
        b"0%d",
        b"%d_0",
        b"%d" + b"0" * 15,
        b"",
    ),
    *(b"%d,", b"%d.0", b"%d %d", b"\xb2%d"),
)
_CODINGS: Final = (
    *(b"chunked",) * 9,
    *(
        b"Chunked ",
        b"gzip, chunked",
        b"chunked, chunked",
        b"chunked, gzip",
        b"identity",
        b"xchunked",
    ),
    *(b"\x0bchunked", b"chunked;a=b", b"", b",chunked", b"chunked,", b'"chunked"', b"gzip"),
)
_SIZES: Final = (
    *(b"%x",) * 20,
    *(
        b"%X",
        b"0%x",
        b"000000000000000%x",
        b"0x%x",
        b"+%x",
        b"-%x",
        b" %x",
        b"%x ",
        b"%x\t",
        b"%x;a=b",
    ),
    *(b'%x;a="b\r"', b"%x ;a", b"%x;a\nb", b"%x_0", b"%x;" + b"e" * 400, b"", b"g%x", b"%xh"),
)
_INSERTS: Final = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b"\t",
        b":",
        b",",
        b";",
        b"0\r\n\r\n",
        b"\r\n\r\n",
        b"\x0b",
    ),
    *(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n"),
    *(b"Content-Length: 5\r\n", b"Host: x\r\n", b"\x80", b"0", b"f", b"%", b"HTTP/1.1", b"\r\n "),
)
_MOST_PIECES: Final = 40
_ODD: Final = 1 / 12
"""How often a part is taken from those that few clients send."""


@dataclass
class Outcome:
    """How a run fared."""

    inputs: int = 0
    requests: int = 0
    """That both read the same way."""
    refused: int = 0
    findings: list[Path] = field(default_factory=list)
    output: str = ""

    def line(self) -> str:
        """Return it as a line of a table."""
        return (
            f"HTTP  {self.inputs:7} inputs: {self.requests} requests read by both,"
            f" {self.refused} inputs refused, {len(self.findings)} findings"
        )


def run(
    seconds: float,
    seed: int,
    folder: Path,
    say: Callable[[str], None],
    most: int | None = None,
) -> Outcome:
    """Read random inputs for a time; keep those on which the readers disagree.

    Args:
        seconds: of the clock; the choices are the same for the same seed, however many are made.
        seed: of all random choices.
        folder: where findings are left.
        say: takes the outcome's line.
        most: inputs, however much time is left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    choices = random.Random(seed)  # noqa: S311 - so that a run can be repeated
    outcome = Outcome()
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at and outcome.inputs != most:
        data = generated(choices)
        outcome.inputs += 1
        difference = check(data, choices, outcome)
        if difference is not None:
            finding = folder / f"{PREFIX}{seed}-{outcome.inputs}"
            finding.write_bytes(data)
            outcome.findings.append(finding)
            outcome.output += f"{finding}: {difference}\n"
    say(outcome.line())
    return outcome


def check(data: bytes, choices: random.Random, outcome: Outcome) -> str | None:
    """Return what is wrong about how some bytes are read, or None."""
    whole = http_readings.read([data])
    for pieces in (cut(data, choices), [data[n : n + 1] for n in range(len(data))]):
        if http_readings.read(pieces) != whole:
            return f"read otherwise in the pieces {pieces}"
    outcome.requests += sum(request.is_complete for request in whole.requests)
    outcome.refused += whole.refusal is not None
    return http_judge.judge(data, whole)


def cut(data: bytes, choices: random.Random) -> list[bytes]:
    """Return the same bytes in random pieces."""
    places = sorted(
        choices.randrange(len(data) + 1) for _ in range(choices.randrange(_MOST_PIECES))
    )
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def generated(choices: random.Random) -> bytes:
    """Return some requests behind each other, more or less damaged."""
    data = b"".join(_request(choices) for _ in range(choices.choice((1, 1, 2, 3))))
    for _ in range(choices.choice((0, 0, 0, 1, 1, 3))):
        data = _mutated(data, choices)
    return data


def _request(choices: random.Random) -> bytes:
    odd = choices.random() < _ODD
    method = choices.choice(_METHODS if odd else _METHODS[:2])
    target = choices.choice(_TARGETS if odd else _TARGETS[:3])
    version = choices.choice(_VERSIONS) if odd else _VERSIONS[0]
    lines = [method + b" " + target + b" " + version, b"Host: localhost:80"]
    lines += choices.choices(_FIELDS if odd else _FIELDS[:9], k=choices.randrange(4))
    framing, body = _body(choices)
    lines += framing
    head, fields = lines[:1], lines[1:]
    choices.shuffle(fields)
    return b"\r\n".join((*head, *fields, b"", body))


def _body(choices: random.Random) -> tuple[list[bytes], bytes]:
    body = choices.randbytes(choices.choice((0, 1, 5, 40, 300)))
    match choices.randrange(4):
        case 0:
            return [], b""
        case 1:
            odd = choices.choice(_LENGTHS) if choices.random() < _ODD else b"%d"
            length = odd.replace(b"%d", b"%d" % len(body)).replace(b"%x", b"%x" % len(body))
            line = b"Content-Length: " + length
            return [line] * choices.choice((1, 1, 1, 2)), body
        case _:
            lines = [b"Transfer-Encoding: " + choices.choice(_CODINGS)]
            if choices.random() < 1 / 10:
                lines.append(b"Content-Length: %d" % len(body))
            return lines, b"".join(_chunks(body, choices))


def _chunks(body: bytes, choices: random.Random) -> Iterator[bytes]:
    odd = choices.random() < _ODD
    while body:
        size = min(choices.choice((1, 2, 16, 100)), len(body))
        line = choices.choice(_SIZES) if odd else _SIZES[0]
        yield line.replace(b"%x", b"%x" % size).replace(b"%X", b"%X" % size) + b"\r\n"
        yield body[:size] + b"\r\n"
        body = body[size:]
    yield choices.choice((b"0", b"0", b"000", b"0;a=b")) + b"\r\n"
    for _ in range(choices.choice((0, 0, 1, 2))):
        yield choices.choice(_FIELDS if odd else _FIELDS[:9]) + b"\r\n"
    yield b"\r\n"


def _mutated(data: bytes, choices: random.Random) -> bytes:
    start = choices.randrange(len(data) + 1)
    end = min(len(data), start + choices.choice((1, 1, 2, 20)))
    match choices.randrange(5):
        case 0:
            return data[:start] + data[end:]
        case 1:
            return data[:start] + choices.choice(_INSERTS) + data[start:]
        case 2:
            return data[:end] + data[start:]
        case 3:
            return data[:start] + choices.randbytes(end - start) + data[end:]
        case _:
            return data[:start] + data[end:end] + choices.choice(_INSERTS) + data[end:]
