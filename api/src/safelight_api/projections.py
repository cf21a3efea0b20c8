"""What the API keeps in memory of each custom resource: all that answers need, and no more."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Self

from safelight_api import packing
from safelight_contract import keys, line, policy, times
from safelight_contract.facts import Facts
from safelight_contract.resources import (
    ANNOTATION_UPDATED_AT,
    AvailableImageSpec,
    Condition,
    Failure,
    ImageUploadSpec,
    Progress,
    StoredImage,
    StoredVariant,
    asked_retry,
)
from safelight_contract.unreadable import (
    UnreadableError,
    annotation,
    items,
    optional_text,
    part,
    readable,
    text,
    time,
    version_of,
)

_PROGRESS: Final = {str(progress): progress for progress in Progress}
_FAILURES: Final = {str(failure): failure for failure in Failure}
_NO_TIMES: Final[Mapping[str, int]] = MappingProxyType({})
_KEPT_APART: Final = frozenset({"variants", "facts", "processor"})


@dataclass(frozen=True, slots=True)
class Upload:
    """An ImageUpload."""

    id: str
    uid: str
    revision: int
    """Its resourceVersion: a later state of the same kind has a larger one (KEP-5504)."""
    created_at: str
    updated_at: str
    spec: ImageUploadSpec
    progress: Progress | None
    """Where it stands; None once it has failed."""
    failure: Failure | None
    """Why it has failed; None while it is under way, and once it is to be retried."""
    retry: str | None = None
    """The retry that was last asked for."""
    expired: bool = False
    """It failed so long ago that it is being removed."""
    client: str = ""
    """The name of the token that it came with; empty if nobody says so."""

    @property
    def format(self) -> policy.Format:
        """The format of the original."""
        return policy.format_of(self.spec.media_type)

    @classmethod
    @readable
    def of(cls, resource: Mapping[str, Any]) -> Self:
        """Project a resource.

        Raises:
            UnreadableError: it is not what the CRD says.
        """
        metadata = part(resource, "metadata")
        status = part(resource, "status")
        conditions = items(status, "conditions")
        expired = any(condition["type"] == Condition.EXPIRED for condition in conditions)
        retry = asked_retry(metadata)
        is_asked = retry not in {None, optional_text(status, "observedRetry")} and not expired
        progress: Progress | None = Progress.QUEUED
        failure: Failure | None = None
        for condition in conditions:
            if condition["type"] != Condition.SUCCEEDED:
                continue
            if condition["status"] == "False" and is_asked:
                # The operator will write the same as soon as it sees the annotation.
                progress = Progress.QUEUED
            elif condition["status"] == "False":
                progress = None
                failure = _FAILURES.get(text(condition, "reason"), Failure.INTERNAL_ERROR)
            else:
                progress = _PROGRESS.get(text(condition, "reason"), Progress.RUNNING)
        created_at = write_time(time(metadata, "creationTimestamp"))
        changed = [write_time(time(each, "lastTransitionTime")) for each in conditions]
        spec = ImageUploadSpec.from_dict(part(resource, "spec"))
        policy.format_of(spec.media_type)
        return cls(
            id=_id(metadata),
            uid=text(metadata, "uid"),
            revision=_revision(resource),
            created_at=created_at,
            updated_at=max([created_at, *changed]),
            spec=spec,
            progress=progress,
            failure=failure,
            retry=retry,
            expired=expired,
            client=line.client_of(metadata),
        )


@dataclass(frozen=True, slots=True)
class Image:
    """An AvailableImage."""

    id: str
    uid: str
    revision: int
    """As that of an Upload, of its own kind."""
    created_at: str
    updated_at: str
    spec: AvailableImageSpec
    """Without variants, facts and processor."""
    ready: bool
    """Whether clients may see it: the operator has confirmed it."""
    facts: Facts | None = None
    """Those that clients are told; None: there are none, or none that this version can read."""
    packed_variants: str = ""
    """See `safelight_api.packing`."""

    @property
    def format(self) -> policy.Format:
        """The format of the image itself."""
        return policy.format_of(self.spec.image.media_type)

    def variants(self) -> list[StoredVariant]:
        """Return the variants, in the record's order."""
        return list(packing.unpack(self.packed_variants, self.spec.image.key))

    def files(self, name: str) -> list[StoredImage]:
        """Return all files of one name, which differ in their formats: none if it has no such.

        Args:
            name: a variant's, or `keys.MAIN`.
        """
        files: list[StoredImage] = [self.spec.image] if name == keys.MAIN else []
        return files + [variant for variant in self.variants() if variant.name == name]

    @classmethod
    @readable
    def of(cls, resource: Mapping[str, Any]) -> Self:
        """Project a resource.

        Raises:
            UnreadableError: it is not what the CRD says.
        """
        metadata = part(resource, "metadata")
        created_at = write_time(time(metadata, "creationTimestamp"))
        told = part(resource, "spec")
        spec = AvailableImageSpec.from_dict(
            {name: value for name, value in told.items() if name not in _KEPT_APART}
        )
        media_type = policy.format_of(spec.image.media_type).media_type
        return cls(
            id=_id(metadata),
            uid=text(metadata, "uid"),
            revision=_revision(resource),
            created_at=created_at,
            updated_at=_annotated_time(metadata) or created_at,
            spec=replace(spec, image=replace(spec.image, media_type=media_type)),
            facts=_facts(told.get("facts")),
            packed_variants=packing.pack(items(told, "variants")),
            ready=any(
                condition["type"] == Condition.READY and condition["status"] == "True"
                for condition in items(part(resource, "status"), "conditions")
            ),
        )


def write_time(moment: datetime) -> str:
    """Return a moment as clients and resources have it."""
    return times.write(moment)


def is_going(resource: Mapping[str, Any]) -> bool:
    """Say whether an object is being deleted: for readers it is gone.

    It may stay for long, since anybody may have put a finalizer on it.
    """
    metadata = resource.get("metadata")
    return isinstance(metadata, Mapping) and metadata.get("deletionTimestamp") is not None


def _facts(told: Mapping[str, Any] | None) -> Facts | None:
    """Read the facts that clients are told; a newer version's must not hide the image."""
    if told is None:
        return None
    try:
        facts = Facts.from_dict(told)
    except ValueError:
        return None
    return replace(
        facts,
        original_media_type=sys.intern(facts.original_media_type),
        changes=_shared(facts.changes),
        removed=_shared(facts.removed),
        warnings=_shared(facts.warnings),
        milliseconds=_NO_TIMES,
    )


@lru_cache(1024)
def _shared(words: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the same tuple for equal ones: there are few different ones among all images."""
    return words


def _id(metadata: Mapping[str, Any]) -> str:
    name = text(metadata, "name")
    if not keys.is_id(name):
        raise UnreadableError("its name is no id")
    return name


def _revision(resource: Mapping[str, Any]) -> int:
    revision = version_of(resource)
    if not revision:
        raise UnreadableError("it has no resourceVersion")
    return revision


def _annotated_time(metadata: Mapping[str, Any]) -> str | None:
    """Read the annotation; anybody may have written it, so nonsense in it counts as absent."""
    try:
        return write_time(times.parse(annotation(metadata, ANNOTATION_UPDATED_AT)))
    except ValueError:
        return None
