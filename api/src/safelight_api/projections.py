"""What the API keeps in memory of each custom resource: all that answers need, and no more."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Self

from safelight_api import packing
from safelight_contract import keys, line, policy
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

TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
"""RFC 3339 in UTC, to the second: as Kubernetes writes its own, and as clients read it."""

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
    def of(cls, resource: Mapping[str, Any]) -> Self:
        """Project a resource that the API server has validated.

        Raises:
            KeyError, TypeError, ValueError: it is not what the CRD says.
        """
        metadata = resource["metadata"]
        status = resource.get("status", {})
        conditions = status.get("conditions", [])
        expired = any(condition["type"] == Condition.EXPIRED for condition in conditions)
        retry = asked_retry(metadata)
        is_asked = retry not in {None, status.get("observedRetry")} and not expired
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
                failure = _FAILURES.get(condition["reason"], Failure.INTERNAL_ERROR)
            else:
                progress = _PROGRESS.get(condition["reason"], Progress.RUNNING)
        created_at = _time(metadata["creationTimestamp"])
        spec = ImageUploadSpec.from_dict(resource["spec"])
        policy.format_of(spec.media_type)
        return cls(
            id=metadata["name"],
            uid=metadata["uid"],
            revision=int(metadata["resourceVersion"]),
            created_at=created_at,
            updated_at=max(
                [created_at, *(_time(condition["lastTransitionTime"]) for condition in conditions)]
            ),
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
    def of(cls, resource: Mapping[str, Any]) -> Self:
        """Project a resource that the API server has validated.

        Raises:
            KeyError, TypeError, ValueError: it is not what the CRD says.
        """
        metadata = resource["metadata"]
        created_at = _time(metadata["creationTimestamp"])
        told = resource["spec"]
        spec = AvailableImageSpec.from_dict(
            {name: value for name, value in told.items() if name not in _KEPT_APART}
        )
        media_type = policy.format_of(spec.image.media_type).media_type
        return cls(
            id=metadata["name"],
            uid=metadata["uid"],
            revision=int(metadata["resourceVersion"]),
            created_at=created_at,
            updated_at=_annotated_time(metadata) or created_at,
            spec=replace(spec, image=replace(spec.image, media_type=media_type)),
            facts=_facts(told.get("facts")),
            packed_variants=packing.pack(told.get("variants", [])),
            ready=any(
                condition["type"] == Condition.READY and condition["status"] == "True"
                for condition in resource.get("status", {}).get("conditions", [])
            ),
        )


def write_time(moment: datetime) -> str:
    """Return a moment as clients and resources have it."""
    return moment.astimezone(UTC).strftime(TIME_FORMAT)


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


def _time(text: str) -> str:
    """Normalise an RFC 3339 time: to UTC and to the second."""
    return write_time(datetime.fromisoformat(text))


def _annotated_time(metadata: Mapping[str, Any]) -> str | None:
    """Read the annotation; anybody may have written it, so nonsense in it counts as absent."""
    text = metadata.get("annotations", {}).get(ANNOTATION_UPDATED_AT)
    try:
        return None if text is None else _time(text)
    except ValueError:
        return None
