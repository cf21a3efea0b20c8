"""When an upload counts as stalled, and what its status says then: pure, like `decide`."""

from datetime import datetime, timedelta
from typing import Final

from safelight_contract.resources import Progress
from safelight_contract.stalls import Stall
from safelight_operator import conditions
from safelight_operator.actions import SetStatus
from safelight_operator.world import Pod, Upload

STORAGE_PATIENCE: Final = timedelta(seconds=10)
"""Shorter faults of the object storage are nobody's business."""


def is_told(upload: Upload, stall: Stall) -> bool:
    """Say whether the status shows this reason already: it is written once."""
    return upload.status.stalled is not None and upload.status.stalled.reason == stall


def of_pods(pods: tuple[Pod, ...]) -> Stall | None:
    """Return why a Job of some age has no running pod; None: there is no known reason."""
    if not pods:
        return Stall.POD_MISSING
    if any(pod.running or pod.exit_code is not None for pod in pods):
        return None
    return next((pod.waiting for pod in pods if pod.waiting), None)


def refused(upload: Upload, stall: Stall, detail: str, now: datetime) -> SetStatus | None:
    """Return how to tell that the API server refuses the Job; None: that is told already.

    Args:
        upload: that waits for the Job.
        stall: why.
        detail: the API server's words, for the log and the Event.
        now: the time.
    """
    if is_told(upload, stall):
        return None
    generation = upload.generation
    queued = conditions.progressing(upload.status, Progress.QUEUED, generation, now)
    return SetStatus(conditions.stalled(queued, stall, generation, now), detail)


def storage_fails(
    upload: Upload | None,
    stall: Stall,
    detail: str,
    since: datetime,
    now: datetime,
) -> SetStatus | None:
    """Return how to tell that the operator cannot use the object storage.

    Args:
        upload: that cannot go on; None: there is none to tell it on.
        stall: why.
        detail: the storage's words, for the log and the Event.
        since: when the first step that failed was begun.
        now: the time.

    Returns:
        None if it is too early, told already, or nothing that is under way waits for it.
    """
    if upload is None or upload.deleting or upload.status.failed_at is not None:
        return None
    if now - since < STORAGE_PATIENCE or is_told(upload, stall):
        return None
    return SetStatus(conditions.stalled(upload.status, stall, upload.generation, now), detail)
