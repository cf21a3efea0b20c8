"""What an attempt's Job is told: all signed URLs that it may need, and no further rights."""

from datetime import UTC, datetime
from typing import Final, Protocol
from uuid import UUID

from safelight_contract import keys, policy
from safelight_contract.env import PREFIX, SettingsError
from safelight_contract.job import (
    HINT_PATH,
    MAX_ATTEMPTS,
    REQUEST_VARIABLE,
    JobRequest,
    SignedPut,
)
from safelight_contract.resources import ImageUploadSpec
from safelight_operator import output
from safelight_operator.conditions import Status
from safelight_operator.settings import Settings
from safelight_operator.world import Upload

URL_MARGIN_SECONDS: Final = 60
"""Signed URLs live that much longer than the Job that uses them."""
MAX_URL_SECONDS: Final = 30 * 60
MAX_BYTES: Final = 128 * 1024
"""Linux starts no program with a longer variable: MAX_ARG_STRLEN, name and final NUL included."""


class Signer(Protocol):
    """Signs URLs, without asking anybody."""

    def sign_get(self, key: str, seconds: int) -> str:
        """Return a URL that reads one object for that long."""

    def sign_put(self, key: str, media_type: str, seconds: int) -> SignedPut:
        """Return a URL that writes one object of that type, once, for that long."""


def job_request(upload: Upload, attempt: int, settings: Settings, signer: Signer) -> JobRequest:
    """Return what the Job of an attempt is asked to do.

    Args:
        upload: whose attempt it is.
        attempt: its number, from 1; every key of what it writes has it.
        settings: the recipe, and where the operator listens.
        signer: signs for the object storage.
    """
    spec = upload.spec
    seconds = min(settings.processor.deadline_seconds + URL_MARGIN_SECONDS, MAX_URL_SECONDS)
    host = f"[{settings.pod_ip}]" if ":" in settings.pod_ip else settings.pod_ip
    return JobRequest(
        upload_id=upload.id,
        upload_uid=upload.uid,
        attempt=attempt,
        file_name=spec.file_name,
        media_type=spec.media_type,
        size=spec.size,
        sha256=spec.sha256,
        source_url=signer.sign_get(output.original_key(upload), seconds),
        recipe=settings.recipe,
        outputs={
            keys.file_name(name, made): signer.sign_put(
                keys.image(upload.id, attempt, made, name), made.media_type, seconds
            )
            for name, made in settings.recipe.files(policy.format_of(spec.media_type))
        },
        manifest=signer.sign_put(keys.manifest(upload.id, attempt), "application/json", seconds),
        hint_url=f"http://{host}:{settings.hint_port}{HINT_PATH.format(upload_id=upload.id)}",
    )


def variable_size(request: JobRequest) -> int:
    """Return how long the variable is that a Job gets, in bytes, as `MAX_BYTES` counts them."""
    return len(f"{REQUEST_VARIABLE}={request.encode()}\0".encode())


def check_size(settings: Settings, signer: Signer) -> None:
    """Make sure that every Job's request can be told.

    Raises:
        SettingsError: the recipe leads to so many files that their URLs are too long together.
    """
    accepted = (policy.format_named(word) for word in settings.recipe.accepted)
    source = max(accepted, key=lambda each: len(list(settings.recipe.files(each))))
    longest = ImageUploadSpec(
        # A character of two bytes that JSON writes as six.
        file_name="\u00e9" * (policy.MAX_FILE_NAME_BYTES // 2),
        media_type=source.media_type,
        size=policy.MAX_UPLOAD_BYTES,
        sha256="0" * 64,
    )
    some_id = str(UUID(int=0))
    upload = Upload(
        some_id, some_id, "", 1, datetime.now(UTC), deleting=False, spec=longest, status=Status()
    )
    request = job_request(upload, MAX_ATTEMPTS, settings, signer)
    size = variable_size(request)
    if size > MAX_BYTES:
        raise SettingsError(
            f"{PREFIX}RECIPE leads to {len(request.outputs)} files of one {source.word} original;"
            f" their URLs make a request of {size} bytes, and a Job can be told {MAX_BYTES}."
            " Ask for fewer variants, or fewer formats of them",
        )
