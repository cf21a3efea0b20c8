"""What the kernel keeps the process of a Job from doing, should a decoder be taken over or spin.

Chosen so that no accepted image ever meets them:

- Memory is the container's limit, not RLIMIT_AS: libjpeg and libwebp report a refused allocation
  as a damaged picture, so a tight address space would turn "too little memory" into
  `CorruptImage`, which is never retried. The bound here only stops absurd requests.
- Time is the Job's deadline, which gives the right reason (`DeadlineExceeded`); the bound here is
  for a node that has lost its kubelet.
- The number of threads stays free: the kernel counts them for the user, over all containers.
"""

import os
import resource
import sys
from typing import Final

_ADDRESS_SPACE_BYTES: Final = 4 * 1024**3
_CPU_SECONDS: Final = 600
_FILE_BYTES: Final = 64 * 1024
"""A Job writes no file but its termination message."""


def apply_limits() -> None:
    """Limit this process, for good."""
    os.umask(0o077)
    # Outside its image a module may be imported that is not compiled yet, and Python would cut the
    # file that it writes at the limit without a word.
    sys.dont_write_bytecode = True
    for limit, value in (
        (resource.RLIMIT_AS, _ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, most = resource.getrlimit(limit)
        bound = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(limit, (bound, bound))
