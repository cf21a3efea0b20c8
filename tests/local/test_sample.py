"""How long the API is waited for."""

import time

import pytest

from safelight_local.errors import LocalError
from safelight_local.sample import Api
from tests.support.scripted_server import Answer, serving

READY, UNREADY = Answer(200), Answer(503)


def test_it_is_ready_at_its_first_good_answer() -> None:
    with serving([UNREADY, READY, UNREADY]) as script:
        Api(script.url, "token").wait_ready(10)
        assert len(script.received) == 2


def test_a_break_starts_the_time_anew() -> None:
    """A kubelet that is new calls a pod unready for a moment although it has answered."""
    answers = [READY, UNREADY] * 3 + [READY]
    began = time.monotonic()
    with serving(answers) as script:
        Api(script.url, "token").wait_ready(10, steady=0.25)
        assert len(script.received) > len(answers)
    # A tenth of a second lies between two answers at least, and the last break was the sixth.
    assert time.monotonic() - began > 0.6 + 0.25


def test_what_is_never_ready_is_told() -> None:
    with (
        serving([UNREADY]) as script,
        pytest.raises(LocalError, match=r"not ready after .*: status 503"),
    ):
        Api(script.url, "token").wait_ready(0.2)
