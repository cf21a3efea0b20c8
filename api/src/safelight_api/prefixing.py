"""ASGI middleware: which prefix a request came through, for whoever writes addresses."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from safelight_api import prefix
from safelight_api.settings import Settings

_KEY = "path_prefix"
_HEADER = prefix.HEADER.encode()
_VARY = (b"vary", _HEADER)


class Prefixing:
    """Tells the handlers the prefix, and takes it away from the path if it is still there.

    Args:
        app: the application behind it.
        settings: the prefix of all requests, and the proxies that may tell another one.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._prefix = settings.path_prefix
        self._trusted = settings.trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_varied(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append(_VARY)
            await send(message)

        # In place: the layer above reads the route that the router will put there.
        found = self._found(scope)
        scope[_KEY] = found
        scope["path"] = prefix.stripped(scope["path"], found)
        await self._app(scope, receive, send_varied if self._trusted else send)

    def _found(self, scope: Scope) -> str:
        if not self._trusted:
            return self._prefix
        values = [value.decode("latin-1") for name, value in scope["headers"] if name == _HEADER]
        client = scope.get("client")
        if not values or not prefix.is_trusted(client[0] if client else None, self._trusted):
            return self._prefix
        told = prefix.forwarded(values)
        return self._prefix if told is None else told


def of(scope: Scope) -> str:
    """Return the prefix of a request, which addresses in its answer begin with."""
    found: str = scope.get(_KEY, "")
    return found
