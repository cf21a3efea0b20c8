"""What the kernel keeps the process of a Job from doing, should a decoder be taken over or spin.

Chosen so that no accepted image ever meets them:

- Memory is the container's limit, not RLIMIT_AS: libjpeg and libwebp report a refused allocation
  as a damaged picture, so a tight address space would turn "too little memory" into
  `CorruptImage`, which is never retried. The bound here only stops absurd requests.
- Processor time is bounded well below the Job's deadline, which is the clock's: on a busy node a
  Job waits for most of it. Both end as `DeadlineExceeded`, and neither is tried again.
- The number of threads stays free: the kernel counts them for the user, over all containers.
"""

import os
import resource
import signal
import sys
from typing import Final

_ADDRESS_SPACE_BYTES: Final = 4 * 1024**3
CPU_SECONDS: Final = 300
"""The most that was measured for an accepted file is a third of it (an animation of 100 million
pixels, all noise); the rest is for slower processors."""
_CPU_GRACE_SECONDS: Final = 10
"""From SIGXCPU to SIGKILL, should the first not end the process."""
_FILE_BYTES: Final = 64 * 1024
"""A Job writes no file but its termination message."""


def apply_limits() -> None:
    """Limit this process, for good."""
    os.umask(0o077)
    _end_at_signal(signal.SIGXCPU)
    # Outside its image a module may be imported that is not compiled yet, and Python would cut the
    # file that it writes at the limit without a word.
    sys.dont_write_bytecode = True
    for limit, value, hard in (
        (resource.RLIMIT_AS, _ADDRESS_SPACE_BYTES, _ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS, CPU_SECONDS + _CPU_GRACE_SECONDS),
        (resource.RLIMIT_FSIZE, _FILE_BYTES, _FILE_BYTES),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        _, most = resource.getrlimit(limit)
        bounds = [b if most == resource.RLIM_INFINITY else min(b, most) for b in (value, hard)]
        resource.setrlimit(limit, (bounds[0], bounds[1]))


def _end_at_signal(number: int) -> None:
    """End this process at a signal, with its number as the exit code, whatever runs just then.

    A handler in Python waits for the decoder that spins to return. None at all is no better: as
    process 1 of its container the program would ignore the signal, and be killed a while later as
    if it had taken too much memory. So the handler is the C library's own `_exit`.
    """
    import ctypes  # noqa: PLC0415 - 2 ms, which working on files does not need

    library = ctypes.CDLL(None)
    library.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    library.signal.restype = ctypes.c_void_p
    library.signal(number, ctypes.cast(library._exit, ctypes.c_void_p))  # noqa: SLF001 - POSIX calls it so
