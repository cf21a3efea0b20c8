"""Bearer tokens: who may call the API.

The service keeps only hashes. A directory (a mounted Secret) holds one file for each token: the
file's name is the token's name, its content the SHA-256 of the token as 64 hexadecimal digits.
Names that start with a dot are Kubernetes' own and are ignored. The directory is looked at again at
most once a second, when a request comes, so added tokens count and removed ones are refused without
a restart. A directory that cannot be read leaves the tokens as they were.

Requests are refused before a byte of their body is read, for unknown paths too.
"""

import hashlib
import hmac
import logging
import re
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from safelight_api import caller, errors

logger = logging.getLogger(__name__)

REFRESH_SECONDS: Final = 1.0
MAX_TOKEN_LENGTH: Final = 512
"""Nothing longer is hashed."""
_MAX_FILE_BYTES: Final = 1024
_MAX_SEEN: Final = 1024

_HASH = re.compile(rb"[0-9a-fA-F]{64}")

_Fingerprint = tuple[tuple[str, int, int, int], ...]


class Tokens:
    """The hashes in a directory, kept up to date.

    Args:
        directory: where the hashes are.
        clock: seconds that only go forward; decides when to look again.
    """

    def __init__(self, directory: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        self._hashes: tuple[tuple[str, bytes], ...] = ()
        self._seen: dict[bytes, str] = {}
        """Headers with a good token, and its name: each is looked up twice for a request."""
        self._fingerprint: _Fingerprint | None = None
        self._next_look = float("-inf")
        self._refresh()

    def __len__(self) -> int:
        return len(self._hashes)

    def name_of(self, token: str) -> str | None:
        """Return the name of a token, or None for one that is not ours.

        All hashes are compared, each in constant time, so that the time tells nothing.
        """
        if self._clock() >= self._next_look:
            self._refresh()
        if len(token) > MAX_TOKEN_LENGTH:
            return None
        digest = hashlib.sha256(token.encode("latin-1", "replace")).digest()
        found = None
        for name, known in self._hashes:
            if hmac.compare_digest(digest, known):
                found = name
        return found

    def client_of(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """Return the name of the token that a request bears; None without one that is ours."""
        values = [value for name, value in headers if name == b"authorization"]
        if len(values) != 1:
            return None
        if self._clock() >= self._next_look:
            self._refresh()
        known = self._seen.get(values[0])
        if known is not None:
            return known
        scheme, _, token = values[0].partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        name = self.name_of(token.strip().decode("latin-1"))
        if name is not None and len(self._seen) < _MAX_SEEN:
            self._seen[values[0]] = name
        return name

    def _refresh(self) -> None:
        self._next_look = self._clock() + REFRESH_SECONDS
        try:
            files = sorted(
                path
                for path in self._directory.iterdir()
                if not path.name.startswith(".") and path.is_file()
            )
            fingerprint = tuple(
                (path.name, stat.st_mtime_ns, stat.st_ino, stat.st_size)
                for path, stat in ((path, path.stat()) for path in files)
            )
            if fingerprint == self._fingerprint:
                return
            hashes = tuple(
                (path.name, digest) for path in files if (digest := _read_hash(path)) is not None
            )
        except OSError as error:
            logger.warning("cannot read the tokens", extra={"error": type(error).__name__})
            return
        self._fingerprint, self._hashes = fingerprint, hashes
        self._seen.clear()
        logger.info("read the tokens", extra={"tokens": [name for name, _ in hashes]})


def _read_hash(path: Path) -> bytes | None:
    with path.open("rb") as file:
        content = file.read(_MAX_FILE_BYTES).strip()
    if _HASH.fullmatch(content) is None:
        logger.warning("not a SHA-256 as hexadecimal; ignored", extra={"token": path.name})
        return None
    return bytes.fromhex(content.decode("ascii"))


class Authentication:
    """ASGI middleware: lets only requests with a known bearer token pass.

    Args:
        app: the application behind it.
        tokens: what is known.
        open_paths: paths that need no token.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens, open_paths: Collection[str]) -> None:
        self._app = app
        self._tokens = tokens
        self._open_paths = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or pass the request on."""
        if scope["type"] == "http" and scope["path"] not in self._open_paths:
            name = self._tokens.client_of(scope["headers"])
            if name is None:
                await errors.problem(errors.unauthenticated())(scope, receive, send)
                return
            scope[caller.SCOPE_KEY] = name
        caller.enter(scope)
        await self._app(scope, receive, send)
