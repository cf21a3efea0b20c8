"""/api/openapi.json: the description of this API, for programs. It needs no token."""

import hashlib
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from safelight_api.conditions import matches
from safelight_api.routes.common import JsonResponse, encode, resource

PATH: Final = "/api/openapi.json"


def routes(description: Mapping[str, Any]) -> Sequence[BaseRoute]:
    """Return the route of a description, which is encoded once.

    The answer does not depend on who asks, so anybody may keep it, and is to ask whether it is
    still the same: a new release or another setting changes it.
    """
    body = encode(description)
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    headers = {"etag": etag, "cache-control": "no-cache"}

    async def show(request: Request) -> Response:
        if matches(request.headers.get("if-none-match"), etag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(body, headers=headers, media_type=JsonResponse.media_type)

    return (resource(PATH, {"GET": show}),)
