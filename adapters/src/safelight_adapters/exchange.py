"""Requests, answers, and which handler is whose."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

PLAIN: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler gets to know of a request."""

    method: str
    path: str
    name: str = ""
    """What stands in the place of a route's `{…}`, as it came: nothing is decoded."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: HTTPStatus = HTTPStatus.OK
    body: bytes = b""
    content_type: str = PLAIN
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Request], Awaitable[Answer]]
Routes = Mapping[tuple[str, str], Handler]
"""Handlers by method and path. The last segment of a path may be a name in braces: any text."""


class RefusalError(Exception):
    """A request that no handler gets; it holds the answer."""

    def __init__(self, status: HTTPStatus, why: str, *headers: tuple[str, str]) -> None:
        super().__init__(why)
        self.answer = Answer(status, f"{why}\n".encode(), headers=headers)


def path_of(target: bytes) -> str:
    """Return the path of a request's target, in origin or absolute form (RFC 9112, 3.2).

    Raises:
        RefusalError: 400, it is no target.
    """
    text = target.decode("latin-1")
    if text.startswith("/"):
        return text.partition("?")[0]
    try:
        return urlsplit(text).path
    except ValueError as error:
        why = "The target of the request is malformed."
        raise RefusalError(HTTPStatus.BAD_REQUEST, why) from error


class Router:
    """Finds a request's handler."""

    def __init__(self, routes: Routes) -> None:
        self._handlers: dict[str, dict[str, Handler]] = {}
        for (method, path), handler in routes.items():
            parent, _, last = path.rpartition("/")
            key = f"{parent}/{{}}" if last.startswith("{") else path
            self._handlers.setdefault(key, {})[method] = handler

    def find(self, method: str, target: bytes) -> tuple[Handler, Request]:
        """Return the handler of a request, and what it is to get. HEAD is answered as GET.

        Raises:
            RefusalError: 404, 405 or 400.
        """
        path = path_of(target)
        parent, _, name = path.rpartition("/")
        handlers = self._handlers.get(path)
        if handlers is None:
            handlers = self._handlers.get(f"{parent}/{{}}") if name else None
        else:
            name = ""
        if handlers is None:
            raise RefusalError(HTTPStatus.NOT_FOUND, "Nothing is here.")
        handler = handlers.get("GET" if method == "HEAD" else method)
        if handler is None:
            allowed = ", ".join(sorted({*handlers, *(["HEAD"] if "GET" in handlers else [])}))
            raise RefusalError(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"This takes {allowed} alone.",
                ("Allow", allowed),
            )
        return handler, Request(method, path, name)
