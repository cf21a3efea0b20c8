"""The inner port: metrics, and the probes of the kubelet."""

import logging
from collections.abc import Callable
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from safelight_adapters.bounds import Bounds
from safelight_adapters.exchange import Answer, Handler, Request, Routes
from safelight_adapters.server import Server
from safelight_api import health
from safelight_api.health import Health, Verdict
from safelight_api.metrics import Metrics
from safelight_api.routes.common import encode
from safelight_api.services import Services
from safelight_api.settings import Settings

_NAME: Final = "metrics"

logger = logging.getLogger(__name__)


def inner_server(settings: Settings, metrics: Metrics, asked: Health) -> Server:
    """Listen on the inner port.

    Raises:
        OSError: the port is taken.
    """
    server = Server(
        routes(metrics, asked),
        settings.host,
        settings.metrics_port,
        bounds=Bounds(connections=settings.inner_connections),
        dropped=lambda reason: metrics.inner_dropped.labels(_NAME, reason).inc(),
    )
    metrics.observe_inner(_NAME, lambda: len(server))
    return server


def routes(metrics: Metrics, asked: Health) -> Routes:
    """Return the routes of the inner port."""

    def probe(question: Callable[[Services], Verdict], seconds: float) -> Handler:
        async def handler(request: Request) -> Answer:
            verdict = await asked.ask(question, seconds)
            if not verdict.is_good:
                logger.warning("a probe failed", extra={"path": request.path, **verdict.content})
            return Answer(verdict.status, encode(verdict.content), "application/json")

        return handler

    async def read(_request: Request) -> Answer:
        return Answer(body=generate_latest(metrics.registry), content_type=CONTENT_TYPE_LATEST)

    return {
        ("GET", health.ALIVE): probe(health.alive, health.ALIVE_SECONDS),
        ("GET", health.READY): probe(health.ready, health.READY_SECONDS),
        ("GET", "/metrics"): read,
    }
