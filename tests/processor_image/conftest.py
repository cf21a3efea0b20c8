"""The processor's storage, at whatever URL a test has a server."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from safelight_processor.objects import SignedObjects
from tests.processor_image.storing import Clock, Connect, request_to


@pytest.fixture
def clock() -> Clock:
    """Return the clock that `connect` gives to its stores."""
    return Clock()


@pytest.fixture
def connect(clock: Clock) -> Iterator[Connect]:
    """Return what makes a store for a server's URL; its connections are closed in the end."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(
            closing(
                SignedObjects(
                    request_to(url),
                    clock=clock,
                    sleep=clock.sleep,
                    silence_seconds=0.2,
                ),
            ),
        )
