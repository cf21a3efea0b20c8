"""The outermost layer around the application: what holds for every answer.

Pure ASGI, because polls pass it. It counts and times requests by route, sets `nosniff`, and turns
whatever escapes into an error answer.
"""

import logging
import time
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from safelight_api import caller, errors
from safelight_api.body import ClientGoneError
from safelight_api.metrics import Metrics

logger = logging.getLogger(__name__)

_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
_READING: Final = frozenset({"GET", "HEAD"})
_MAX_LOGGED_PATH: Final = 200
_CLIENT_GONE: Final = 499
"""As nginx counts requests whose client did not wait."""


class Edge:
    """ASGI middleware, the first of all."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._in_flight = 0
        self._series: dict[tuple[str, str, int], tuple[Any, Any]] = {}
        metrics.in_flight.set_function(lambda: self._in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and look after its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_at = time.perf_counter()
        code = 0

        async def send_marked(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
                message["headers"].append(_NOSNIFF)
            await send(message)

        self._in_flight += 1
        try:
            await self._app(scope, receive, send_marked)
        except ClientGoneError:
            code = code or _CLIENT_GONE
        except Exception:
            logger.exception("a request failed", extra={"route": _route(scope)})
            if not code:
                await errors.problem(errors.internal())(scope, receive, send_marked)
        finally:
            self._in_flight -= 1
            self._count(scope, code, time.perf_counter() - started_at)

    def _count(self, scope: Scope, code: int, seconds: float) -> None:
        key = (_route(scope), _method(scope), code)
        series = self._series.get(key)
        if series is None:
            route, method, _ = key
            series = self._series[key] = (
                self._metrics.requests.labels(route, method, str(code)),
                self._metrics.request_seconds.labels(route, method),
            )
        series[0].inc()
        series[1].observe(seconds)
        client = caller.of(scope)
        if client != caller.NOBODY and key[1] not in _READING:
            # Who changed what, and how it ended; reads and strangers are only counted.
            logger.info(
                "request",
                extra={
                    "client": client,
                    "method": key[1],
                    "path": scope["path"][:_MAX_LOGGED_PATH],
                    "code": code,
                    "seconds": round(seconds, 3),
                },
            )


def _route(scope: Scope) -> str:
    """Return the template of the route; refused and unknown requests share one name."""
    route = scope.get("route")
    return "other" if route is None else str(route.path)


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} else "other"
