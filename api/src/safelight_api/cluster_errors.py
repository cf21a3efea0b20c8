"""What the API server answers instead of doing what it was asked, as exceptions."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final


class ClusterError(Exception):
    """The API server said no; the message is its reason, for the log."""


class NotFoundError(ClusterError):
    """There is no such object; above the adapter that is an answer, None or False."""


class AlreadyExistsError(ClusterError):
    """An object of this name exists."""


class ConflictError(ClusterError):
    """A precondition does not hold: the object is another one by now."""


class QuotaExceededError(ClusterError):
    """A quota of the namespace is used up."""


class GoneError(ClusterError):
    """The revision is too old to go on from: list again."""


class UnavailableError(ClusterError):
    """The API server cannot be reached, or cannot answer at the moment.

    Args:
        reason: for the log.
        may_have_happened: whether a write may have been done nevertheless.
    """

    def __init__(self, reason: str, *, may_have_happened: bool) -> None:
        super().__init__(reason)
        self.may_have_happened = may_have_happened


_NOT_DONE: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Refused for now, and to be mended outside: rights, an absent CRD or namespace, overload."""


def error_of(code: int, status: Mapping[str, Any]) -> ClusterError:
    """Return our error for an answer of the API server.

    Args:
        code: of the HTTP answer, or of an error within a watch.
        status: the Status object; empty if something in between has answered.
    """
    reason = str(status.get("reason", ""))
    text = f"{code} {reason}"
    if code == HTTPStatus.NOT_FOUND and _details(status).get("name"):
        return NotFoundError(text)
    if code == HTTPStatus.FORBIDDEN and "exceeded quota" in str(status.get("message", "")):
        return QuotaExceededError(text)
    if code in _NOT_DONE:
        return UnavailableError(text, may_have_happened=False)
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnavailableError(text, may_have_happened=True)
    if reason == "AlreadyExists":
        return AlreadyExistsError(text)
    classes: dict[int, type[ClusterError]] = {
        HTTPStatus.CONFLICT: ConflictError,
        HTTPStatus.GONE: GoneError,
    }
    return classes.get(code, ClusterError)(text)


def _details(status: Mapping[str, Any]) -> Mapping[str, Any]:
    details = status.get("details")
    return details if isinstance(details, Mapping) else {}
