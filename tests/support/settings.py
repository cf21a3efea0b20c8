"""Which environment variables the units read, found by letting them read their settings."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from safelight_api.settings import Settings as ApiSettings
from safelight_contract.env import PREFIX, Environment
from safelight_operator.settings import Settings as OperatorSettings

UNITS = ("api", "operator")

_SETTINGS = {
    "NAMESPACE": "safelight",
    "S3_ENDPOINT": "http://198.51.100.7:7070",
    "S3_BUCKET": "photos",
    "S3_ACCESS_KEY_ID": "key",
    "S3_SECRET_ACCESS_KEY": "secret",
    "TOKENS_DIRECTORY": "/",
    "POD_NAME": "safelight-operator-0",
    "POD_IP": "198.51.100.8",
    "PROCESSOR_IMAGE": "registry.example.com/safelight-processor:1",
}
REQUIRED = {PREFIX + name: value for name, value in _SETTINGS.items()}
"""Enough for every unit to start."""


@dataclass(frozen=True)
class Variable:
    """One variable, as its unit reads it."""

    name: str
    default: str | None
    """None: it must be set."""
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()


def variables(unit: str, environment: Mapping[str, str] | None = None) -> dict[str, Variable]:
    """Let a unit read its settings; return what it asked for, by name.

    Raises:
        SettingsError: it refuses the environment.
    """
    given = REQUIRED if environment is None else environment
    with _recorded() as asked:
        if unit == "api":
            ApiSettings.read(Environment(given))
        else:
            OperatorSettings.read(given)
    return {variable.name: variable for variable in asked}


def allowed(variable: Variable) -> str:
    """Return what a variable may be, as the documents say it; empty: any text."""
    if variable.choices:
        return ", ".join(f"`{choice}`" for choice in variable.choices)
    if variable.least is None or variable.most is None:
        return ""
    return f"{variable.least} to {variable.most}"


@contextmanager
def _recorded() -> Iterator[list[Variable]]:
    """Note every call of the methods of Environment, which do their work all the same."""
    asked: list[Variable] = []

    def recorder(method: str) -> Any:  # noqa: ANN401 - stands in for methods of several types
        original = getattr(Environment, method)

        def recording(
            self: Environment,
            name: str,
            default: object = None,
            *rest: tuple[str, ...],
            **bounds: float,
        ) -> object:
            text = (
                None if default is None else f"{default:g}" if _is_float(default) else str(default)
            )
            choices = rest[0] if rest else ()
            asked.append(Variable(PREFIX + name, text, **bounds, choices=choices))
            inner = len(asked)
            try:
                arguments = (name,) if default is None else (name, default, *rest)
                return original(self, *arguments, **bounds)
            finally:
                del asked[inner:]

        return recording

    with ExitStack() as patches:
        for method in ("text", "number", "integer", "choice"):
            patches.enter_context(patch.object(Environment, method, recorder(method)))
        yield asked


def _is_float(value: object) -> bool:
    return isinstance(value, float)
