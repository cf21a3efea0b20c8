"""Waiting for what the cluster does in its own time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(
    what: Callable[[], T],
    is_right: Callable[[T], bool],
    seconds: float = 30,
) -> T:
    """Look again until it is right; fail with what was seen last."""
    deadline = time.monotonic() + seconds
    while True:
        seen = what()
        if is_right(seen):
            return seen
        assert time.monotonic() < deadline, f"after {seconds} s: {seen!r}"
        time.sleep(0.1)
