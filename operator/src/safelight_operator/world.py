"""What one id looks like in the cluster at one moment: plain values, read from JSON.

Nothing of a client library is in here, and nothing that no decision needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from safelight_contract import keys, line
from safelight_contract.job import CONTAINER_NAME, TerminationMessage
from safelight_contract.resources import (
    ANNOTATION_REBUILT_AT,
    LABEL_ATTEMPT,
    LABEL_UPLOAD_ID,
    AvailableImageSpec,
    ImageUploadSpec,
    asked_retry,
)
from safelight_contract.stalls import Stall
from safelight_operator import conditions
from safelight_operator.conditions import Status, parse_time

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Upload:
    """An ImageUpload."""

    id: str
    uid: str
    resource_version: str
    generation: int
    created: datetime
    deleting: bool
    spec: ImageUploadSpec
    status: Status
    retry: str | None = None
    """Value of the annotation that asks for a retry, taken up or not."""
    client: str = ""
    """Who uploaded it; empty if nobody says so."""

    @classmethod
    def from_dict(cls, resource: Json) -> Self:
        """Read it from the API server's answer.

        Raises:
            KeyError, TypeError, ValueError: it is none that the API server would have accepted.
        """
        metadata = resource["metadata"]
        return cls(
            id=metadata["name"],
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            generation=metadata.get("generation", 1),
            created=parse_time(metadata["creationTimestamp"]),
            deleting="deletionTimestamp" in metadata,
            spec=ImageUploadSpec.from_dict(resource["spec"]),
            status=Status.from_dict(resource.get("status") or {}),
            retry=asked_retry(metadata),
            client=line.client_of(metadata),
        )


@dataclass(frozen=True, slots=True)
class Image:
    """An AvailableImage: whose it is and which objects are its own, and little else."""

    id: str
    uid: str
    resource_version: str
    generation: int
    upload_uid: str
    key: str
    """Of the image itself."""
    etags: Mapping[str, str]
    """Entity tag of the image and of each of its variants, by key."""
    ready: bool
    """Confirmed: readers may see it."""
    rebuilt: bool = False
    """Made again from its manifest, so it has no upload that could have been deleted."""
    warnings: tuple[str, ...] = ()
    """What was lost on the way, for the log."""

    @property
    def attempt(self) -> int:
        """The attempt that has made it."""
        owner = keys.owner(self.key)
        return (owner and owner.attempt) or 0

    @property
    def objects(self) -> frozenset[str]:
        """Keys of all that is its own: its files, and the manifest that tells of them."""
        return frozenset({*self.etags, keys.manifest(self.id, self.attempt)})

    @classmethod
    def from_dict(cls, resource: Json) -> Self:
        """Read it from the API server's answer.

        Raises:
            KeyError, TypeError, ValueError: it is none that the API server would have accepted.
        """
        metadata, spec = resource["metadata"], resource["spec"]
        return cls(
            id=metadata["name"],
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            generation=metadata.get("generation", 1),
            upload_uid=spec["uploadUID"],
            key=spec["image"]["key"],
            etags={
                stored["key"]: stored["etag"]
                for stored in (spec["image"], *spec.get("variants", ()))
            },
            ready=conditions.is_ready(conditions.read(resource.get("status") or {})),
            rebuilt=ANNOTATION_REBUILT_AT in (metadata.get("annotations") or {}),
            warnings=tuple(spec.get("facts", {}).get("warnings", ())),
        )


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt's Job."""

    name: str
    uid: str
    upload_id: str
    owner_uid: str | None
    """UID of the controller: the ImageUpload that it works for."""
    attempt: int
    started: datetime | None
    """When the Job controller first saw it."""
    created: datetime
    active: int
    ready: int
    """Pods that run now, as the Job controller last counted."""
    complete: bool
    failure: str | None
    """Reason of its condition Failed, once it is True."""

    @property
    def is_live(self) -> bool:
        """Whether it may still run something."""
        return not self.complete and self.failure is None

    @classmethod
    def from_dict(cls, resource: Json) -> Self:
        """Read it from the API server's answer; 0 stands for an attempt that is no number."""
        metadata = resource["metadata"]
        status = resource.get("status") or {}
        labels = metadata.get("labels") or {}
        attempt = labels.get(LABEL_ATTEMPT, "")
        owners = metadata.get("ownerReferences") or ()
        true = {c["type"]: c for c in status.get("conditions") or () if c["status"] == "True"}
        return cls(
            name=metadata["name"],
            uid=metadata["uid"],
            upload_id=labels.get(LABEL_UPLOAD_ID, ""),
            owner_uid=next((o["uid"] for o in owners if o.get("controller")), None),
            attempt=int(attempt) if attempt.isascii() and attempt.isdigit() else 0,
            started=parse_time(status["startTime"]) if "startTime" in status else None,
            created=parse_time(metadata["creationTimestamp"]),
            active=status.get("active", 0),
            ready=status.get("ready", 0),
            complete="Complete" in true,
            failure=true["Failed"].get("reason", "") if "Failed" in true else None,
        )


_PULL: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"},
)
_CONFIGURATION: Final = frozenset({"CreateContainerConfigError", "CreateContainerError"})


@dataclass(frozen=True, slots=True)
class Pod:
    """How a pod of a Job fares."""

    created: datetime
    disrupted: bool
    """Evicted, preempted or drained: not the image's fault."""
    running: bool
    waiting: Stall | None
    """Why it cannot start."""
    exit_code: int | None
    out_of_memory: bool
    detail: str
    """The processor's own words, for the log."""

    @classmethod
    def from_dict(cls, resource: Json) -> Self:
        """Read it from the API server's answer."""
        status = resource.get("status") or {}
        states = {c["name"]: c.get("state", {}) for c in status.get("containerStatuses") or ()}
        state = states.get(CONTAINER_NAME, {})
        ended = state.get("terminated", {})
        message = TerminationMessage.decode(ended.get("message", ""))
        found = {c["type"]: c for c in status.get("conditions") or ()}
        return cls(
            created=parse_time(resource["metadata"]["creationTimestamp"]),
            disrupted=found.get("DisruptionTarget", {}).get("status") == "True",
            running="running" in state,
            waiting=_waiting(state.get("waiting", {}).get("reason", ""), found),
            exit_code=ended.get("exitCode"),
            out_of_memory=ended.get("reason") == "OOMKilled",
            detail=message.detail if message else "",
        )


def _waiting(reason: str, found: Mapping[str, Json]) -> Stall | None:
    if reason in _PULL:
        return Stall.IMAGE_PULL_FAILED
    if reason in _CONFIGURATION:
        return Stall.CONFIG_ERROR
    if found.get("PodScheduled", {}).get("reason") == "Unschedulable":
        return Stall.UNSCHEDULABLE
    return None


@dataclass(frozen=True, slots=True)
class Output:
    """What the current attempt has left in the object storage."""

    spec: AvailableImageSpec | None
    """What is to be published, checked; None: it is not complete."""
    spare: tuple[str, ...] = ()
    """Keys of files that its manifest does not name: nobody is to see them."""


@dataclass(frozen=True, slots=True)
class World:
    """All that a decision about one id may look at."""

    id: str
    upload: Upload | None = None
    image: Image | None = None
    jobs: tuple[Job, ...] = ()
    hinted: bool = False
    """The processor said "look now" since the last look."""
    removed: bool = False
    """There is evidence that the id was in use, and that what used it is gone."""
    output: Output | None = None
    """None: not looked at yet."""
    published: datetime | None = None
    """When this look has created the AvailableImage, for a metric."""
    pods: tuple[Pod, ...] | None = None
    """Pods of the current attempt's Job. None: not looked at yet."""
