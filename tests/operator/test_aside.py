from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import REGISTRY

from safelight_contract.unreadable import UnreadableError
from safelight_operator.aside import Aside

Told = list[tuple[str, str, str]]
KIND = "ImageUpload"


def count() -> float | None:
    """Return what the metric says."""
    return REGISTRY.get_sample_value("safelight_unreadable_objects", {"kind": KIND})


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def aside(told: Told) -> Aside:
    def tell(kind: str, resource: Mapping[str, Any], reason: str) -> None:
        told.append((kind, resource["metadata"]["name"], reason))

    return Aside(tell)


def named(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}}


def test_an_object_is_told_of_once_until_the_reason_changes(
    aside: Aside, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    for reason in ("no spec", "no spec", "no status"):
        aside.put(KIND, named("a"), UnreadableError(reason))
    assert told == [(KIND, "a", "no spec"), (KIND, "a", "no status")]
    assert [record.id for record in caplog.records] == ["a", "a"]  # type: ignore[attr-defined]  # set by the log's `extra`
    assert aside.holds(KIND, "a")
    assert count() == 1


def test_what_can_be_read_again_or_is_gone_comes_back(aside: Aside, told: Told) -> None:
    for name in "abc":
        aside.put(KIND, named(name), UnreadableError("no spec"))
    aside.put("Job", named("a"), UnreadableError("no spec"))
    assert count() == 3
    aside.back(KIND, "a")
    aside.back(KIND, "unknown")
    assert count() == 2
    aside.keep(KIND, ["a", "b"])
    assert count() == 1
    assert [aside.holds(KIND, name) for name in "abc"] == [False, True, False]
    assert aside.holds("Job", "a")
    aside.put(KIND, named("c"), UnreadableError("no spec"))
    assert told[-1] == (KIND, "c", "no spec")
