"""One row of the table of hostile requests, and the blocks that rows are made of.

Nothing here is secret or random: the same bytes are sent on every run, so that a row that fails
names itself and can be sent again.
"""

from dataclasses import dataclass
from typing import Final

CANARY: Final = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
"""The image of the owner, whom the attacks are meant to harm."""
NOBODY: Final = "00000000-0000-4000-8000-000000000000"
"""An id that no image has."""
ATTACKER: Final = "safelight_" + "A" * 43
"""The token of the client that sends the rows."""
OWNER: Final = "safelight_" + "B" * 43
"""The token of the other client, by which it asks, and by which the canary may be deleted."""

HOST: Final = b"Host: api.test"
CLOSE: Final = b"Connection: close"
JSON: Final = b"Content-Type: application/json"
TOKEN: Final = b"Authorization: Bearer " + ATTACKER.encode()
OWNERS: Final = b"Authorization: Bearer " + OWNER.encode()

HEALTH: Final = b"/healthz"
IMAGES: Final = b"/api/available-image"
UPLOADS: Final = b"/api/image-upload"
IMAGE: Final = IMAGES + b"/" + CANARY.encode()
NO_IMAGE: Final = IMAGES + b"/" + NOBODY.encode()

WAIT: Final = b""
"""Among the pieces of a row: go on once something has been answered."""


def request(
    method: bytes,
    target: bytes,
    *fields: bytes,
    version: bytes = b"HTTP/1.1",
    host: bytes | None = HOST,
    body: bytes = b"",
) -> bytes:
    """Return a request's bytes: its lines end with CRLF, and all else is as it is given."""
    lines = [method + b" " + target + b" " + version, *([host] if host else []), *fields]
    return b"\r\n".join([*lines, b"", b""]) + body


def length(body: bytes) -> bytes:
    """Return the field that says how long a body is."""
    return b"Content-Length: %d" % len(body)


def chunked(body: bytes, trailers: bytes = b"") -> bytes:
    """Return a body in one chunk."""
    return b"%x\r\n%s\r\n0\r\n%s\r\n" % (len(body), body, trailers)


CHUNKED: Final = b"Transfer-Encoding: chunked"

LAST: Final = request(b"GET", HEALTH, CLOSE)
"""Ends every row: 200, and then the connection's end."""
WHOLE: Final = request(b"DELETE", IMAGE, OWNERS)
"""A body that would delete the canary if it were read as a request."""
START: Final = request(b"DELETE", IMAGE, b"X-Ignored: ")[:-4]
"""A body that would wait for the next client's request, and delete the canary with its token."""
SMUGGLED: Final = {"whole": WHOLE, "start": START}


@dataclass(frozen=True, slots=True)
class Row:
    """What is sent on one connection, and what is right."""

    name: str
    pieces: tuple[bytes, ...]
    """Sent one after the other; after the last one nothing comes."""
    direct: tuple[int, ...]
    """The statuses of all answers, in order, if no proxy is between; then the connection ends."""
    is_valid: bool = False
    """Proxies must pass it on as it is, so the answers through them are the same."""
    meant: tuple[int, ...] = ()
    """Further statuses that a proxy gets which reads the request more kindly and mends it."""
    most: int = 0
    """How many answers a proxy may see in it, by any reading; 0: as many as `direct` and one."""
    may_close: bool = False
    """An answer before the last may say that the connection ends, and so it does then."""
    methods: tuple[str, ...] = ()
    """The requests' methods; beyond them GET."""
    is_variant: bool = False
    """Too much like another one to be sent through proxies too."""
    is_unfinished: bool = False
    """The row's end leaves a request unfinished: the client closes the connection itself."""

    @property
    def limit(self) -> int:
        """The number of answers that is allowed through a proxy."""
        return self.most or len(self.direct) + 1


def fine(
    name: str,
    *pieces: bytes,
    direct: tuple[int, ...],
    may_close: bool = False,
    methods: tuple[str, ...] = (),
) -> Row:
    """Return a row that is right in every way, the last request added."""
    return Row(
        name,
        (*pieces, LAST),
        (*direct, 200),
        is_valid=True,
        may_close=may_close,
        methods=methods,
    )


def tolerated(
    name: str, *pieces: bytes, direct: tuple[int, ...], meant: tuple[int, ...] = (), most: int = 0
) -> Row:
    """Return a row that is right, the last request added; but proxies may find otherwise."""
    return Row(name, (*pieces, LAST), (*direct, 200), meant=meant, most=most)


def wrong(
    name: str,
    *pieces: bytes,
    direct: tuple[int, ...] = (400,),
    meant: tuple[int, ...] = (),
    most: int = 0,
    is_variant: bool = False,
) -> Row:
    """Return a row whose refusal ends the connection; a trap follows, which nobody may answer."""
    return Row(name, (*pieces, LAST), direct, meant=meant, most=most, is_variant=is_variant)
