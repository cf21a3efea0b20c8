"""Leadership by a Lease: one operator works, others stand by.

It saves work and noise. Correctness does not depend on it: two operators at once are safe.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final

from safelight_operator.cluster import Cluster
from safelight_operator.errors import AlreadyExistsError, ClusterError, ConflictError

DURATION: Final = 15.0
"""Seconds without a renewal after which another operator may take over."""
RENEW_DEADLINE: Final = 10.0
"""Seconds without a renewal after which the leader itself gives up."""
RETRY_PERIOD: Final = 2.0
"""Seconds between two tries to get or renew it."""
LONGEST_DURATION: Final = 60.0
"""Seconds that a holder is believed at most, whatever stands in the Lease."""
MAX_TRANSITIONS: Final = 2**31 - 1
"""The field has 32 bits."""
RELEASE_SECONDS: Final = 3.0
"""How long giving it back may take; without that the next leader waits for `DURATION`."""

_log = logging.getLogger(__name__)


class LostError(Exception):
    """Leadership is lost: the process must end."""


@dataclass(slots=True)
class Lease:
    """A Lease as one candidate sees it."""

    cluster: Cluster
    name: str
    identity: str
    """Name of the pod: a container that restarts in it takes up its own lease at once."""
    clock: Callable[[], float] = monotonic
    renewed: float = -1.0
    """When it was last acquired or renewed here, by `clock`; negative before."""
    _seen: tuple[str, str] = ("", "")
    _seen_at: float = field(default=0.0)

    @property
    def age(self) -> float:
        """Seconds since it was last renewed here."""
        return self.clock() - self.renewed

    async def acquire(self, stop: asyncio.Event) -> bool:
        """Wait until this candidate leads; False: it was told to stop before."""
        while not stop.is_set():
            if await self._try():
                _log.info("Leading", extra={"lease": self.name, "identity": self.identity})
                return True
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_PERIOD):
                    await stop.wait()
        return False

    async def hold(self) -> None:
        """Renew it for as long as that works.

        Raises:
            LostError: another one leads, or the API server cannot be reached for too long.
        """
        while True:
            await asyncio.sleep(RETRY_PERIOD)
            if not await self._try() and self.age >= RENEW_DEADLINE:
                raise LostError("the lease could not be renewed")

    async def release(self) -> None:
        """Let another candidate lead at once, if this one leads; best effort."""
        if self.renewed < 0:
            return
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                lease = await self.cluster.get_lease(self.name)
                if lease is not None and _holder(lease) == self.identity:
                    lease["spec"]["holderIdentity"] = ""
                    lease["spec"]["renewTime"] = _now()
                    _slim(lease)
                    await self.cluster.replace_lease(self.name, lease)
        except (ClusterError, TimeoutError) as error:
            _log.warning("Lease not released", extra={"why": str(error) or "no answer"})
        self.renewed = -1.0

    async def _try(self) -> bool:
        """Get or renew it once; return whether that worked.

        A server that never answers must not keep a leader beyond its deadline.
        """
        left = RENEW_DEADLINE if self.renewed < 0 else RENEW_DEADLINE - self.age
        try:
            async with asyncio.timeout(min(left, RENEW_DEADLINE / 2)):
                await self._acquire_or_renew()
        except (AlreadyExistsError, ConflictError):
            return False
        except TimeoutError:
            _log.warning("Lease not reached", extra={"why": "no answer"})
            return False
        except LostError:
            if self.renewed >= 0:
                raise
            return False
        except ClusterError as error:
            _log.warning("Lease not reached", extra={"why": str(error)})
            return False
        self.renewed = self.clock()
        return True

    async def _acquire_or_renew(self) -> None:
        lease = await self.cluster.get_lease(self.name)
        if lease is None:
            body = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self.name},
                "spec": self._spec({}),
            }
            await self.cluster.create_lease(body)
            return
        spec = lease.get("spec") or {}
        holder = _holder(lease)
        if holder not in {"", self.identity} and not self._is_expired(holder, spec):
            raise LostError(f"{holder} leads")
        lease["spec"] = self._spec(spec)
        _slim(lease)
        await self.cluster.replace_lease(self.name, lease)

    def _is_expired(self, holder: str, spec: dict[str, Any]) -> bool:
        # Clocks of nodes may differ, so only the time that passed here counts.
        seen = (holder, str(spec.get("renewTime")))
        if seen != self._seen:
            self._seen, self._seen_at = seen, self.clock()
        told = spec.get("leaseDurationSeconds")
        duration = min(told, LONGEST_DURATION) if type(told) is int and told > 0 else DURATION
        return self.clock() - self._seen_at > duration

    def _spec(self, spec: dict[str, Any]) -> dict[str, Any]:
        taken = spec.get("holderIdentity") != self.identity
        transitions = spec.get("leaseTransitions")
        known = transitions if type(transitions) is int and transitions >= 0 else 0
        acquired = spec.get("acquireTime")
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": int(DURATION),
            "acquireTime": _now() if taken or not isinstance(acquired, str) else acquired,
            "renewTime": _now(),
            "leaseTransitions": (known + int(taken)) % (MAX_TRANSITIONS + 1),
        }


def _holder(lease: dict[str, Any]) -> str:
    return (lease.get("spec") or {}).get("holderIdentity") or ""


def _slim(lease: dict[str, Any]) -> None:
    """Leave out who wrote what: it may be nested deeper than can be sent, and stays as it is."""
    lease["metadata"].pop("managedFields", None)


def _now() -> str:
    """Return the time as Kubernetes writes a MicroTime: UTC, six digits."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
