from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.faults.chaos import mixing
from tests.faults.chaos.summary import command

SECONDS = 35
UPLOADS = 20


def test_a_short_mix(uncaptured: Callable[[], AbstractContextManager[None]]) -> None:
    """Faults of every part at random, under load: `make chaos` is the long one.

    Each run is another one; a failed one tells how to repeat it.
    """
    with uncaptured():
        outcome = mixing.chaos(mixing.seed(), SECONDS, UPLOADS)

    assert not outcome.wrong, command(outcome.ran)
