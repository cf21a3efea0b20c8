"""/healthz and /readyz: for the kubelet, without a token."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from safelight_api import services
from safelight_api.routes.common import JsonResponse, resource

ALIVE: Final = "/healthz"
READY: Final = "/readyz"


async def healthz(_request: Request) -> Response:
    """Say that the process answers; a restart would mend nothing else."""
    return JsonResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Say whether requests may come: both kinds were listed, and there are tokens.

    An outage of the cluster or of the object storage later on does not make it unready: polls are
    answered from memory, and what cannot be answered gets a 503 that clients understand.
    """
    service = services.of(request)
    checks = {"cache": service.are_synced, "tokens": len(service.tokens) > 0}
    is_ready = all(checks.values())
    return JsonResponse(
        {"status": "ok" if is_ready else "unready", "checks": checks},
        status_code=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )


ROUTES: Final[Sequence[BaseRoute]] = (
    resource(ALIVE, {"GET": healthz}),
    resource(READY, {"GET": readyz}),
)
