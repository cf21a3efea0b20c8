"""Who asks: the client that all bounds are shared by.

A client is the name of its token. All requests without one are one client, so that making none up
gains nothing. Authentication decides it; what runs on behalf of a request reads it with `current`,
layers that see only the ASGI scope (the protocol, after the application has begun) with `of`.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final

NOBODY: Final = ""
"""All requests without a token; no token has this name, since a file has one."""
SCOPE_KEY: Final = "client_name"
"""Of the ASGI scope; absent until authentication has found a token."""

_current: ContextVar[str] = ContextVar("safelight_client", default=NOBODY)


def enter(scope: Mapping[str, Any]) -> None:
    """Have `current` answer for this request; uvicorn gives each request a context of its own."""
    _current.set(of(scope))


def current() -> str:
    """Return the client of the request that runs; NOBODY for the process's own work too."""
    return _current.get()


def of(scope: Mapping[str, Any]) -> str:
    """Return the client of a request; NOBODY as long as no token was found."""
    client: str = scope.get(SCOPE_KEY, NOBODY)
    return client
