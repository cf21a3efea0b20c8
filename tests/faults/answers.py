"""Errors as the two servers word them."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tests.faults.calls import Call, Dialect
from tests.faults.rules import Fault

RETRY_AFTER: Final = 1
"""Seconds, in every 429."""

_KUBERNETES: Final[Mapping[Fault, tuple[int, str]]] = {
    Fault.CONFLICT: (409, "Conflict"),
    Fault.EXPIRED: (410, "Expired"),
    Fault.BUSY: (429, "TooManyRequests"),
    Fault.ERROR: (500, "InternalError"),
    Fault.UNAVAILABLE: (503, "ServiceUnavailable"),
}
_STORAGE: Final[Mapping[Fault, tuple[int, str]]] = {
    Fault.CONFLICT: (409, "ConditionalRequestConflict"),
    Fault.PRECONDITION: (412, "PreconditionFailed"),
    Fault.BUSY: (429, "TooManyRequests"),
    Fault.ERROR: (500, "InternalError"),
    Fault.UNAVAILABLE: (503, "SlowDown"),
}


def answer(fault: Fault, call: Call, dialect: Dialect) -> tuple[int, dict[str, str], bytes] | None:
    """Return status, headers and body of the error that a fault is; None: it is no answer."""
    known = _KUBERNETES if dialect is Dialect.KUBERNETES else _STORAGE
    if fault not in known:
        return None
    code, reason = known[fault]
    headers = {"Retry-After": str(RETRY_AFTER)} if fault is Fault.BUSY else {}
    if dialect is not Dialect.KUBERNETES:
        text = f"<Error><Code>{reason}</Code><Message>injected</Message></Error>"
        return code, headers | {"Content-Type": "application/xml"}, text.encode()
    if fault is Fault.CONFLICT and call.verb == "POST":
        reason = "AlreadyExists"
    status: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "injected",
        "reason": reason,
        "code": code,
    }
    if fault is Fault.EXPIRED and call.verb == "WATCH":
        # The API server tells this within the watch that it has begun.
        code, status = 200, {"type": "ERROR", "object": status}
    return code, headers | {"Content-Type": "application/json"}, json.dumps(status).encode()
