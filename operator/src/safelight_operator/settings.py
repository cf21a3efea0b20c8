"""The operator's settings, read once from the environment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from safelight_contract.env import (
    LOG_LEVELS,
    PREFIX,
    Environment,
    ObjectStoreSettings,
    SettingsError,
)
from safelight_contract.recipe import Recipe, RecipeError

POD_FIELDS: Final = frozenset(
    {
        "nodeSelector",
        "tolerations",
        "affinity",
        "runtimeClassName",
        "priorityClassName",
        "imagePullSecrets",
    },
)
"""What an installer may add to the pods of Jobs: where they run, and nothing about what they do."""

_DAY: Final = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class ProcessorSettings:
    """How the pod of a Job looks."""

    image: str
    pull_policy: str
    service_account: str
    memory: str
    """Request and limit, as a Kubernetes quantity."""
    cpu_request: str
    cpu_limit: str
    deadline_seconds: int
    pod: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the pod's spec; only `POD_FIELDS`."""

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """Read the settings whose names start with `SAFELIGHT_PROCESSOR_`, and the deadline.

        Raises:
            SettingsError: one is missing or malformed.
        """
        return cls(
            image=environment.text("PROCESSOR_IMAGE"),
            pull_policy=environment.choice(
                "PROCESSOR_PULL_POLICY",
                "IfNotPresent",
                ("Always", "IfNotPresent", "Never"),
            ),
            service_account=environment.text("PROCESSOR_SERVICE_ACCOUNT", "safelight-processor"),
            memory=environment.text("PROCESSOR_MEMORY", "768Mi"),
            cpu_request=environment.text("PROCESSOR_CPU_REQUEST", "250m"),
            cpu_limit=environment.text("PROCESSOR_CPU_LIMIT", "2"),
            deadline_seconds=environment.integer("JOB_DEADLINE_SECONDS", 600, least=5, most=1500),
            pod=_pod_fields(environment.text("PROCESSOR_POD", "{}")),
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the operator. Times are in seconds."""

    namespace: str
    pod_name: str
    pod_ip: str
    hint_port: int
    health_port: int
    inner_connections: int
    """Connections to each of the two ports."""
    log_level: str
    lease_name: str
    max_concurrent_jobs: int
    jobs_per_second: float
    failed_retention_seconds: int
    resync_seconds: int
    stalled_after_seconds: int
    sweep: str
    """What becomes of objects that no record needs: `report` or `delete`."""
    sweep_seconds: int
    sweep_max_share: float
    """Of all ids with objects: nothing is removed while more of them look left over."""
    processor: ProcessorSettings
    recipe: Recipe
    object_store: ObjectStoreSettings

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Read all settings from a mapping such as `os.environ`.

        Raises:
            SettingsError: one is missing or malformed; the message names it.
        """
        environment = Environment(variables)
        return cls(
            namespace=environment.text("NAMESPACE"),
            pod_name=environment.text("POD_NAME"),
            pod_ip=environment.text("POD_IP"),
            hint_port=environment.integer("HINT_PORT", 8081, least=1, most=65535),
            health_port=environment.integer("HEALTH_PORT", 9090, least=1, most=65535),
            inner_connections=environment.integer("INNER_CONNECTIONS", 64, least=8, most=1024),
            log_level=environment.choice("LOG_LEVEL", "info", LOG_LEVELS),
            lease_name=environment.text("LEASE_NAME", "safelight-operator"),
            max_concurrent_jobs=environment.integer("MAX_CONCURRENT_JOBS", 20, least=1, most=500),
            jobs_per_second=environment.number("JOBS_PER_SECOND", 2, least=0.01, most=100),
            failed_retention_seconds=environment.integer(
                "FAILED_RETENTION_SECONDS",
                7 * _DAY,
                least=0,
                most=365 * _DAY,
            ),
            resync_seconds=environment.integer("RESYNC_SECONDS", 300, least=1, most=_DAY),
            stalled_after_seconds=environment.integer(
                "STALLED_AFTER_SECONDS",
                30,
                least=1,
                most=_DAY,
            ),
            sweep=environment.choice("SWEEP", "report", ("report", "delete")),
            sweep_seconds=environment.integer("SWEEP_SECONDS", 3600, least=1, most=_DAY),
            sweep_max_share=environment.number("SWEEP_MAX_SHARE", 0.1, least=0, most=1),
            processor=ProcessorSettings.read(environment),
            recipe=_recipe(environment.text("RECIPE", "{}")),
            object_store=ObjectStoreSettings.read(environment),
        )


def _recipe(text: str) -> Recipe:
    try:
        return Recipe.decode(text)
    except RecipeError as error:
        raise SettingsError(f"{PREFIX}RECIPE is malformed: {error}") from error


def _pod_fields(text: str) -> Mapping[str, Any]:
    name = f"{PREFIX}PROCESSOR_POD"
    try:
        fields: Any = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"{name} must be a JSON object: {error}") from error
    if not isinstance(fields, dict):
        raise SettingsError(f"{name} must be a JSON object")
    unknown = sorted(set(fields) - POD_FIELDS)
    if unknown:
        raise SettingsError(
            f"{name} may only hold {', '.join(sorted(POD_FIELDS))}, not {', '.join(unknown)}",
        )
    return fields
