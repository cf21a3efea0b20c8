"""Whole manifests against YAML: a changed default shows as a changed line there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from safelight_contract.job import REQUEST_VARIABLE, JobRequest
from safelight_operator import manifest, owners
from tests.operator.making import ID, NOW, PROCESSOR, PUBLISHED, UID, request, upload

DATA = Path(__file__).parent / "data"


def golden(name: str) -> Any:  # noqa: ANN401 - YAML of any shape
    return yaml.safe_load((DATA / f"{name}.yaml").read_text())


def test_the_job() -> None:
    made = manifest.job(upload(), request(), PROCESSOR)
    (container,) = made["spec"]["template"]["spec"]["containers"]
    (variable,) = container["env"]
    assert variable["name"] == REQUEST_VARIABLE
    assert JobRequest.decode(variable.pop("value")) == request()
    assert made == golden("job")


def test_the_installers_pod_fields_are_merged_and_cannot_replace_ours() -> None:
    extra = {"nodeSelector": {"pool": "images"}, "serviceAccountName": "admin"}
    made = manifest.job(upload(), request(), replace(PROCESSOR, pod=extra))
    pod = made["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"pool": "images"}
    assert pod["serviceAccountName"] == "safelight-processor"


def test_each_attempt_has_a_job_of_its_own() -> None:
    made = manifest.job(upload(), request(attempt=12), PROCESSOR)
    assert made["metadata"]["name"] == f"safelight-{ID}-12"
    assert made["metadata"]["labels"]["safelight.dev/attempt"] == "12"


def test_the_longest_job_name_leaves_room_for_its_pods() -> None:
    """A pod's name is the Job's, a dash and five characters, at most 63 in all."""
    assert len(owners.job_name(ID, 99)) + 6 <= 63


def test_the_available_image() -> None:
    assert manifest.available_image(ID, PUBLISHED) == golden("available_image")


def test_the_event() -> None:
    made = manifest.event(
        "photos",
        manifest.Subject("ImageUpload", ID, UID),
        reason="CorruptImage",
        attempt=2,
        note="exit code 11: truncated\nfile\x00é",
        instance="safelight-operator-0",
        now=NOW,
    )
    assert made == golden("event")


def test_an_events_note_is_bounded() -> None:
    """The API server refuses more than 1,024 bytes."""
    made = manifest.event(
        "photos",
        manifest.Subject("ImageUpload", ID, UID),
        reason="CorruptImage",
        attempt=2,
        note="x" * 5000,
        instance="safelight-operator-0",
        now=NOW,
    )
    assert len(made["message"].encode()) <= 1024
