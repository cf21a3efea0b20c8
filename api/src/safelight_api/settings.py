"""The API's settings, read once from the environment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from safelight_contract import policy
from safelight_contract.env import (
    LOG_LEVELS,
    PREFIX,
    Environment,
    ObjectStoreSettings,
    SettingsError,
)

_MAX_PORT: Final = 65535


@dataclass(frozen=True)
class Settings:
    """All that can be set; `docs/settings.md` lists the variables."""

    object_store: ObjectStoreSettings
    namespace: str
    """Of the custom resources."""
    tokens_directory: Path
    """One file for each token: its name, and as content the SHA-256 of the token."""
    temporary_directory: Path | None = None
    """Where uploads are kept while they arrive; None: the system's choice."""
    host: str = "0.0.0.0"  # noqa: S104 - in a pod every interface is the pod's own
    port: int = 8080
    metrics_port: int = 9090
    log_level: str = "info"
    accepted_formats: tuple[policy.Format, ...] = policy.FORMATS
    """What is taken in; the processor must be able to decode it."""
    max_upload_bytes: int = policy.MAX_UPLOAD_BYTES
    max_temporary_bytes: int = 1024 * 1024 * 1024
    """What all uploads that are arriving may hold in the temporary directory together."""
    max_pending: int = 1000
    """Uploads that wait or are being processed; beyond it new ones are refused with 429."""
    max_pending_per_token: int = 250
    """How many of them may have come with one token: no client can fill the line alone."""
    upload_idle_seconds: float = 15
    """The longest silence of a client within a request's body."""
    upload_total_seconds: float = 120
    """The longest time that a request's body may take."""
    drain_seconds: int = 25
    """How long requests may go on after SIGTERM; keep it below the pod's grace period."""
    s3_connections: int = 16
    max_connections: int = 1024
    """Of clients at a time; beyond it some go, and others wait until they are taken."""
    max_head_bytes: int = 16 * 1024 * 1024
    """Heads that have not ended, and requests that wait behind others, of all connections."""
    max_unread_bytes: int = 32 * 1024 * 1024
    """Bodies that have arrived and that nobody has read yet, of all connections."""
    max_unsent_bytes: int = 64 * 1024 * 1024
    """Answers that clients do not take as fast as they come, of all connections."""

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """Read all settings.

        Raises:
            SettingsError: one is missing or malformed; the message names it.
        """
        tokens_directory = Path(environment.text("TOKENS_DIRECTORY"))
        if not tokens_directory.is_dir():
            raise SettingsError("SAFELIGHT_TOKENS_DIRECTORY must be a directory that exists")
        temporary = environment.text("TEMPORARY_DIRECTORY", "-")
        return cls(
            object_store=ObjectStoreSettings.read(environment),
            namespace=environment.text("NAMESPACE"),
            tokens_directory=tokens_directory,
            temporary_directory=None if temporary == "-" else Path(temporary),
            host=environment.text("HOST", cls.host),
            port=environment.integer("PORT", cls.port, least=0, most=_MAX_PORT),
            metrics_port=environment.integer(
                "METRICS_PORT", cls.metrics_port, least=0, most=_MAX_PORT
            ),
            log_level=environment.choice("LOG_LEVEL", cls.log_level, LOG_LEVELS),
            accepted_formats=_formats(environment),
            max_upload_bytes=environment.integer(
                "MAX_UPLOAD_BYTES", cls.max_upload_bytes, least=1, most=policy.MAX_UPLOAD_BYTES
            ),
            max_temporary_bytes=environment.integer(
                "MAX_TEMPORARY_BYTES", cls.max_temporary_bytes, least=1, most=2**40
            ),
            max_pending=environment.integer(
                "MAX_PENDING", cls.max_pending, least=1, most=1_000_000
            ),
            max_pending_per_token=environment.integer(
                "MAX_PENDING_PER_TOKEN", cls.max_pending_per_token, least=1, most=1_000_000
            ),
            upload_idle_seconds=environment.number(
                "UPLOAD_IDLE_SECONDS", cls.upload_idle_seconds, least=0.1, most=3600
            ),
            upload_total_seconds=environment.number(
                "UPLOAD_TOTAL_SECONDS", cls.upload_total_seconds, least=0.1, most=3600
            ),
            drain_seconds=environment.integer(
                "DRAIN_SECONDS", cls.drain_seconds, least=1, most=3600
            ),
            s3_connections=environment.integer(
                "S3_CONNECTIONS", cls.s3_connections, least=1, most=256
            ),
            max_connections=environment.integer(
                "MAX_CONNECTIONS", cls.max_connections, least=16, most=100_000
            ),
            max_head_bytes=environment.integer(
                "MAX_HEAD_BYTES", cls.max_head_bytes, least=2**20, most=2**40
            ),
            max_unread_bytes=environment.integer(
                "MAX_UNREAD_BYTES", cls.max_unread_bytes, least=2**20, most=2**40
            ),
            max_unsent_bytes=environment.integer(
                "MAX_UNSENT_BYTES", cls.max_unsent_bytes, least=2**20, most=2**40
            ),
        )


def _formats(environment: Environment) -> tuple[policy.Format, ...]:
    name = "ACCEPTED_FORMATS"
    known = [image_format.word for image_format in policy.FORMATS]
    text = environment.text(name, ",".join(known))
    words = [word.strip() for word in text.split(",")]
    if not set(words) <= set(known) or len(set(words)) < len(words):
        raise SettingsError(
            f"{PREFIX}{name} must be a list, with commas, of different words of"
            f" {', '.join(known)}, not {text!r}"
        )
    return tuple(policy.format_named(word) for word in words)
