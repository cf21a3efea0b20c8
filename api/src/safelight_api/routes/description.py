"""/api/openapi.json: the description of this API, for programs. It needs no token."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from safelight_api import prefixing
from safelight_api.conditions import matches
from safelight_api.routes.common import JsonResponse, encode, resource

PATH: Final = "/api/openapi.json"
_MAX_KEPT: Final = 8
"""Of prefixes whose description is kept; each takes 60 KiB."""


def routes(describe: Callable[[str], Mapping[str, Any]]) -> Sequence[BaseRoute]:
    """Return the route of a description, which is encoded once for each prefix.

    The answer does not depend on who asks, so anybody may keep it, and is to ask whether it is
    still the same: a new release or another setting changes it.

    Args:
        describe: returns the description for a prefix of paths.
    """

    @lru_cache(maxsize=_MAX_KEPT)
    def encoded(prefix: str) -> tuple[bytes, str]:
        body = encode(describe(prefix))
        return body, f'"{hashlib.sha256(body).hexdigest()}"'

    # At the start, not in the way of the polls.
    encoded("")

    async def show(request: Request) -> Response:
        body, etag = encoded(prefixing.of(request.scope))
        headers = {"etag": etag, "cache-control": "no-cache"}
        if matches(request.headers.get("if-none-match"), etag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(body, headers=headers, media_type=JsonResponse.media_type)

    return (resource(PATH, {"GET": show}),)
