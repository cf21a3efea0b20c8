"""/healthz and /readyz, without a token, for whoever cannot reach the inner port."""

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from safelight_api import health, services
from safelight_api.routes.common import JsonResponse, resource


async def healthz(request: Request) -> Response:
    """Say whether the process is alive."""
    return _answer(health.alive(services.of(request)))


async def readyz(request: Request) -> Response:
    """Say whether requests may come."""
    return _answer(health.ready(services.of(request)))


def _answer(verdict: health.Verdict) -> Response:
    return JsonResponse(verdict.content, status_code=verdict.status)


ROUTES: Final[Sequence[BaseRoute]] = (
    resource(health.ALIVE, {"GET": healthz}),
    resource(health.READY, {"GET": readyz}),
)
