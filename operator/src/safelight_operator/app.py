"""Puts the parts together, and runs them while this process leads."""

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Final

from safelight_contract.resources import IMAGE_UPLOAD
from safelight_operator import hints, metrics
from safelight_operator.aside import Aside
from safelight_operator.canary import JOBS, Canary
from safelight_operator.cluster import Cluster
from safelight_operator.events import Events
from safelight_operator.inbox import Inbox
from safelight_operator.lease import DURATION, Lease
from safelight_operator.objects import Objects
from safelight_operator.queue import KeyedQueue
from safelight_operator.reconcile import Reconciler, utc_now
from safelight_operator.request import check_size
from safelight_operator.resync import Deletions, Resync
from safelight_operator.settings import Settings
from safelight_operator.slots import Slots
from safelight_operator.sweeper import Sweeper
from safelight_operator.transport import WATCH_SILENCE_SECONDS
from safelight_operator.watches import Watches

WATCHED: Final = (IMAGE_UPLOAD.plural, JOBS)
"""The kinds that Kopf watches."""
WORKERS: Final = 16
"""Ids that are looked at at the same time."""
HOST: Final = "0.0.0.0"  # noqa: S104 - probes and hints come from outside the pod
DRAIN_SECONDS: Final = 5.0
"""How long the steps that are under way may take to end; correctness needs none of it."""
STANDSTILL_SECONDS: Final = 180.0
"""No work has come to an end for that long: longer than `queue.WORK_SECONDS`."""
OVERDUE_SECONDS: Final = 150.0
"""A watch owes something for that long: twice what Kopf waits before it starts a silent one anew.

Kopf's own cure comes first, and an API server that is slow is no reason to end.
"""


_log = logging.getLogger(__name__)


class Operator:
    """All parts of one operator, on one event loop."""

    def __init__(self, settings: Settings, cluster: Cluster, objects: Objects) -> None:
        self.settings = settings
        self.cluster = cluster
        slots = Slots(settings.max_concurrent_jobs, settings.jobs_per_second)
        self.queue = KeyedQueue(self._work, workers=WORKERS)
        self.events = Events(cluster, settings.pod_name, utc_now)
        self.inbox = Inbox(self.queue, slots, Aside(self.events.unreadable))
        self.canary = Canary(self.queue.now)
        self.reconciler = Reconciler(cluster, objects, settings, self.inbox)
        self.resync = Resync(cluster, self.inbox, self.canary, settings.resync_seconds)
        self.sweeper = Sweeper(cluster, objects, self.inbox, settings)
        self.deletions = Deletions(cluster, self.inbox)

    async def _work(self, upload_id: str) -> None:
        await self.reconciler.reconcile(upload_id)

    async def lead(self) -> None:
        """Do the operator's work until cancelled, or until a part of it ends.

        The lists come first: they tell which Jobs are live, so that no slot is given out twice.
        """
        settings = self.settings
        hint_routes = hints.hint_routes(self.inbox.hint)
        watches = Watches(self.inbox, self.canary, settings.namespace, settings.pod_name)
        async with hints.server(
            hint_routes, "hints", HOST, settings.hint_port, settings.inner_connections
        ).running():
            await self.resync.first()
            async with asyncio.TaskGroup() as group:
                group.create_task(self.deletions.run(), name="deletions")
                group.create_task(self.queue.run(), name="queue")
                group.create_task(watches.run(), name="watches")
                group.create_task(self.resync.run(), name="resync")
                group.create_task(self.sweeper.run(), name="sweeper")

    def measure(self) -> None:
        """Set the gauges."""
        self.inbox.measure()
        for kind in WATCHED:
            metrics.WATCH_OVERDUE.labels(kind).set(self.canary.overdue(kind))

    def troubles(self) -> list[str]:
        """Return what stands still, so that only a new process can help."""
        troubles = [
            f"the watch of {kind} owes what a list has shown"
            for kind in WATCHED
            if self.canary.overdue(kind) > OVERDUE_SECONDS
        ]
        if self.deletions.age > 2 * WATCH_SILENCE_SECONDS:
            troubles.append("the watch of availableimages is silent")
        if self.queue.standstill > STANDSTILL_SECONDS:
            troubles.append("the queue stands still")
        return troubles


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Stand by, lead, and end when told to.

    Raises:
        SettingsError: no Job could be told what to do.
        ExceptionGroup: leadership was lost or a part failed; the process must end.
    """
    health = hints.Health()
    async with AsyncExitStack() as stack:
        probed = hints.server(
            hints.health_routes(health),
            "health",
            HOST,
            settings.health_port,
            settings.inner_connections,
        )
        await stack.enter_async_context(probed.running())
        cluster = await Cluster.connect(settings.namespace)
        stack.push_async_callback(cluster.close)
        objects = Objects(settings.object_store)
        stack.callback(objects.close)
        check_size(settings, objects)
        # Work can use up all of its connections; the lease must never wait for one.
        apart = await Cluster.connect(settings.namespace)
        stack.push_async_callback(apart.close)
        lease = Lease(apart, settings.lease_name, settings.pod_name)
        stack.push_async_callback(lease.release)
        health.ready = True
        if await lease.acquire(stop):
            await _lead(Operator(settings, cluster, objects), lease, health, stop)


async def _lead(
    operator: Operator, lease: Lease, health: hints.Health, stop: asyncio.Event
) -> None:
    """Lead until told to stop, then let the next one lead as soon as no step is under way."""
    health.measure = operator.measure
    health.checks = [
        lambda: ["the lease was not renewed"] if lease.age > 2 * DURATION else [],
        operator.troubles,
    ]
    metrics.LEADER.set(1)
    try:
        async with asyncio.TaskGroup() as group:
            holding = group.create_task(lease.hold(), name="lease")
            leading = group.create_task(operator.lead(), name="lead")
            await stop.wait()
            _log.info("Stopping")
            await operator.queue.drain(DRAIN_SECONDS)
            holding.cancel()
            await asyncio.wait({holding})
            health.checks = []
            await lease.release()
            leading.cancel()
    finally:
        metrics.LEADER.set(0)
