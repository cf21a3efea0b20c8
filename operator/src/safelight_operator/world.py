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
    AvailableImageSpec,
    ImageUploadSpec,
    asked_retry,
)
from safelight_contract.stalls import Stall
from safelight_contract.unreadable import (
    integer,
    items,
    optional_text,
    part,
    readable,
    text,
    time,
)
from safelight_operator import conditions, owners
from safelight_operator.conditions import Status

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
    @readable
    def from_dict(cls, resource: Json) -> Self:
        """Read it from the API server's answer.

        Raises:
            UnreadableError: it is none that the API server would have accepted.
        """
        metadata = part(resource, "metadata")
        return cls(
            id=text(metadata, "name"),
            uid=text(metadata, "uid"),
            resource_version=text(metadata, "resourceVersion"),
            generation=integer(metadata, "generation", 1),
            created=time(metadata, "creationTimestamp"),
            deleting=metadata.get("deletionTimestamp") is not None,
            spec=ImageUploadSpec.from_dict(part(resource, "spec")),
            status=Status.from_dict(part(resource, "status")),
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
    @readable
    def from_dict(cls, resource: Json) -> Self:
        """Read it from the API server's answer.

        Raises:
            UnreadableError: it is none that the API server would have accepted.
        """
        metadata, spec = part(resource, "metadata"), part(resource, "spec")
        image = part(spec, "image")
        return cls(
            id=text(metadata, "name"),
            uid=text(metadata, "uid"),
            resource_version=text(metadata, "resourceVersion"),
            generation=integer(metadata, "generation", 1),
            upload_uid=text(spec, "uploadUID"),
            key=text(image, "key"),
            etags={
                text(stored, "key"): text(stored, "etag")
                for stored in (image, *items(spec, "variants"))
            },
            ready=conditions.is_ready(conditions.read(part(resource, "status"))),
            rebuilt=ANNOTATION_REBUILT_AT in part(metadata, "annotations"),
            warnings=tuple(map(str, part(spec, "facts").get("warnings") or ())),
        )


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt's Job."""

    name: str
    uid: str
    upload_id: str
    owner_uid: str | None
    """UID of the ImageUpload that it works for; None: it is none of ours, see `owners`."""
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
    @readable
    def from_dict(cls, resource: Json) -> Self:
        """Read it from the API server's answer.

        Raises:
            UnreadableError: it is none that the API server would have accepted.
        """
        metadata, status = part(resource, "metadata"), part(resource, "status")
        owner = owners.upload_of(resource)
        true = {
            text(entry, "type"): entry
            for entry in items(status, "conditions")
            if entry.get("status") == "True"
        }
        failed = true.get("Failed")
        return cls(
            name=text(metadata, "name"),
            uid=text(metadata, "uid"),
            upload_id=owner.upload_id if owner else "",
            owner_uid=owner.uid if owner else None,
            attempt=owner.attempt if owner else 0,
            started=time(status, "startTime") if status.get("startTime") else None,
            created=time(metadata, "creationTimestamp"),
            active=integer(status, "active", 0),
            ready=integer(status, "ready", 0),
            complete="Complete" in true,
            failure=None if failed is None else optional_text(failed, "reason") or "",
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
    @readable
    def from_dict(cls, resource: Json) -> Self:
        """Read it from the API server's answer.

        Raises:
            UnreadableError: it is none that the API server would have accepted.
        """
        status = part(resource, "status")
        states = {
            text(each, "name"): part(each, "state") for each in items(status, "containerStatuses")
        }
        state = states.get(CONTAINER_NAME, {})
        ended = part(state, "terminated")
        message = TerminationMessage.decode(optional_text(ended, "message") or "")
        found = {text(each, "type"): each for each in items(status, "conditions")}
        return cls(
            created=time(part(resource, "metadata"), "creationTimestamp"),
            disrupted=found.get("DisruptionTarget", {}).get("status") == "True",
            running="running" in state,
            waiting=_waiting(optional_text(part(state, "waiting"), "reason") or "", found),
            exit_code=None if ended.get("exitCode") is None else integer(ended, "exitCode"),
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
