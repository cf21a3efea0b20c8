"""Runs a program on one processor and takes what the kernel counted of it.

Linux hands a program the resident set of whoever started it as a floor, so this process must stay
small: whatever opens pictures is a child of its own.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_KIB_IN_MIB: Final = 1024
_SHOWN: Final = 800


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process took, from its start to its end."""

    cpu: float
    """Seconds of user and system, children that it waited for included."""
    wall: float
    """Seconds."""
    memory: float
    """MiB: the largest resident set."""


class ProgramError(Exception):
    """A program ended with an error; the message has its last words."""


def run(
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str] | None = None,
    *,
    is_alone: bool = True,
) -> Usage:
    """Run a program to its end.

    Args:
        command: the program and its arguments.
        log: a file for all that it says.
        environment: variables added to this process's.
        is_alone: it is being measured, and gets one processor for all of its threads.

    Raises:
        ProgramError: its exit code is not 0.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [
        (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    allowed = os.sched_getaffinity(0)
    if is_alone:
        os.sched_setaffinity(0, {min(allowed)})
    try:
        began = time.perf_counter()
        process = os.posix_spawnp(
            command[0],
            list(command),
            {**os.environ, **(environment or {})},
            file_actions=actions,
        )
        _, status, used = os.wait4(process, 0)
        wall = time.perf_counter() - began
    finally:
        os.sched_setaffinity(0, allowed)
    if code := os.waitstatus_to_exitcode(status):
        words = log.read_text(errors="replace")[-_SHOWN:].strip()
        raise ProgramError(f"{' '.join(command)[:_SHOWN]} ended with {code}: {words}")
    return Usage(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / _KIB_IN_MIB)
