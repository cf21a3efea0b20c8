"""What a request is aimed at: the four forms of a target (RFC 9112, 3.2), and authorities."""

import re
from http import HTTPStatus
from typing import Final

from safelight_api.serving.events import RefusedError, malformed

_AUTHORITY: Final = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]{2,45}\]"
    rb"|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2}){1,255})(?::[0-9]{0,5})?"
)
"""A host and its port (RFC 3986, 3.2.2, 3.2.3), without the user that 9110, 4.2.4, warns of."""
_ABSOLUTE: Final = re.compile(rb"(?i:https?)://([^/?]*)(.*)")
_SLASH: Final = 0x2F


def authority(value: bytes) -> bool:
    """Whether this is a host, perhaps with a port, and nothing else."""
    return _AUTHORITY.fullmatch(value) is not None


def origin_form(method: str, target: bytes) -> tuple[bytes, bytes | None]:
    """Return path and query, or `*`, and the host if the target names it.

    A target in absolute form is accepted by every server, and its host counts instead of the Host
    field (RFC 9112, 3.2.2). `*` is of OPTIONS alone (3.2.4).

    Raises:
        RefusedError: 400; 501 for CONNECT, which asks for a tunnel (RFC 9110, 9.3.6).
    """
    if b"#" in target:
        raise malformed("The target of a request has no fragment.")
    if method == "CONNECT":
        if authority(target) and b":" in target:
            raise RefusedError(HTTPStatus.NOT_IMPLEMENTED, "The server opens no tunnels.")
        raise malformed("The target of CONNECT is a host and a port.")
    if target[0] == _SLASH:
        return target, None
    if target == b"*" and method == "OPTIONS":
        return target, None
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise malformed("The target is a path, or an http address.")
    host, rest = absolute.groups()
    if not authority(host):
        raise malformed("The host in the target is malformed.")
    if not rest:
        return (b"*" if method == "OPTIONS" else b"/"), host
    return (rest if rest[0] == _SLASH else b"/" + rest), host
