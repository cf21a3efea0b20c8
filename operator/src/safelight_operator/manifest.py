"""The bodies of all that the operator creates: pure functions, compared whole in the tests."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from safelight_contract import resources, times
from safelight_contract.job import (
    CONTAINER_NAME,
    PERMANENT_EXIT_CODES,
    REQUEST_VARIABLE,
    TERMINATION_MESSAGE_PATH,
    JobRequest,
)
from safelight_contract.resources import (
    API_VERSION,
    AVAILABLE_IMAGE,
    IMAGE_UPLOAD,
    MANAGER,
    PART_OF,
    AvailableImageSpec,
    StoredImage,
)
from safelight_operator.owners import job_name
from safelight_operator.settings import ProcessorSettings
from safelight_operator.world import Upload

FINISHED_TTL_SECONDS: Final = 3600
"""A backstop: normally a Job goes with its upload."""
GRACE_SECONDS: Final = 5
"""A pod that is told to end has nothing to save."""
USER_ID: Final = 65532
"""The user that the processor's image is made for; any other would do as well."""
_MAX_NOTE: Final = 900


def job(upload: Upload, request: JobRequest, processor: ProcessorSettings) -> dict[str, Any]:
    """Return the Job of one attempt.

    There is no retry inside it (backoffLimit 0): another attempt needs new URLs, and whether there
    is one is decided by the operator. Disruptions (drains, evictions) are not counted.
    """
    labels = _labels() | {
        resources.LABEL_NAME: "safelight-processor",
        resources.LABEL_COMPONENT: "processor",
        resources.LABEL_UPLOAD_ID: upload.id,
        resources.LABEL_UPLOAD_UID: upload.uid,
        resources.LABEL_ATTEMPT: str(request.attempt),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(upload.id, request.attempt),
            "labels": labels,
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": IMAGE_UPLOAD.kind,
                    "name": upload.id,
                    "uid": upload.uid,
                    "controller": True,
                    "blockOwnerDeletion": False,
                },
            ],
        },
        "spec": {
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": 0,
            "activeDeadlineSeconds": processor.deadline_seconds,
            "ttlSecondsAfterFinished": FINISHED_TTL_SECONDS,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "Ignore",
                        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                    },
                    {
                        "action": "FailJob",
                        "onExitCodes": {
                            "containerName": CONTAINER_NAME,
                            "operator": "In",
                            "values": sorted(PERMANENT_EXIT_CODES),
                        },
                    },
                ],
            },
            "template": {
                "metadata": {"labels": labels},
                "spec": {**processor.pod, **_pod_spec(request, processor)},
            },
        },
    }


def _pod_spec(request: JobRequest, processor: ProcessorSettings) -> dict[str, Any]:
    """Return the pod; it has no volume, since the kubelet looks for one only every 0.3 s."""
    return {
        "restartPolicy": "Never",
        "serviceAccountName": processor.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": CONTAINER_NAME,
                "image": processor.image,
                "imagePullPolicy": processor.pull_policy,
                "env": [{"name": REQUEST_VARIABLE, "value": request.encode()}],
                "resources": {
                    "requests": {"cpu": processor.cpu_request, "memory": processor.memory},
                    "limits": {"cpu": processor.cpu_limit, "memory": processor.memory},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "terminationMessagePath": TERMINATION_MESSAGE_PATH,
                "terminationMessagePolicy": "File",
            },
        ],
    }


def available_image(
    upload_id: str, spec: AvailableImageSpec, *, rebuilt_at: datetime | None = None
) -> dict[str, Any]:
    """Return an AvailableImage. It has no owner: it must outlive the upload that it replaces.

    Args:
        upload_id: its name.
        spec: its spec.
        rebuilt_at: when it was made again from its manifest; None: it comes from its upload.
    """
    metadata: dict[str, Any] = {"name": upload_id, "labels": _labels()}
    if rebuilt_at is not None:
        metadata["annotations"] = {resources.ANNOTATION_REBUILT_AT: times.write(rebuilt_at)}
    return {
        "apiVersion": API_VERSION,
        "kind": AVAILABLE_IMAGE.kind,
        "metadata": metadata,
        "spec": spec.to_dict(),
    }


def probe(upload_id: str) -> dict[str, Any]:
    """Return an AvailableImage for a dry run that asks whether the id is free to be used."""
    stored = StoredImage(
        key=f"images/{upload_id}/1/image.jpg",
        media_type="image/jpeg",
        size=1,
        width=1,
        height=1,
        sha256="0" * 64,
        etag="-",
    )
    return available_image(upload_id, AvailableImageSpec("dry-run", "dry-run.jpg", stored))


@dataclass(frozen=True, slots=True)
class Subject:
    """What an Event speaks of."""

    kind: str
    name: str
    uid: str
    api_version: str = API_VERSION


def event(  # noqa: PLR0913 - the parts of an Event
    namespace: str,
    subject: Subject,
    *,
    reason: str,
    note: str,
    instance: str,
    now: datetime,
    attempt: int | None = None,
) -> dict[str, Any]:
    """Return a warning; its name is the same for the same news, of an attempt if it is named.

    So it is told once.
    """
    time = times.write(now)
    name = f"{subject.name}.{reason.lower()}.{subject.uid[:8]}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": name if attempt is None else f"{name}.{attempt}",
            "namespace": namespace,
            "labels": _labels(),
        },
        "involvedObject": {
            "apiVersion": subject.api_version,
            "kind": subject.kind,
            "name": subject.name,
            "namespace": namespace,
            "uid": subject.uid,
        },
        "type": "Warning",
        "reason": reason,
        "action": reason,
        "message": _bounded(note),
        "source": {"component": MANAGER},
        "reportingComponent": f"{resources.GROUP}/{MANAGER}",
        "reportingInstance": instance,
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }


def _labels() -> dict[str, str]:
    return {resources.LABEL_PART_OF: PART_OF, resources.LABEL_MANAGED_BY: MANAGER}


def _bounded(note: str) -> str:
    printable = "".join(c if c.isascii() and c.isprintable() else "?" for c in note)
    return printable[:_MAX_NOTE]
