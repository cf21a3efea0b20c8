"""The steps that can be taken for one id: `decide` names one of them, `steps` carries it out."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from safelight_contract.resources import AvailableImageSpec, Failure
from safelight_operator.conditions import Status
from safelight_operator.world import Job


class Part(Enum):
    """What is read only when a decision needs it."""

    OUTPUT = auto()
    PODS = auto()


@dataclass(frozen=True, slots=True)
class Look:
    """Read one more part of the world, then decide again."""

    part: Part


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before that time, or before something happens."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Create the Job of this attempt once a slot is free."""

    attempt: int


@dataclass(frozen=True, slots=True)
class SetStatus:
    """Write the upload's status."""

    status: Status
    detail: str = ""
    """For the log."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Write the upload's final status and remove what its attempts have stored."""

    status: Status
    failure: Failure
    keep_objects: bool
    """They belong to an image of another upload."""
    detail: str = ""
    """For the log and the Event, never for the status."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Write the status of a failed upload that gets another attempt because one was asked for."""

    status: Status


@dataclass(frozen=True, slots=True)
class Publish:
    """Create the AvailableImage, unconfirmed."""

    spec: AvailableImageSpec
    spare: tuple[str, ...] = ()
    """Keys of files to remove before: the attempt has stored them and does not name them."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """Set the AvailableImage Ready: from now on it is there for readers."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Remove the original and what older attempts have stored, then the upload."""


@dataclass(frozen=True, slots=True)
class Discard:
    """Remove all objects of the id, then the upload."""

    keep_images: bool
    """They belong to an image of another upload."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Delete the AvailableImage, which nobody has seen yet."""


@dataclass(frozen=True, slots=True)
class DeleteJobs:
    """Delete the Jobs of an upload that is gone."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class RemoveObjects:
    """Remove the id's objects, since neither upload nor image is left."""


@dataclass(frozen=True, slots=True)
class RemoveLeftovers:
    """Remove all objects of an id but those of its image, which is available."""


Action = (
    Look
    | Wait
    | StartAttempt
    | SetStatus
    | Fail
    | Retry
    | Publish
    | Confirm
    | Finish
    | Discard
    | Withdraw
    | DeleteJobs
    | RemoveObjects
    | RemoveLeftovers
)
