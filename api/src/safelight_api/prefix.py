"""The path prefix behind which clients see this API: where it comes from, and what it may be. Pure.

A proxy that serves the API at `/photos` takes the prefix away from requests, or leaves it there.
Either way addresses in answers must begin with it: they are paths, and clients resolve them against
the address that they asked (RFC 3986, section 5.2).

A prefix is part of addresses, so what could lead elsewhere is none: `//`, which begins a host; dots
at the start of a segment; anything that is not plain in a path.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final

HEADER: Final = "x-forwarded-prefix"
MAX_LENGTH: Final = 128
_MAX_TOLD: Final = 1024
"""Characters of all headers together, blanks and commas included."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SEGMENT: Final = "[A-Za-z0-9_~-][A-Za-z0-9._~-]*"
PATTERN: Final = f"(?:/{_SEGMENT})+"
_PREFIX: Final = re.compile(PATTERN)


def parse(text: str) -> str:
    """Return a prefix without the slash at its end; empty: there is none.

    Raises:
        ValueError: it could lead elsewhere, or is too long.
    """
    prefix = text.removesuffix("/")
    if prefix and (len(prefix) > MAX_LENGTH or _PREFIX.fullmatch(prefix) is None):
        raise ValueError("no prefix of paths")
    return prefix


def parse_networks(words: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks of proxies that are trusted.

    Raises:
        ValueError: one is no address, and no network in CIDR notation.
    """
    return tuple(ipaddress.ip_network(word) for word in words)


def is_trusted(host: str | None, networks: Sequence[Network]) -> bool:
    """Say whether a request came from a proxy that is trusted.

    Args:
        host: address of the peer; None: it has none.
        networks: of trusted proxies.
    """
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return False
    # An IPv4 peer of a socket that listens on IPv6.
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in network for network in networks)


def forwarded(values: Sequence[str]) -> str | None:
    """Return the prefix that the headers of a trusted proxy tell; None: they tell none.

    Each proxy of a chain adds what it has taken away, so the outermost stands first: in one header
    with commas, or in several.
    """
    if sum(map(len, values)) > _MAX_TOLD:
        return None
    try:
        parts = [parse(part.strip(" \t")) for value in values for part in value.split(",")]
        return parse("".join(parts)) if parts else None
    except ValueError:
        return None


def stripped(path: str, prefix: str) -> str:
    """Return the path of a request without the prefix, if a proxy has left it there.

    Of a path of the API itself nothing is taken away, though the prefix may look like its start.
    """
    rest = path.removeprefix(prefix)
    if rest == path or not rest.startswith("/") or (_is_own(path) and not _is_own(rest)):
        return path
    return rest


def _is_own(path: str) -> bool:
    return path.startswith("/api/")
