"""Puts the parts together, and runs them while this process leads."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from safelight_operator import hints, metrics
from safelight_operator.cluster import Cluster
from safelight_operator.inbox import Inbox
from safelight_operator.lease import DURATION, Lease
from safelight_operator.objects import Objects
from safelight_operator.queue import KeyedQueue
from safelight_operator.reconcile import Reconciler
from safelight_operator.resync import Deletions, Resync
from safelight_operator.settings import Settings
from safelight_operator.slots import Slots
from safelight_operator.sweeper import Sweeper
from safelight_operator.transport import WATCH_SECONDS
from safelight_operator.watches import Watches

WORKERS: Final = 16
"""Ids that are looked at at the same time."""
HOST: Final = "0.0.0.0"  # noqa: S104 - probes and hints come from outside the pod
STOP_SECONDS: Final = 10.0
"""How long the parts are given to end; correctness needs none of it."""


class Operator:
    """All parts of one operator, on one event loop."""

    def __init__(self, settings: Settings, cluster: Cluster, objects: Objects) -> None:
        self.settings = settings
        self.cluster = cluster
        slots = Slots(settings.max_concurrent_jobs, settings.jobs_per_second)
        self.queue = KeyedQueue(self._work, workers=WORKERS)
        self.inbox = Inbox(self.queue, slots)
        self.reconciler = Reconciler(cluster, objects, settings, self.inbox)
        self.resync = Resync(cluster, self.inbox, settings.resync_seconds)
        self.sweeper = Sweeper(cluster, objects, self.inbox, settings)
        self.deletions = Deletions(cluster, self.inbox)

    async def _work(self, upload_id: str) -> None:
        await self.reconciler.reconcile(upload_id)

    async def lead(self) -> None:
        """Do the operator's work until cancelled, or until a part of it ends.

        The lists come first: they tell which Jobs are live, so that no slot is given out twice.
        """
        hint_server = hints.hint_application(self.inbox.hint)
        watches = Watches(self.inbox, self.settings.namespace, self.settings.pod_name)
        async with hints.serving(hint_server, HOST, self.settings.hint_port):
            await self.resync.first()
            async with asyncio.TaskGroup() as group:
                group.create_task(self.deletions.run(), name="deletions")
                group.create_task(self.queue.run(), name="queue")
                group.create_task(watches.run(), name="watches")
                group.create_task(self.resync.run(), name="resync")
                group.create_task(self.sweeper.run(), name="sweeper")


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Stand by, lead, and end when told to.

    Raises:
        ExceptionGroup: leadership was lost or a part failed; the process must end.
    """
    health = hints.Health()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(
            hints.serving(hints.health_application(health), HOST, settings.health_port),
        )
        cluster = await Cluster.connect(settings.namespace)
        stack.push_async_callback(cluster.close)
        objects = Objects(settings.object_store)
        stack.callback(objects.close)
        lease = Lease(cluster, settings.lease_name, settings.pod_name)
        health.ready = True
        stopped = asyncio.create_task(stop.wait())
        leading = asyncio.create_task(_lead(settings, cluster, objects, lease, health))
        await asyncio.wait({stopped, leading}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        failed = leading.done()
        leading.cancel()
        await asyncio.wait({leading}, timeout=STOP_SECONDS)
        metrics.LEADER.set(0)
        if lease.renewed >= 0:
            await lease.release()
        if failed:
            leading.result()


async def _lead(
    settings: Settings,
    cluster: Cluster,
    objects: Objects,
    lease: Lease,
    health: hints.Health,
) -> None:
    await lease.acquire()
    metrics.LEADER.set(1)
    operator = Operator(settings, cluster, objects)
    health.measure = operator.inbox.measure
    health.checks += [
        lambda: "the lease was not renewed" if lease.age > 2 * DURATION else None,
        lambda: "the watch is silent" if operator.deletions.age > 2 * WATCH_SECONDS else None,
    ]
    async with asyncio.TaskGroup() as group:
        group.create_task(lease.hold(), name="lease")
        group.create_task(operator.lead(), name="lead")
