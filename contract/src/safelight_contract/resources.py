"""The two custom resources: names, labels, reasons, and the shape of their specs.

The YAML in crds/ is the source of truth for validation; a test holds the two against each other.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Final, Self

from safelight_contract import policy
from safelight_contract.facts import Facts
from safelight_contract.unreadable import (
    annotation,
    integer,
    items,
    optional_text,
    part,
    readable,
    text,
)

GROUP: Final = "safelight.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
CATEGORY: Final = "safelight"


@dataclass(frozen=True, slots=True)
class Kind:
    """The names of a custom resource."""

    kind: str
    singular: str
    plural: str
    short_name: str


IMAGE_UPLOAD: Final = Kind("ImageUpload", "imageupload", "imageuploads", "imgup")
AVAILABLE_IMAGE: Final = Kind("AvailableImage", "availableimage", "availableimages", "avimg")

LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_COMPONENT: Final = "app.kubernetes.io/component"
LABEL_PART_OF: Final = "app.kubernetes.io/part-of"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_UPLOAD_ID: Final = f"{GROUP}/upload-id"
LABEL_UPLOAD_UID: Final = f"{GROUP}/upload-uid"
LABEL_ATTEMPT: Final = f"{GROUP}/attempt"
PART_OF: Final = "safelight"
MANAGER: Final = "safelight-operator"
"""The value of `LABEL_MANAGED_BY` on all that the operator makes."""

ANNOTATION_UPDATED_AT: Final = f"{GROUP}/updated-at"
"""On an AvailableImage: when its comment was last changed through the API (RFC 3339, UTC)."""
ANNOTATION_RETRY: Final = f"{GROUP}/retry"
"""On an ImageUpload that has failed: another attempt is asked for whenever the value changes."""
RETRY_PATTERN: Final = r"^[ -~]{1,64}$"
"""What its value may be: the operator repeats it in `status.observedRetry`."""
_RETRY = re.compile(RETRY_PATTERN)

ANNOTATION_REBUILT_AT: Final = f"{GROUP}/rebuilt-at"
"""On an AvailableImage that was made again from its manifest: when (RFC 3339, UTC)."""
ANNOTATION_RETRIED_BY: Final = f"{GROUP}/retried-by"
"""Of an ImageUpload, set with ANNOTATION_RETRY: the name of the token that asked, if any."""
ANNOTATION_UPLOADED_BY: Final = f"{GROUP}/uploaded-by"
"""On an ImageUpload that the API has made: the name of the token that it came with."""


class Condition(StrEnum):
    """The types of the conditions that the operator writes."""

    SUCCEEDED = "Succeeded"
    """ImageUpload: Unknown while under way, False once failed. Success is the replacement."""
    STALLED = "Stalled"
    """ImageUpload: True while it cannot go on and an administrator should look (see `stalls`)."""
    READY = "Ready"
    """AvailableImage: True once it is confirmed; an unconfirmed one is not shown to clients."""
    EXPIRED = "Expired"
    """ImageUpload: True once its retention as a failure is over: it goes, and cannot be retried."""


class Progress(StrEnum):
    """Reasons of condition Succeeded while it is Unknown."""

    QUEUED = "Queued"
    RUNNING = "Running"
    PUBLISHING = "Publishing"


class Failure(StrEnum):
    """Reasons of condition Succeeded once it is False: a closed list."""

    UNSUPPORTED_FORMAT = "UnsupportedFormat"
    CORRUPT_IMAGE = "CorruptImage"
    IMAGE_TOO_LARGE = "ImageTooLarge"
    SOURCE_MISSING = "SourceMissing"
    CHECKSUM_MISMATCH = "ChecksumMismatch"
    STORAGE_UNAVAILABLE = "StorageUnavailable"
    OUT_OF_MEMORY = "OutOfMemory"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    OUTPUT_MISSING = "OutputMissing"
    ID_CONFLICT = "IdConflict"
    INTERNAL_ERROR = "InternalError"


FAILURE_MESSAGES: Final[Mapping[Failure, str]] = {
    Failure.UNSUPPORTED_FORMAT: "The file is not an image of a kind that is accepted.",
    Failure.CORRUPT_IMAGE: "The image is damaged or incomplete and cannot be read.",
    Failure.IMAGE_TOO_LARGE: "The image has too many pixels;"
    f" at most {policy.MAX_PIXELS // 1_000_000} million are accepted, of an animation"
    f" {policy.MAX_ANIMATED_PIXELS // 1_000_000} million in {policy.MAX_FRAMES} pictures,"
    f" and {policy.MAX_SIDE} on a side.",
    Failure.SOURCE_MISSING: "The uploaded file is no longer in the object storage."
    " Upload it again.",
    Failure.CHECKSUM_MISMATCH: "The stored file is not the one that was uploaded. Upload it again.",
    Failure.STORAGE_UNAVAILABLE: "The object storage could not be reached or refused access,"
    " several times. Try again later.",
    Failure.OUT_OF_MEMORY: "Processing the image needs more memory than is allowed.",
    Failure.DEADLINE_EXCEEDED: "Processing the image took longer than is allowed.",
    Failure.OUTPUT_MISSING: "Processing ended without a result, twice. Upload the image again.",
    Failure.ID_CONFLICT: "An image with this id exists already, from another upload.",
    Failure.INTERNAL_ERROR: "The image could not be processed because of an internal error.",
}
"""What clients and operators are told; no text from outside ever enters a status."""


def asked_retry(metadata: Mapping[str, Any]) -> str | None:
    """Return the retry that an ImageUpload's metadata ask for; None: there is no usable value.

    It was taken up if `status.observedRetry` is the same.
    """
    value = annotation(metadata, ANNOTATION_RETRY)
    return value if _RETRY.fullmatch(value) else None


@dataclass(frozen=True, slots=True)
class ImageUploadSpec:
    """The spec of an ImageUpload: what was uploaded. Immutable."""

    file_name: str
    media_type: str
    size: int
    """Bytes."""
    sha256: str
    """Of the original; lower-case hexadecimal."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as it stands in the resource."""
        return {
            "fileName": self.file_name,
            "mediaType": self.media_type,
            "size": self.size,
            "sha256": self.sha256,
        }

    @classmethod
    @readable
    def from_dict(cls, spec: Mapping[str, Any]) -> Self:
        """Read it from a resource.

        Raises:
            UnreadableError: it is not what the CRD says.
        """
        return cls(
            file_name=text(spec, "fileName"),
            media_type=text(spec, "mediaType"),
            size=integer(spec, "size"),
            sha256=text(spec, "sha256"),
        )


@dataclass(frozen=True, slots=True)
class StoredImage:
    """The processed image in the object storage."""

    KEYS: ClassVar[Mapping[str, str]] = {
        "key": "key",
        "media_type": "mediaType",
        "size": "size",
        "width": "width",
        "height": "height",
        "sha256": "sha256",
        "etag": "etag",
    }
    """What the fields are called in the resource."""
    NUMBERS: ClassVar[frozenset[str]] = frozenset({"size", "width", "height"})

    key: str
    media_type: str
    size: int
    """Bytes."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    sha256: str
    etag: str
    """The object storage's entity tag, without quotes: reads are conditional on it."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as it stands in the resource."""
        return {key: getattr(self, name) for name, key in self.KEYS.items()}

    @classmethod
    @readable
    def from_dict(cls, image: Mapping[str, Any]) -> Self:
        """Read it from a resource.

        Raises:
            UnreadableError: it is not what the CRD says.
        """
        fields: dict[str, Any] = {
            name: integer(image, key) if name in cls.NUMBERS else text(image, key)
            for name, key in cls.KEYS.items()
        }
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class StoredVariant(StoredImage):
    """A smaller image, or the same in another format, in the object storage."""

    KEYS: ClassVar[Mapping[str, str]] = {"name": "name", **StoredImage.KEYS}

    name: str
    """As the recipe calls it; it may stand there in several formats."""


@dataclass(frozen=True, slots=True)
class AvailableImageSpec:
    """The spec of an AvailableImage. Immutable but for the comment."""

    upload_uid: str
    """The uid of the ImageUpload that it replaces: two uploads never share an image."""
    file_name: str
    """The name of the uploaded file; its extension is that of the upload."""
    image: StoredImage
    comment: str | None = None
    variants: tuple[StoredVariant, ...] = ()
    facts: Facts | None = None
    """None: the image was made by a version that told none."""
    processor: str | None = None
    """What made it: names and versions of programs."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as it stands in the resource; what is None is absent there."""
        spec: dict[str, Any] = {
            "uploadUID": self.upload_uid,
            "fileName": self.file_name,
            "image": self.image.to_dict(),
        }
        if self.comment is not None:
            spec["comment"] = self.comment
        if self.variants:
            spec["variants"] = [variant.to_dict() for variant in self.variants]
        if self.facts is not None:
            spec["facts"] = self.facts.to_dict()
        if self.processor is not None:
            spec["processor"] = self.processor
        return spec

    @classmethod
    @readable
    def from_dict(cls, spec: Mapping[str, Any]) -> Self:
        """Read it from a resource.

        Raises:
            UnreadableError: it is not what the CRD says.
        """
        return cls(
            upload_uid=text(spec, "uploadUID"),
            file_name=text(spec, "fileName"),
            image=StoredImage.from_dict(part(spec, "image")),
            comment=optional_text(spec, "comment"),
            variants=tuple(map(StoredVariant.from_dict, items(spec, "variants"))),
            facts=None if spec.get("facts") is None else Facts.from_dict(spec["facts"]),
            processor=optional_text(spec, "processor"),
        )
