"""What the routes share."""

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from safelight_api import errors
from safelight_api.representations import Page
from safelight_contract import keys

Handler = Callable[[Request], Awaitable[Response]]

DEFAULT_PAGE_SIZE: Final = 20
MAX_PAGE_SIZE: Final = 100
MAX_PAGE: Final = 10**9
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class JsonResponse(Response):
    """JSON as clients of the existing system have it."""

    media_type = "application/json"

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Have it asked for again each time, unless the headers say otherwise."""
        super().init_headers({"cache-control": errors.ASKED_AGAIN, **(headers or {})})

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - whatever JSON can express
        """Return the body."""
        return encode(content)


def encode(content: Any) -> bytes:  # noqa: ANN401 - whatever JSON can express
    """Return compact JSON in UTF-8."""
    return _ENCODER.encode(content).encode()


def no_content() -> Response:
    """Return a 204."""
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={"cache-control": errors.NOT_STORED})


def resource(path: str, handlers: Mapping[str, Handler]) -> Route:
    """Return one route for all methods of a path, so that a 405 can name them all."""

    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[method](request)

    return Route(path, endpoint, methods=list(handlers))


def id_of(request: Request) -> str:
    """Return the id in a request's path, in lower case.

    Raises:
        ApiError: 404, it is no id.
    """
    found = keys.id_of(request.path_params["id"])
    if found is None:
        raise errors.not_found()
    return found


def page_of(request: Request) -> Page:
    """Return which page of a list is asked for; unknown parameters are ignored.

    Raises:
        ApiError: 422, a parameter is no number or out of bounds.
    """
    parameters = request.query_params
    return Page(
        number=_number("page", parameters.get("page"), default=1, most=MAX_PAGE),
        size=_number(
            "per_page",
            parameters.get("per_page"),
            default=DEFAULT_PAGE_SIZE,
            most=MAX_PAGE_SIZE,
        ),
        size_was_given="per_page" in parameters,
    )


def _number(name: str, text: str | None, *, default: int, most: int) -> int:
    if text is None:
        return default
    # Digits alone, and few: int() would also take signs, spaces, underscores and other scripts.
    if text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 1 <= int(text) <= most:
        return int(text)
    raise errors.invalid(name, f"The {name} must be a number from 1 to {most}.")
