"""The program `safelight-operator`."""

import argparse
import asyncio
import logging
import logging.config
import os
import signal
import sys
from typing import NoReturn

from safelight_contract.env import SettingsError
from safelight_operator import app
from safelight_operator.cluster import Cluster
from safelight_operator.errors import ClusterError
from safelight_operator.objects import Objects, StorageError
from safelight_operator.rebuild import Rebuild
from safelight_operator.settings import Settings

_log = logging.getLogger("safelight_operator")


def main() -> NoReturn:
    """Run until SIGTERM or SIGINT, or until leadership is lost; end the process.

    With the command `rebuild` it makes AvailableImages again from the bucket, and ends.
    """
    parser = argparse.ArgumentParser(prog="safelight-operator")
    commands = parser.add_subparsers(dest="command")
    again = commands.add_parser("rebuild", help="make AvailableImages again from the bucket")
    again.add_argument("--dry-run", action="store_true", help="only print what it would do")
    arguments = parser.parse_args()
    try:
        settings = Settings.read(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"safelight-operator: {error}\n")
        sys.exit(2)
    if arguments.command == "rebuild":
        sys.exit(asyncio.run(_rebuild(settings, dry_run=arguments.dry_run)))
    configure_logging(settings.log_level)
    try:
        asyncio.run(_run(settings))
    except SettingsError as error:
        _log.error("Ended", extra={"why": str(error)})
        _leave(2)
    except Exception:  # noqa: BLE001 - the last word of the process, as a line of JSON
        _log.exception("Ended")
        _leave(1)
    _log.info("Stopped")
    _leave(0)


def _leave(code: int) -> NoReturn:
    """End now: Python would first wait for threads that wait for a storage without an answer."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


def configure_logging(level: str) -> None:
    """Write every log record as one line of JSON to standard output."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": "pythonjsonlogger.json.JsonFormatter",
                    "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
                    "datefmt": "%Y-%m-%dT%H:%M:%SZ",
                    "rename_fields": {
                        "asctime": "time",
                        "levelname": "level",
                        "name": "logger",
                    },
                },
            },
            "handlers": {
                "out": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://sys.stdout",
                    "formatter": "json",
                },
            },
            "root": {"handlers": ["out"], "level": "WARNING"},
            "loggers": {
                "safelight_operator": {"level": level.upper()},
                # It says at every start that a thread gets no signals: that is as intended.
                "kopf._core.reactor.running": {"level": "ERROR"},
            },
        },
    )


async def _rebuild(settings: Settings, *, dry_run: bool) -> int:
    cluster = await Cluster.connect(settings.namespace)
    objects = Objects(settings.object_store)
    try:
        await Rebuild(cluster, objects, sys.stdout.write, dry_run=dry_run).run()
    except (ClusterError, StorageError) as error:
        sys.stderr.write(f"safelight-operator: {error}\nRun it again: it goes on from there.\n")
        return 1
    finally:
        objects.close()
        await cluster.close()
    return 0


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await app.run(settings, stop)


if __name__ == "__main__":
    main()
