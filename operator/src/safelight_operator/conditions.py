"""Conditions and the status of an ImageUpload: read, compared and written, without any I/O.

The rules are those of the Kubernetes API conventions: one condition per type, a time that changes
only with the condition, and the generation that it speaks of.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self

from safelight_contract import times
from safelight_contract.resources import (
    FAILURE_MESSAGES,
    Condition,
    Failure,
    Progress,
)
from safelight_contract.stalls import STALL_MESSAGES, Stall
from safelight_contract.unreadable import (
    integer,
    items,
    optional_text,
    readable,
    text,
    time,
)

TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"

_PROGRESS_MESSAGES: Final[Mapping[Progress, str]] = {
    Progress.QUEUED: "Waiting for a free place among the running Jobs.",
    Progress.RUNNING: "A Job is processing the image.",
    Progress.PUBLISHING: "The processed image is being made available.",
}
_ASKED_MESSAGE: Final = "Another attempt was asked for."
_EXPIRED_MESSAGE: Final = "It failed so long ago that it is being removed."
_RETRY_MESSAGE: Final = "Attempt {attempt} failed ({reason}); another one follows."


@dataclass(frozen=True, slots=True)
class Entry:
    """One condition."""

    type: str
    status: str
    reason: str
    message: str
    observed_generation: int
    last_transition: datetime

    def to_dict(self) -> dict[str, Any]:
        """Return it as it stands in a resource."""
        return {
            "type": self.type,
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
            "observedGeneration": self.observed_generation,
            "lastTransitionTime": times.write(self.last_transition),
        }

    @classmethod
    @readable
    def from_dict(cls, entry: Mapping[str, Any]) -> Self:
        """Read it from a resource.

        Raises:
            UnreadableError: it is not what the CRD says.
        """
        return cls(
            type=text(entry, "type"),
            status=text(entry, "status"),
            reason=text(entry, "reason"),
            message=text(entry, "message"),
            observed_generation=integer(entry, "observedGeneration", 0),
            last_transition=time(entry, "lastTransitionTime"),
        )


Conditions = tuple[Entry, ...]


def read(status: Mapping[str, Any]) -> Conditions:
    """Return the conditions of a resource's status.

    Raises:
        UnreadableError: one of them is not what the CRD says.
    """
    return tuple(Entry.from_dict(entry) for entry in items(status, "conditions"))


def find(conditions: Conditions, kind: Condition) -> Entry | None:
    """Return the condition of a type, or None."""
    return next((entry for entry in conditions if entry.type == kind), None)


def put(conditions: Conditions, entry: Entry) -> Conditions:
    """Return the conditions with one set; its time stays if status and reason stay."""
    old = next((known for known in conditions if known.type == entry.type), None)
    if old is None:
        return (*conditions, entry)
    if (old.status, old.reason) == (entry.status, entry.reason):
        entry = replace(entry, last_transition=old.last_transition)
    return tuple(entry if known is old else known for known in conditions)


def remove(conditions: Conditions, kind: Condition) -> Conditions:
    """Return the conditions without that of a type."""
    return tuple(entry for entry in conditions if entry.type != kind)


@dataclass(frozen=True, slots=True)
class Status:
    """The status of an ImageUpload."""

    attempt: int = 0
    job_name: str | None = None
    retry_after: datetime | None = None
    """The current attempt has ended without a result; the next one may start then."""
    observed_retry: str | None = None
    """The retry that was last taken up, or that was there at the failure."""
    retried_attempts: int = 0
    """Attempts made before that retry."""
    conditions: Conditions = ()

    @classmethod
    @readable
    def from_dict(cls, status: Mapping[str, Any]) -> Self:
        """Read it from a resource.

        Raises:
            UnreadableError: it is not what the CRD says.
        """
        return cls(
            attempt=integer(status, "attempt", 0),
            job_name=optional_text(status, "jobName"),
            retry_after=time(status, "retryAfter") if status.get("retryAfter") else None,
            observed_retry=optional_text(status, "observedRetry"),
            retried_attempts=integer(status, "retriedAttempts", 0),
            conditions=read(status),
        )

    def to_patch(self, generation: int) -> dict[str, Any]:
        """Return the merge patch of `status`; what is absent here is removed there."""
        return {
            "observedGeneration": generation,
            "attempt": self.attempt,
            "jobName": self.job_name,
            "retryAfter": times.write(self.retry_after) if self.retry_after else None,
            "observedRetry": self.observed_retry,
            "retriedAttempts": self.retried_attempts or None,
            "conditions": [entry.to_dict() for entry in self.conditions],
        }

    @property
    def progress(self) -> Progress | None:
        """Where it stands while it is under way; None before and after."""
        entry = find(self.conditions, Condition.SUCCEEDED)
        if entry is None or entry.status != UNKNOWN or entry.reason not in list(Progress):
            return None
        return Progress(entry.reason)

    @property
    def since(self) -> datetime | None:
        """Since when it stands where it stands; None before the operator's first write."""
        entry = find(self.conditions, Condition.SUCCEEDED)
        return None if entry is None else entry.last_transition

    @property
    def failed_at(self) -> datetime | None:
        """When it failed for good; None if it has not."""
        entry = find(self.conditions, Condition.SUCCEEDED)
        return entry.last_transition if entry is not None and entry.status == FALSE else None

    @property
    def expired(self) -> bool:
        """Whether it failed so long ago that it goes."""
        return find(self.conditions, Condition.EXPIRED) is not None

    @property
    def stalled(self) -> Entry | None:
        """The condition Stalled, if it is there."""
        return find(self.conditions, Condition.STALLED)


def progressing(status: Status, progress: Progress, generation: int, now: datetime) -> Status:
    """Return the status with condition Succeeded Unknown for a reason of progress."""
    return _succeeded(status, UNKNOWN, progress, _PROGRESS_MESSAGES[progress], generation, now)


def retrying(
    status: Status,
    failure: Failure,
    retry_after: datetime,
    generation: int,
    now: datetime,
) -> Status:
    """Return the status after an attempt that failed and will be followed by another."""
    message = _RETRY_MESSAGE.format(attempt=status.attempt, reason=failure)
    queued = _succeeded(status, UNKNOWN, Progress.QUEUED, message, generation, now)
    return moving(replace(queued, retry_after=retry_after))


def failed(
    status: Status,
    failure: Failure,
    asked: str | None,
    generation: int,
    now: datetime,
) -> Status:
    """Return the status of an upload that has failed for good.

    A retry is an answer to a failure: what was `asked` for before it is noted, and counts as done.
    """
    ended = _succeeded(status, FALSE, failure, FAILURE_MESSAGES[failure], generation, now)
    observed = asked or status.observed_retry
    return moving(replace(ended, retry_after=None, observed_retry=observed))


def retried(status: Status, asked: str, generation: int, now: datetime) -> Status:
    """Return the status of a failed upload that gets another attempt because one was asked for."""
    queued = _succeeded(status, UNKNOWN, Progress.QUEUED, _ASKED_MESSAGE, generation, now)
    return replace(
        queued,
        retry_after=now,
        observed_retry=asked,
        retried_attempts=status.attempt,
    )


def expired(status: Status, generation: int, now: datetime) -> Status:
    """Return the status of a failed upload whose retention is over."""
    entry = Entry(Condition.EXPIRED, TRUE, "RetentionOver", _EXPIRED_MESSAGE, generation, now)
    return replace(status, conditions=put(status.conditions, entry))


def stalled(status: Status, reason: Stall, generation: int, now: datetime) -> Status:
    """Return the status with condition Stalled True."""
    entry = Entry(Condition.STALLED, TRUE, reason, STALL_MESSAGES[reason], generation, now)
    return replace(status, conditions=put(status.conditions, entry))


def moving(status: Status) -> Status:
    """Return the status without the condition Stalled."""
    return replace(status, conditions=remove(status.conditions, Condition.STALLED))


def ready(generation: int, now: datetime) -> dict[str, Any]:
    """Return the status of an AvailableImage that is confirmed."""
    message = "The image can be viewed and downloaded."
    entry = Entry(Condition.READY, TRUE, "Published", message, generation, now)
    return {"observedGeneration": generation, "conditions": [entry.to_dict()]}


def is_ready(conditions: Conditions) -> bool:
    """Say whether an AvailableImage's conditions show that it is confirmed."""
    entry = find(conditions, Condition.READY)
    return entry is not None and entry.status == TRUE


def _succeeded(  # noqa: PLR0913, PLR0917 - the six parts of a condition
    status: Status,
    state: str,
    reason: str,
    message: str,
    generation: int,
    now: datetime,
) -> Status:
    entry = Entry(Condition.SUCCEEDED, state, reason, message, generation, now)
    return replace(status, conditions=put(status.conditions, entry))
