"""How an attempt ended without a result, told from its pods: pure, like `decide`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from safelight_contract.job import FAILURES, ExitCode
from safelight_contract.resources import Failure
from safelight_contract.stalls import Stall
from safelight_operator.world import Pod

MAX_ATTEMPTS_BEFORE: Final = {
    Failure.STORAGE_UNAVAILABLE: 4,
    Failure.OUT_OF_MEMORY: 2,
    Failure.OUTPUT_MISSING: 2,
    Failure.INTERNAL_ERROR: 2,
}
"""How many attempts may end so before the upload fails; one for every other reason.

They are counted from the last retry that was asked for.
"""

_STALLS: Final[Mapping[int, Stall]] = {
    ExitCode.STORAGE_UNAVAILABLE: Stall.STORAGE_UNAVAILABLE,
    ExitCode.STORAGE_FORBIDDEN: Stall.STORAGE_FORBIDDEN,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt has ended without a result."""

    failure: Failure
    detail: str
    """What is known beyond that, the processor's own words too, for the log and the Event."""
    stall: Stall | None = None
    """What an administrator should look at while the next attempt is waited for."""


def classify(pods: tuple[Pod, ...]) -> Ending:
    """Tell from the pods of a failed Job why it failed."""
    ended = [pod for pod in pods if pod.exit_code is not None and not pod.disrupted]
    if not ended:
        return Ending(Failure.INTERNAL_ERROR, "no pod of the Job is left to ask")
    pod = max(ended, key=lambda pod: pod.created)
    if pod.out_of_memory:
        return Ending(Failure.OUT_OF_MEMORY, pod.detail)
    code = pod.exit_code or 0
    detail = f"exit code {code}: {pod.detail}" if pod.detail else f"exit code {code}"
    if code == ExitCode.KILLED:
        # Killed, but not for its memory: whoever did it, the image need not be at fault.
        return Ending(Failure.INTERNAL_ERROR, detail)
    stall = _STALLS.get(code)
    if stall is not None:
        detail = f"{detail} ({stall})"
    return Ending(FAILURES.get(code, Failure.INTERNAL_ERROR), detail, stall)
