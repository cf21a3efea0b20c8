from typing import Any

import pytest

from safelight_operator.slim import slim
from tests.operator import making


def heavy() -> dict[str, Any]:
    """Return an ImageUpload with all that an object may carry."""
    return {
        "apiVersion": "safelight.dev/v1alpha1",
        "kind": "ImageUpload",
        "metadata": {
            "name": making.ID,
            "uid": making.UID,
            "resourceVersion": "7",
            "generation": 1,
            "creationTimestamp": "2026-11-24T12:00:00Z",
            "deletionTimestamp": "2026-11-24T12:00:01Z",
            "finalizers": ["example.com/x"] * 1000,
            "labels": {f"x{number}": "y" for number in range(1000)},
            "managedFields": [{"manager": "x"}] * 1000,
            "annotations": {
                "safelight.dev/retry": "1",
                "safelight.dev/uploaded-by": "a" * 200_000,
                "example.com/x": "a" * 200_000,
            },
            "ownerReferences": [{"uid": "x"}, {"uid": "y", "controller": True}, None],
        },
        "spec": making.SPEC.to_dict(),
        "status": {"attempt": 1},
    }


def test_what_decisions_look_at_is_kept_and_nothing_else() -> None:
    whole = heavy()
    kept = slim(whole)
    assert kept == {
        "apiVersion": "safelight.dev/v1alpha1",
        "kind": "ImageUpload",
        "metadata": {
            "name": making.ID,
            "uid": making.UID,
            "resourceVersion": "7",
            "generation": 1,
            "creationTimestamp": "2026-11-24T12:00:00Z",
            "deletionTimestamp": "2026-11-24T12:00:01Z",
            "annotations": {"safelight.dev/retry": "1"},
            "ownerReferences": [{"uid": "y", "controller": True}],
        },
        "spec": making.SPEC.to_dict(),
        "status": {"attempt": 1},
    }


def test_the_template_of_a_job_is_dropped() -> None:
    assert slim({"metadata": {"name": "x"}, "spec": {"template": {}}, "status": {"active": 1}}) == {
        "metadata": {"name": "x"},
        "status": {"active": 1},
    }


@pytest.mark.parametrize("resource", [None, 1, "x", [], {}], ids=str)
def test_what_is_no_object_is_empty(resource: object) -> None:
    assert slim(resource) == {}


def test_what_is_odd_is_left_to_its_reader() -> None:
    assert slim({"metadata": 5, "status": "x"}) == {"status": "x"}
    odd = slim({"metadata": {"name": 5, "annotations": [], "ownerReferences": "x"}})
    assert odd == {"metadata": {"name": 5}}
