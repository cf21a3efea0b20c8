"""Two small HTTP servers: one takes the processors' hints, the other answers probes."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from safelight_contract import keys
from safelight_contract.job import HINT_PATH

HEADERS_LIMIT = 4096
"""Bytes of one header of a request: a hint needs a few dozen."""

_log = logging.getLogger(__name__)


@asynccontextmanager
async def serving(application: web.Application, host: str, port: int) -> AsyncIterator[None]:
    """Serve an application while the block runs."""
    runner = web.AppRunner(
        application,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=0.5,
        keepalive_timeout=5,
        lingering_time=0,
        max_line_size=HEADERS_LIMIT,
        max_field_size=HEADERS_LIMIT,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, reuse_address=True).start()
        yield
    finally:
        await runner.cleanup()


def hint_application(take: Callable[[str], bool]) -> web.Application:
    """Return the application for hints: POST /hints/{id}, always answered 204.

    A hint holds no credentials and no content: it only says "look now". Its body is never read,
    and an id that is malformed or unknown is ignored; the answer does not tell which.
    """

    async def hint(request: web.Request) -> web.Response:
        upload_id = request.match_info["upload_id"]
        if keys.is_id(upload_id):
            take(upload_id)
        return web.Response(status=204)

    application = web.Application(client_max_size=1)
    application.router.add_post(HINT_PATH, hint)
    return application


@dataclass(slots=True)
class Health:
    """What the probes look at; the answer itself shows that the event loop runs."""

    ready: bool = False
    checks: list[Callable[[], list[str]]] = field(default_factory=list)
    """Each returns what is wrong."""
    measure: Callable[[], None] = lambda: None
    """Sets the gauges before they are read."""


def health_application(health: Health) -> web.Application:
    """Return the application for probes and metrics: /healthz, /readyz and /metrics."""

    async def healthz(_: web.Request) -> web.Response:
        wrong = [text for check in health.checks for text in check()]
        if wrong:
            _log.error("Not alive", extra={"why": "; ".join(wrong)})
        return web.Response(status=503 if wrong else 200, text="\n".join(wrong) or "ok")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(
            status=200 if health.ready else 503,
            text="ok" if health.ready else "starting",
        )

    async def metrics(_: web.Request) -> web.Response:
        health.measure()
        return web.Response(
            body=generate_latest(),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )

    application = web.Application()
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    application.router.add_get("/metrics", metrics)
    return application
