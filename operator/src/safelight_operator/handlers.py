"""Kopf's side: the watches of ImageUploads and Jobs. Every event is handed on, nothing else.

Low-level handlers (`on.event`) keep no state on the objects: no annotations, no finalizers.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import kopf

from safelight_contract.resources import (
    GROUP,
    IMAGE_UPLOAD,
    LABEL_MANAGED_BY,
    MANAGER,
    VERSION,
)
from safelight_operator.canary import JOBS
from safelight_operator.slim import slim

CHUNK: Final = 3
"""Objects in a page of Kopf's lists: of the largest ones there are, so many fit into memory."""
IDLE_SECONDS: Final = 0.1
"""How long Kopf holds an object after its event: a list is handed on faster than that."""


class _NoDiffBase(kopf.DiffBaseStorage):
    """Reads and keeps nothing of the last state of objects.

    Anybody may have written the annotation that Kopf would read, and objects nested too deeply for
    it to copy: their events would never get here.
    """

    def build(
        self,
        *,
        body: kopf.Body,  # noqa: ARG002 - Kopf's signature
        extra_fields: Iterable[Any] | None = None,  # noqa: ARG002 - as above
    ) -> kopf.BodyEssence:
        """Return what is compared: nothing."""
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:  # noqa: ARG002 - as above
        """Return what was there before: nothing is known."""
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Keep nothing."""


Deliver = Callable[[str, bool, Mapping[str, Any]], None]
"""Takes the plural of a kind, whether it was deleted, and the resource."""


def registry(deliver: Deliver, started: Callable[[], None]) -> kopf.OperatorRegistry:
    """Return the handlers that hand every event to `deliver`."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.startup(registry=handlers, errors=kopf.ErrorsMode.PERMANENT)
    async def start(**_: Any) -> None:  # noqa: ANN401 - Kopf passes some twenty values
        started()

    @kopf.on.login(registry=handlers)
    def log_in(**arguments: Any) -> object:  # noqa: ANN401 - passed through
        in_pod = kopf.login_with_service_account(**arguments)
        if in_pod is None:
            return kopf.login_with_kubeconfig(**arguments)
        return replace(in_pod, server=api_server(os.environ))

    @kopf.on.event(GROUP, VERSION, IMAGE_UPLOAD.plural, registry=handlers)
    async def upload(event: Mapping[str, Any], **_: Any) -> None:  # noqa: ANN401 - as above
        deliver(IMAGE_UPLOAD.plural, event["type"] == "DELETED", slim(event["object"]))

    @kopf.on.event("batch", "v1", JOBS, registry=handlers)
    async def job(event: Mapping[str, Any], **_: Any) -> None:  # noqa: ANN401 - as above
        deliver(JOBS, event["type"] == "DELETED", slim(event["object"]))

    return handlers


def api_server(environment: Mapping[str, str]) -> str:
    """Return the API server's URL as every container is told it.

    Kopf's own choice is a name, which a cluster without DNS (and an operator that must work while
    DNS does not) cannot resolve.
    """
    host = environment["KUBERNETES_SERVICE_HOST"]
    host = f"[{host}]" if ":" in host else host
    return f"https://{host}:{environment['KUBERNETES_SERVICE_PORT']}"


def settings(instance: str) -> kopf.OperatorSettings:
    """Return Kopf's settings: seen by nobody, quick to notice a dead watch, quick to end."""
    own = kopf.OperatorSettings()
    own.peering.standalone = True
    own.scanning.disabled = True
    own.watching.label_selectors["batch", "v1", JOBS] = f"{LABEL_MANAGED_BY}={MANAGER}"
    own.watching.chunk_size = CHUNK
    own.watching.inactivity_timeout = 70
    own.watching.server_timeout = 420
    own.watching.reconnect_backoff = 1.0
    own.networking.request_timeout = 30
    own.networking.connect_timeout = 5
    own.networking.error_backoffs = (0.5, 1, 2, 4, 8)
    own.networking.enforce_retry_after = True
    own.queueing.idle_timeout = IDLE_SECONDS
    own.queueing.error_delays = (1, 2, 5, 10, 20, 40, 60)
    own.execution.default_backoff = 5
    own.posting.enabled = False
    own.posting.loggers = False
    own.posting.reporting_component = MANAGER
    own.posting.reporting_instance = instance
    own.process.ultimate_exiting_timeout = 20
    # Never used: nothing here keeps state on objects. If anything ever did, it would be seen.
    own.persistence.finalizer = f"{GROUP}/never"
    own.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP, v1=False)
    own.persistence.diffbase_storage = _NoDiffBase()
    return own
