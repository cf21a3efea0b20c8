from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.faults.chaos import mixing
from tests.faults.chaos.summary import command

SECONDS = 35
UPLOADS = 20


@pytest.fixture(scope="module")
def seed() -> int:
    """Return the seed, the same when the test is tried again: what it finds it finds twice."""
    return mixing.seed()


def test_a_short_mix(
    uncaptured: Callable[[], AbstractContextManager[None]],
    seed: int,
) -> None:
    """Faults of every part at random, under load: `make chaos` is the long one.

    Each run is another one; a failed one tells how to repeat it.
    """
    with uncaptured():
        outcome = mixing.chaos(seed, SECONDS, UPLOADS)

    assert not outcome.wrong, command(outcome.ran)
