"""The operator's real Job with the settings of a rendered chart, and ways to change it."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from safelight_contract.job import JobRequest, SignedPut
from safelight_contract.recipe import Recipe
from safelight_contract.resources import ImageUploadSpec
from safelight_operator import manifest
from safelight_operator.conditions import Status
from safelight_operator.settings import Settings
from safelight_operator.world import Upload
from tests.support.chart import RELEASE, REQUIRED, Rendered
from tests.support.settings import REQUIRED as REQUIRED_SETTINGS

Change = Callable[[dict[str, Any]], object]
ID = "550e8400-e29b-41d4-a716-446655440000"
UID = "8ecdf378-7c62-45c4-b90b-e26d453bdfe9"


def own_job(rendered: Rendered) -> dict[str, Any]:
    """Return the Job that the operator makes with the chart's settings."""
    given = rendered.one("Deployment", f"{RELEASE}-operator").environment
    settings = Settings.read(REQUIRED_SETTINGS | {k: v for k, v in given.items() if v is not None})
    upload = Upload(
        id=ID,
        uid=UID,
        resource_version="1",
        generation=1,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        deleting=False,
        spec=ImageUploadSpec("holiday.jpg", "image/jpeg", 1, "0" * 64),
        status=Status(),
    )
    storage = REQUIRED["objectStorage.endpoint"]
    request = JobRequest(
        upload_id=ID,
        upload_uid=UID,
        attempt=1,
        file_name="holiday.jpg",
        media_type="image/jpeg",
        size=1,
        sha256="0" * 64,
        source_url=f"{storage}/photos/original",
        recipe=Recipe(),
        outputs={"image.jpg": SignedPut(f"{storage}/photos/image", {})},
        manifest=SignedPut(f"{storage}/photos/manifest", {}),
        hint_url=None,
    )
    return manifest.job(upload, request, settings.processor)


def changed(job: dict[str, Any], change: Change) -> dict[str, Any]:
    """Return a copy of the Job with one change."""
    result = copy.deepcopy(job)
    change(result)
    return result


def pod(job: dict[str, Any]) -> dict[str, Any]:
    """Return the spec of the Job's pod."""
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec


def container(job: dict[str, Any]) -> dict[str, Any]:
    """Return the Job's one container."""
    only: dict[str, Any] = pod(job)["containers"][0]
    return only


def security(job: dict[str, Any]) -> dict[str, Any]:
    """Return the security context of the Job's container."""
    context: dict[str, Any] = container(job)["securityContext"]
    return context


def set_image(job: dict[str, Any]) -> None:
    """Run another image."""
    container(job)["image"] = "docker.io/library/busybox"


def pod_with(**fields: object) -> Change:
    """Set fields of the pod's spec."""
    return lambda job: pod(job).update(fields)


def container_with(**fields: object) -> Change:
    """Set fields of the container."""
    return lambda job: container(job).update(fields)


def security_with(**fields: object) -> Change:
    """Set fields of the container's security context."""
    return lambda job: security(job).update(fields)


def job_with(**fields: object) -> Change:
    """Set fields of the Job's spec."""
    return lambda job: job["spec"].update(fields)


def with_volume(source: dict[str, Any]) -> Change:
    """Add a volume."""
    return lambda job: pod(job).update(volumes=[{"name": "extra", **source}])


def with_environment(entry: dict[str, Any]) -> Change:
    """Add a variable."""
    return lambda job: container(job)["env"].append(entry)


def without(place: Callable[[dict[str, Any]], dict[str, Any]], field: str) -> Change:
    """Remove a field."""
    return lambda job: place(job).pop(field)


def second_container(field: str) -> Change:
    """Add a second container."""

    def add(job: dict[str, Any]) -> None:
        pod(job).setdefault(field, []).append(container(job) | {"name": "second"})

    return add
