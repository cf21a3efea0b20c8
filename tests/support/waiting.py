"""Waiting for what the cluster does in its own time."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

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


def descriptors() -> int:
    """Count what the running event loop waits for: connections, and some of its own."""
    loop: Any = asyncio.get_running_loop()
    return len(loop._selector.get_map())  # noqa: SLF001 - nothing public tells of connections


async def connections_closed(before: int, seconds: float = 1) -> None:
    """Wait until no more descriptors are open than once; for a while only, as others may open some.

    A TLS connection that is closed says goodbye on its own, and nobody can await that: see
    "Graceful Shutdown" in aiohttp's documentation.

    Args:
        before: what `descriptors` said then.
        seconds: to wait at most.
    """
    end = time.monotonic() + seconds
    while descriptors() > before and time.monotonic() < end:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.01)
