import asyncio
import json
from pathlib import Path

import kopf
import pytest

from safelight_local.control_plane import free_ports
from safelight_operator import handlers
from safelight_operator.canary import Canary
from safelight_operator.inbox import Inbox
from safelight_operator.queue import KeyedQueue
from safelight_operator.slots import Slots
from safelight_operator.watches import Watches, WatchesEndedError


async def _nothing(_upload_id: str) -> None:
    """Take no step."""


async def test_watches_that_cannot_start_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kopf gives up after its retries: the process must end, not live on and see nothing."""
    server = {"cluster": {"server": f"https://127.0.0.1:{free_ports(1)[0]}"}, "name": "gone"}
    context = {"context": {"cluster": "gone", "user": "nobody"}, "name": "gone"}
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "clusters": [server],
                "contexts": [context],
                "users": [{"name": "nobody", "user": {"token": "none"}}],
                "current-context": "gone",
            }
        )
    )
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))

    def impatient(instance: str) -> kopf.OperatorSettings:
        settings = handlers_settings(instance)
        settings.networking.error_backoffs = (0.05,)
        return settings

    handlers_settings = handlers.settings
    monkeypatch.setattr(handlers, "settings", impatient)
    inbox = Inbox(KeyedQueue(_nothing, workers=1), Slots(1, 1))

    async with asyncio.timeout(20):
        with pytest.raises(WatchesEndedError):
            await Watches(inbox, Canary(inbox.queue.now), "default", "operator-0").run()
