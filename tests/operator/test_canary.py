from typing import Any

import pytest

from safelight_operator.canary import JOBS, Canary


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def canary(clock: Clock) -> Canary:
    return Canary(clock)


def resource(version: str) -> dict[str, Any]:
    return {"metadata": {"name": "x", "resourceVersion": version}}


def test_a_watch_owes_what_a_list_has_shown(canary: Canary, clock: Clock) -> None:
    canary.delivered(JOBS, resource("9"))
    canary.listed(JOBS, [resource("9"), resource("10")])
    clock.now += 30
    canary.listed(JOBS, [resource("11")])
    clock.now += 30
    assert canary.overdue(JOBS) == 60
    assert canary.overdue("imageuploads") == 0
    canary.delivered(JOBS, resource("10"))
    assert canary.overdue(JOBS) == 0


def test_a_watch_that_is_ahead_of_the_list_owes_nothing(canary: Canary, clock: Clock) -> None:
    """The deletion of an object is newer than the list that still shows it."""
    canary.delivered(JOBS, resource("12"))
    canary.listed(JOBS, [resource("10"), resource("11")])
    clock.now += 1
    assert canary.overdue(JOBS) == 0


def test_what_is_gone_from_the_list_is_owed_no_longer(canary: Canary, clock: Clock) -> None:
    canary.delivered(JOBS, resource("10"))
    canary.listed(JOBS, [resource("11")])
    canary.listed(JOBS, [])
    clock.now += 1
    assert canary.overdue(JOBS) == 0


def test_a_version_that_is_no_number_says_nothing(canary: Canary, clock: Clock) -> None:
    canary.listed(JOBS, [resource("abc")])
    clock.now += 1
    assert canary.overdue(JOBS) == 0
