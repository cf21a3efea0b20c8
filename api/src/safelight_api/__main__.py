"""Starts the API: settings from the environment, logs as JSON, metrics on a port of their own."""

import gc
import logging
import os
import signal
import sys
from typing import Final

import uvicorn
from prometheus_client import start_http_server
from pythonjsonlogger.json import JsonFormatter

from safelight_api.app import create_app
from safelight_api.metrics import Metrics
from safelight_api.serving.hub import Hub, Limits
from safelight_api.serving.server import LeavingServer
from safelight_api.settings import Settings
from safelight_contract.env import Environment, SettingsError

_EXIT_BAD_SETTINGS: Final = 2


def main() -> None:
    """Run the program `safelight-api`."""
    try:
        settings = Settings.read(Environment(os.environ))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(_EXIT_BAD_SETTINGS)
    configure_logging(settings.log_level)
    metrics = Metrics()
    start_http_server(settings.metrics_port, settings.host, registry=metrics.registry)
    # uvicorn raises a signal that it has handled again; by then everything is done.
    signal.signal(signal.SIGTERM, lambda *_: None)
    LeavingServer(
        uvicorn.Config(
            create_app(settings, metrics, on_listed=settle),
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=settings.drain_seconds,
        ),
        hub_of(settings, metrics),
    ).run()


def hub_of(settings: Settings, metrics: Metrics) -> Hub:
    """Return what all connections share, with its numbers among the metrics."""
    hub = Hub(
        Limits(
            connections=settings.max_connections,
            head_bytes=settings.max_head_bytes,
            body_bytes=settings.max_unread_bytes,
            answer_bytes=settings.max_unsent_bytes,
        ),
        on_closed=lambda reason: metrics.connections_closed.labels(reason).inc(),
    )
    metrics.observe_connections(
        unfinished=lambda: len(hub.places.unfinished),
        busy=lambda: len(hub.places.busy),
        idle=lambda: len(hub.places.idle),
        closing=lambda: len(hub.places.dropping),
    )
    metrics.observe_waiting(
        head=lambda: hub.head_bytes,
        body=lambda: hub.body_bytes,
        answer=lambda: hub.outflow.waiting_bytes,
    )
    return hub


def settle() -> None:
    """Have the garbage collector leave alone what is there by now.

    What was listed stays for long. With 20,000 images each full collection would look at all of
    them, and hold up all requests for 80 ms.
    """
    gc.collect()
    gc.freeze()


def configure_logging(level: str) -> None:
    """Log to standard error, one JSON object a line.

    Requests are counted, not logged: polls would drown everything else. The libraries' own messages
    are of interest from warning on; some would log addresses and signed queries below that.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter(
            "%(levelname)s %(name)s %(message)s",
            timestamp=True,
            rename_fields={"levelname": "level", "name": "logger"},
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("safelight_api").setLevel(level.upper())
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)
    # Its message when an answer was left incomplete; our own says why.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


if __name__ == "__main__":
    main()
