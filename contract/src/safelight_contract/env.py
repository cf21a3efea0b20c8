"""Settings from an injected environment: read once, checked at the start, named in the error."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

PREFIX: Final = "SAFELIGHT_"


class SettingsError(ValueError):
    """A setting is missing or malformed; the message names it and says what it must be."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Reads typed settings from a mapping such as `os.environ`.

    Names are given without their prefix: `text("NAMESPACE")` reads `SAFELIGHT_NAMESPACE`.
    """

    variables: Mapping[str, str]

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text that is not empty.

        Raises:
            SettingsError: it is absent or empty and there is no default.
        """
        value = self.variables.get(PREFIX + name, "")
        if value:
            return value
        if default is None:
            raise SettingsError(f"{PREFIX}{name} must be set")
        return default

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        """Return a number within bounds, both included.

        Raises:
            SettingsError: it is no number, or out of bounds.
        """
        value = self.text(name, str(default))
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            raise SettingsError(
                f"{PREFIX}{name} must be a number from {least:g} to {most:g}, not {value!r}",
            )
        return number

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number within bounds, both included.

        Raises:
            SettingsError: it is no whole number, or out of bounds.
        """
        value = self.text(name, str(default))
        try:
            number = int(value)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise SettingsError(
                f"{PREFIX}{name} must be a whole number from {least} to {most}, not {value!r}",
            )
        return number

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """Return one of a few words.

        Raises:
            SettingsError: it is none of them.
        """
        value = self.text(name, default)
        if value not in choices:
            raise SettingsError(
                f"{PREFIX}{name} must be one of {', '.join(choices)}, not {value!r}",
            )
        return value


LOG_LEVELS: Final = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class ObjectStoreSettings:
    """Where the objects are, and with whose rights."""

    endpoint: str
    """URL of the S3 server: `http://host:port` or `https://…`."""
    bucket: str
    region: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """Read the settings whose names start with `SAFELIGHT_S3_`.

        Raises:
            SettingsError: one is missing or malformed.
        """
        endpoint = environment.text("S3_ENDPOINT").rstrip("/")
        if not endpoint.startswith(("http://", "https://")):
            raise SettingsError(
                f"{PREFIX}S3_ENDPOINT must start with http:// or https://, not {endpoint!r}",
            )
        return cls(
            endpoint=endpoint,
            bucket=environment.text("S3_BUCKET"),
            region=environment.text("S3_REGION", "us-east-1"),
            access_key_id=environment.text("S3_ACCESS_KEY_ID"),
            secret_access_key=environment.text("S3_SECRET_ACCESS_KEY"),
        )
