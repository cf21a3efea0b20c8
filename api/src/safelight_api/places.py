"""How many requests are answered at a time, and how many of them for one client.

Health checks are not counted, nor is what else needs no token: it waits for nothing and reads no
body, so none of it holds a place for longer than its answer takes, and however many requests of
clients there are, the kubelet is answered.
"""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from safelight_api import caller, errors
from safelight_api.shares import Shares


class Places:
    """ASGI middleware, behind authentication, which says whose a request is.

    Args:
        app: the application behind it.
        shares: of the places.
        uncounted: paths that need no token.
    """

    def __init__(self, app: ASGIApp, shares: Shares, uncounted: Collection[str]) -> None:
        self._app = app
        self._shares = shares
        self._uncounted = frozenset(uncounted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 429 or 503, or pass the request on."""
        if scope["type"] != "http" or scope["path"] in self._uncounted:
            await self._app(scope, receive, send)
            return
        client = caller.of(scope)
        if not self._shares.take(client):
            error = errors.of_share(self._shares.refusal(client))
            await errors.problem(error)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._shares.give_back(client)
