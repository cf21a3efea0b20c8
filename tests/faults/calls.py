"""What a request is about: the same call of the same upload has the same description in every run.

Pure: a request in, a description out.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from safelight_contract import keys

_ID: Final = re.compile(keys.ID_PATTERN)
_KINDS: Final = ((keys.ORIGINALS, "original"), (keys.IMAGES, "image"))
VARIANT: Final = "variant "
"""What the path of a call for a variant starts with; the file's name follows."""


class Dialect(StrEnum):
    """What a server speaks over HTTP."""

    KUBERNETES = "apiserver"
    S3 = "s3"
    HINTS = "hints"


@dataclass(frozen=True, slots=True)
class Call:
    """One request of one caller."""

    caller: str
    """`api`, `operator` or `processor`."""
    verb: str
    """HTTP's; of a read of many objects `LIST` or `WATCH`."""
    path: str
    """What it is done to: `jobs`, `imageuploads/status`, `original`, `manifest` and so on."""
    upload_id: str | None
    """Whose call it is, if it belongs to one upload."""
    mark: str | None = None
    """SHA-256 of the file, where a request tells it: the name of an upload before it has an id."""

    @property
    def is_write(self) -> bool:
        """Whether it may change something."""
        return self.verb not in {"GET", "HEAD", "LIST", "WATCH"}


def describe(  # noqa: PLR0917 - the parts of a request
    caller: str,
    dialect: Dialect,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
) -> Call:
    """Return what a request is about.

    Args:
        caller: who listens at the proxy's address that was called.
        dialect: of the server.
        method: of HTTP.
        target: path and query, as they were sent.
        headers: names in lower case.
        body: all of it.
    """
    parts = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    text = unquote(target)
    match dialect:
        case Dialect.KUBERNETES:
            verb, path = _kubernetes(method, parts.path, query)
            return Call(caller, verb, path, _first_id(text) or _named_in(body))
        case Dialect.S3:
            verb, path = _storage(method, unquote(parts.path))
            caller = "processor" if "X-Amz-Signature" in query else caller
            upload_id = _first_id(text) or _first_id(body[:4096].decode(errors="replace"))
            return Call(caller, verb, path, upload_id, headers.get("x-amz-meta-sha256"))
        case Dialect.HINTS:
            return Call(caller, method, "hint", _first_id(text))


def _kubernetes(method: str, path: str, query: Mapping[str, str]) -> tuple[str, str]:
    if "watch" in query:
        method = "WATCH"
    _, _, inside = path.partition("/namespaces/")
    if not inside:
        return method, path.strip("/") or "root"
    resource, *rest = inside.split("/")[1:] or ["namespaces"]
    if method == "GET" and not rest:
        method = "LIST"
    if "dryRun" in query:
        method = "DRY-RUN"
    return method, "/".join([resource, *rest[1:]])


def _storage(method: str, path: str) -> tuple[str, str]:
    _, _, key = path.lstrip("/").partition("/")
    if not key:
        return ("DELETE" if method == "POST" else "LIST"), "objects"
    if key.endswith("/manifest.json"):
        return method, "manifest"
    name = key.rpartition("/")[2]
    if key.startswith(keys.IMAGES) and not name.startswith(f"{keys.MAIN}."):
        return method, f"{VARIANT}{name}"
    return method, next((kind for prefix, kind in _KINDS if key.startswith(prefix)), "object")


def _first_id(text: str) -> str | None:
    found = _ID.search(text)
    return found and found[0]


def _named_in(body: bytes) -> str | None:
    """Return the id in the name of the object that is to be created."""
    try:
        name = json.loads(body)["metadata"]["name"]
    except (ValueError, KeyError, TypeError):
        return None
    return _first_id(str(name))
