"""The operator's few errors of the Kubernetes API, and how an answer becomes one of them."""

import json
from typing import Any, Final

import aiohttp

_TRANSIENT: Final = frozenset({401, 408, 500, 502, 503, 504})


class ClusterError(Exception):
    """A request to the API server did not do what was asked."""


class UnavailableError(ClusterError):
    """No answer, or "not now": the same request may succeed later.

    Args:
        message: for the log.
        retry_after: seconds that the server asked for.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BusyError(UnavailableError):
    """The server has more to do than it can (429): ask less often."""


class NotServedError(UnavailableError):
    """The kind itself is not served: that says nothing about its objects."""


class ConflictError(ClusterError):
    """The object is not as it was when it was read: look again."""


class AlreadyExistsError(ClusterError):
    """There is an object of this name."""


class GoneError(ClusterError):
    """The object that was to be changed is not there."""


class RefusedError(ClusterError):
    """Not allowed, or not valid."""


class QuotaExceededError(RefusedError):
    """A quota of the namespace is used up."""


class ExpiredError(ClusterError):
    """A watch or a list cannot go on from where it was (410): start again with a list."""


def from_answer(response: aiohttp.ClientResponse, data: bytes) -> ClusterError:  # noqa: PLR0911 - one line for each error
    """Return the error that an answer of the API server stands for."""
    try:
        status: Any = json.loads(data)
    except ValueError:
        status = {}
    if not isinstance(status, dict):
        status = {}
    code, reason = response.status, status.get("reason", "")
    message = f"HTTP {code}: {status.get('message') or response.reason}"
    details = status.get("details")
    details = details if isinstance(details, dict) else {}
    causes = details.get("causes") or ()
    if reason == "AlreadyExists":
        return AlreadyExistsError(message)
    if code == 409:  # noqa: PLR2004 - HTTP's "Conflict"
        return ConflictError(message)
    if code == 404:  # noqa: PLR2004 - HTTP's "Not Found"
        return GoneError(message, details.get("name"))
    if code == 410:  # noqa: PLR2004 - HTTP's "Gone"
        return ExpiredError(message)
    if code == 403 and "exceeded quota" in message:  # noqa: PLR2004 - HTTP's "Forbidden"
        return QuotaExceededError(message)
    if code == 429:  # noqa: PLR2004 - HTTP's "Too Many Requests"
        return BusyError(message, _seconds(response.headers.get("Retry-After")))
    if code in _TRANSIENT:
        return UnavailableError(message, _seconds(response.headers.get("Retry-After")))
    return RefusedError(message, *(cause.get("reason") for cause in causes))


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdigit() else None
