"""What the operator tells the processor's Job, and what the Job tells in return.

In: one JSON document in the environment variable `REQUEST_VARIABLE`. Out: the objects, then the
manifest in the object storage (it commits the attempt); on failure an exit code and a termination
message; as a hint, one POST that only says "look now".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from enum import IntEnum
from typing import Any, Final, Self

from safelight_contract import keys, policy
from safelight_contract.facts import Facts
from safelight_contract.recipe import MAX_FILES, Recipe
from safelight_contract.resources import Failure

REQUEST_VARIABLE: Final = "SAFELIGHT_JOB_REQUEST"
HINT_PATH: Final = "/hints/{upload_id}"
"""Path of the hint on the operator's hint port; POST without a body, answered 204."""
CONTAINER_NAME: Final = "processor"
TERMINATION_MESSAGE_PATH: Final = "/dev/termination-log"
MAX_TERMINATION_MESSAGE_BYTES: Final = 1024
_MAX_DETAIL: Final = 400
MAX_ATTEMPTS: Final = 99
"""A Job's name and the object keys have room for two digits."""


class ExitCode(IntEnum):
    """How the processor ends: 10 to 19 are never retried, 20 to 23 are."""

    DONE = 0
    INTERNAL_ERROR = 1
    UNSUPPORTED_FORMAT = 10
    CORRUPT_IMAGE = 11
    IMAGE_TOO_LARGE = 12
    SOURCE_MISSING = 13
    CHECKSUM_MISMATCH = 14
    STORAGE_UNAVAILABLE = 20
    STORAGE_FORBIDDEN = 21
    """A signed URL was refused: it has expired, so a new attempt with new URLs may succeed."""
    CPU_TIME_EXCEEDED = 24
    """The number of SIGXCPU: the only code that a process can end with while a decoder spins."""
    OUT_OF_MEMORY = 30
    KILLED = 137
    """128 + SIGKILL: the kernel's out-of-memory killer, or an eviction."""


FAILURES: Final[Mapping[int, Failure]] = {
    ExitCode.UNSUPPORTED_FORMAT: Failure.UNSUPPORTED_FORMAT,
    ExitCode.CORRUPT_IMAGE: Failure.CORRUPT_IMAGE,
    ExitCode.IMAGE_TOO_LARGE: Failure.IMAGE_TOO_LARGE,
    ExitCode.SOURCE_MISSING: Failure.SOURCE_MISSING,
    ExitCode.CHECKSUM_MISMATCH: Failure.CHECKSUM_MISMATCH,
    ExitCode.STORAGE_UNAVAILABLE: Failure.STORAGE_UNAVAILABLE,
    ExitCode.STORAGE_FORBIDDEN: Failure.STORAGE_UNAVAILABLE,
    ExitCode.CPU_TIME_EXCEEDED: Failure.DEADLINE_EXCEEDED,
    ExitCode.OUT_OF_MEMORY: Failure.OUT_OF_MEMORY,
    ExitCode.KILLED: Failure.OUT_OF_MEMORY,
}
"""The reason that an exit code stands for; every other code is an InternalError."""

PERMANENT_EXIT_CODES: Final = tuple(int(code) for code in ExitCode if 10 <= code < 20)  # noqa: PLR2004 - the class says what the two numbers mean
"""Codes after which another attempt would end the same way."""


class JobError(ValueError):
    """A request, manifest or termination message is not what this contract says."""


@dataclass(frozen=True, slots=True)
class SignedPut:
    """A presigned PUT: exactly these headers must be sent along."""

    url: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class JobRequest:
    """All that a Job knows. Its URLs are its only rights."""

    upload_id: str
    upload_uid: str
    attempt: int
    file_name: str
    media_type: str
    """Of the original."""
    size: int
    sha256: str
    source_url: str
    """Presigned GET of the original."""
    recipe: Recipe
    outputs: Mapping[str, SignedPut]
    """Where to put each file that the recipe may lead to, by its name (`keys.file_name`)."""
    manifest: SignedPut
    hint_url: str | None
    """Where to say "look now"; None: nobody listens."""

    def encode(self) -> str:
        """Return it as JSON, the same bytes for the same request."""
        return json.dumps(
            asdict(self) | {"recipe": self.recipe.to_dict()},
            sort_keys=True,
            separators=(",", ":"),
        )

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read what `encode` wrote.

        Raises:
            JobError: the text is anything else.
        """
        try:
            fields = json.loads(text)
            return cls(
                **fields
                | {
                    "recipe": Recipe.from_dict(fields["recipe"]),
                    "outputs": {name: SignedPut(**put) for name, put in fields["outputs"].items()},
                    "manifest": SignedPut(**fields["manifest"]),
                },
            )
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            raise JobError(f"{REQUEST_VARIABLE} is malformed: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class Variant:
    """A smaller image, or the same in another format, beside the image itself."""

    name: str
    """As the recipe calls it; it may stand there in several formats."""
    media_type: str
    size: int
    width: int
    height: int
    sha256: str

    @property
    def format(self) -> policy.Format:
        """The format it is in."""
        return policy.format_of(self.media_type)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The record of one attempt; with the id and uid of the upload it is enough to publish.

    The container that writes it has parsed hostile bytes, so a reader believes nothing in it that
    it has not checked: `decode` checks the form, the operator everything else.
    """

    upload_id: str
    upload_uid: str
    attempt: int
    file_name: str
    source_sha256: str
    media_type: str
    size: int
    width: int
    height: int
    sha256: str
    processor: str
    """Versions, as `safelight/0.1.0 pillow/13.0.0`."""
    facts: Facts | None = None
    """None: it was written by a version that told none; it is still to be read."""
    variants: tuple[Variant, ...] = ()

    @property
    def key(self) -> str:
        """The key of the image: derived, never read."""
        return keys.image(self.upload_id, self.attempt, policy.format_of(self.media_type))

    def variant_key(self, variant: Variant) -> str:
        """Return the key of one of its variants: derived, never read."""
        return keys.image(self.upload_id, self.attempt, variant.format, variant.name)

    def encode(self) -> bytes:
        """Return it as JSON, the same bytes for the same record."""
        fields = {each.name: getattr(self, each.name) for each in dataclass_fields(self)}
        fields |= {
            "facts": None if self.facts is None else self.facts.to_dict(),
            "variants": [asdict(variant) for variant in self.variants],
        }
        return json.dumps(fields, sort_keys=True, indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a manifest and check the form of every field.

        Raises:
            JobError: it is too long, no JSON, or a field is missing, extra, or out of bounds.
        """
        if len(data) > keys.MAX_MANIFEST_BYTES:
            raise JobError("the manifest is too long")
        try:
            fields: Any = json.loads(data)
            facts = fields.get("facts")
            manifest = cls(
                **fields
                | {
                    "facts": None if facts is None else Facts.from_dict(facts),
                    "variants": tuple(Variant(**each) for each in fields.get("variants", ())),
                },
            )
        except (AttributeError, TypeError, KeyError, ValueError, RecursionError) as error:
            raise JobError(f"the manifest is malformed: {type(error).__name__}") from error
        for name, is_valid in _FORM.items():
            if not is_valid(getattr(manifest, name)):
                raise JobError(f"the manifest's field {name} is malformed")
        for variant in manifest.variants:
            for name, is_valid in _VARIANT_FORM.items():
                if not is_valid(getattr(variant, name)):
                    raise JobError(f"the manifest has a variant whose {name} is malformed")
        files = {(variant.name, variant.media_type) for variant in manifest.variants}
        files.discard((keys.MAIN, manifest.media_type))
        if len(files) < len(manifest.variants) or len(files) > MAX_FILES:
            raise JobError("the manifest has too many variants, or one twice")
        return manifest


def _count(most: int) -> Any:  # noqa: ANN401 - a predicate over a value of any type
    return lambda value: type(value) is int and 1 <= value <= most


def _text(pattern: str) -> Any:  # noqa: ANN401 - a predicate over a value of any type
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


_IMAGE_FORM: Final[dict[str, Any]] = {
    "media_type": _text("|".join(re.escape(f.media_type) for f in policy.OUTPUTS)),
    "size": _count(2**31),
    "width": _count(policy.MAX_WIDTH),
    "height": _count(policy.MAX_HEIGHT),
    "sha256": _text("[0-9a-f]{64}"),
}
_VARIANT_FORM: Final[Mapping[str, Any]] = _IMAGE_FORM | {"name": _text(keys.VARIANT_PATTERN)}
_FORM: Final[Mapping[str, Any]] = _IMAGE_FORM | {
    "upload_id": _text(keys.ID_PATTERN),
    "upload_uid": _text("[0-9a-zA-Z-]{1,64}"),
    "attempt": _count(MAX_ATTEMPTS),
    "file_name": _text(rf"[\s\S]{{1,{policy.MAX_FILE_NAME_BYTES}}}"),
    "source_sha256": _text("[0-9a-f]{64}"),
    "processor": _text("[ -~]{1,200}"),
}


@dataclass(frozen=True, slots=True)
class TerminationMessage:
    """Why the processor failed, for the operator's log and Event; bounded, from our own words."""

    code: int
    detail: str

    def encode(self) -> str:
        """Return it as JSON of at most `MAX_TERMINATION_MESSAGE_BYTES` bytes."""
        cut = self.detail[:_MAX_DETAIL]
        # JSON writes every other character as six bytes or more.
        detail = "".join(c if c.isascii() and c.isprintable() else "?" for c in cut)
        return json.dumps({"code": self.code, "detail": detail})

    @classmethod
    def decode(cls, text: str) -> Self | None:
        """Read a message; None if it is none of ours (the container wrote something else)."""
        try:
            fields = json.loads(text)
            code, detail = fields["code"], fields["detail"]
        except (TypeError, KeyError, ValueError, RecursionError):
            return None
        if type(code) is not int or not isinstance(detail, str):
            return None
        return cls(code, detail[:_MAX_DETAIL])
