"""Whose a Job or a Pod is: what its controller's owner reference says, and never its labels.

Anybody may put a label on a Job. An owner reference names one object by its uid, and Kubernetes'
garbage collector removes what refers to an owner that is not there. So lists, watches and single
reads all ask here, and what is not ours takes no place, proves nothing and is never deleted.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from safelight_contract import keys
from safelight_contract.resources import GROUP, IMAGE_UPLOAD

Json = Mapping[str, Any]

_JOB: Final = re.compile(r"safelight-(?P<upload>.{36})-(?P<attempt>[1-9][0-9]?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Owner:
    """The ImageUpload that a Job works for; it may be gone while the Job still runs."""

    upload_id: str
    uid: str
    attempt: int


def job_name(upload_id: str, attempt: int) -> str:
    """Return the name of an attempt's Job: the same whoever asks, so that there is only one."""
    return f"safelight-{upload_id}-{attempt}"


def upload_of(job: Json) -> Owner | None:
    """Return which ImageUpload a Job works for, at which attempt; None: it is none of ours."""
    controller = _controller(job)
    metadata = job.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if controller is None or not isinstance(name, str):
        return None
    group, _, _ = str(controller.get("apiVersion")).partition("/")
    found = _JOB.fullmatch(name)
    if found is None or (group, controller.get("kind")) != (GROUP, IMAGE_UPLOAD.kind):
        return None
    upload_id, uid = found["upload"], controller.get("uid")
    if controller.get("name") != upload_id or not keys.is_id(upload_id):
        return None
    if not isinstance(uid, str) or not uid:
        return None
    return Owner(upload_id, uid, int(found["attempt"]))


def is_pod_of(pod: Json, job_uid: str) -> bool:
    """Say whether a Pod was made for the Job of that uid."""
    controller = _controller(pod)
    return controller is not None and (
        str(controller.get("apiVersion")).startswith("batch/"),
        controller.get("kind"),
        controller.get("uid"),
    ) == (True, "Job", job_uid)


def _controller(resource: Json) -> Json | None:
    metadata = resource.get("metadata")
    owners = metadata.get("ownerReferences") if isinstance(metadata, Mapping) else None
    if not isinstance(owners, list | tuple):
        return None
    return next(
        (one for one in owners if isinstance(one, Mapping) and one.get("controller") is True), None
    )
