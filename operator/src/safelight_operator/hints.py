"""What the operator's inner ports answer: the processors' hints, probes, and metrics."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from safelight_adapters.bounds import Bounds
from safelight_adapters.exchange import Answer, Request, Routes
from safelight_adapters.server import Server
from safelight_contract import keys
from safelight_contract.job import HINT_PATH
from safelight_operator import metrics

_log = logging.getLogger(__name__)


def server(routes: Routes, name: str, host: str, port: int, connections: int) -> Server:
    """Listen on an inner port, and count what happens there under its name."""
    served = Server(
        routes,
        host,
        port,
        bounds=Bounds(connections=connections),
        dropped=lambda reason: metrics.INNER_DROPPED.labels(name, reason).inc(),
    )
    metrics.INNER_CONNECTIONS.labels(name).set_function(lambda: len(served))
    return served


def hint_routes(take: Callable[[str], bool]) -> Routes:
    """Return the route for hints: POST /hints/{id}, always answered 204.

    A hint holds no credentials and no content: it only says "look now". Its body is dropped, and
    an id that is malformed or unknown is ignored; the answer does not tell which.
    """

    async def hint(request: Request) -> Answer:
        if keys.is_id(request.name):
            take(request.name)
        return Answer(HTTPStatus.NO_CONTENT)

    return {("POST", HINT_PATH): hint}


@dataclass(slots=True)
class Health:
    """What the probes look at; the answer itself shows that the event loop runs."""

    ready: bool = False
    checks: list[Callable[[], list[str]]] = field(default_factory=list)
    """Each returns what is wrong."""
    measure: Callable[[], None] = lambda: None
    """Sets the gauges before they are read."""


def health_routes(health: Health) -> Routes:
    """Return the routes for probes and metrics: /healthz, /readyz and /metrics."""

    async def healthz(_: Request) -> Answer:
        wrong = [text for check in health.checks for text in check()]
        if wrong:
            _log.error("Not alive", extra={"why": "; ".join(wrong)})
        return _verdict("\n".join(wrong))

    async def readyz(_: Request) -> Answer:
        return _verdict("" if health.ready else "starting")

    async def read(_: Request) -> Answer:
        health.measure()
        return Answer(body=generate_latest(), content_type=CONTENT_TYPE_LATEST)

    return {("GET", "/healthz"): healthz, ("GET", "/readyz"): readyz, ("GET", "/metrics"): read}


def _verdict(wrong: str) -> Answer:
    status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
    return Answer(status, (wrong or "ok").encode())
