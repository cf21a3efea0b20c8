"""Keeps the cache up to date: list, then watch, for ever.

A consistent list in pages replaces a store's content in one step; the watch goes on from the list's
revision. The API server is asked to end every watch after `WATCH_SECONDS`, so silence longer than
`SILENCE_SECONDS` means that the connection is dead although nobody said so; the watch then goes on
from the last revision seen. Whatever else goes wrong leads to a new list.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, NoReturn, TypeVar

from safelight_api.cache import Item, Store
from safelight_api.cluster import Cluster
from safelight_api.cluster_errors import ClusterError, UnavailableError
from safelight_api.metrics import Metrics
from safelight_contract.resources import Kind

logger = logging.getLogger(__name__)

WATCH_SECONDS: Final = 50
SILENCE_SECONDS: Final = 65.0
FIRST_BACKOFF_SECONDS: Final = 0.2
MAX_BACKOFF_SECONDS: Final = 15.0
MAX_RESUMPTIONS: Final = 5
"""How often in a row a watch that brought nothing is resumed before a new list is made."""

T = TypeVar("T", bound=Item)


class Watcher(Generic[T]):
    """Keeps one store up to date.

    Args:
        cluster: where from.
        kind: what.
        store: where to.
        project: makes the store's object of a resource.
        metrics: counts the restarts.
        silence: seconds after which a silent watch counts as dead.
        on_listed: is called when a complete list was taken over, each time.
    """

    def __init__(  # noqa: PLR0913 - the parts that it joins
        self,
        cluster: Cluster,
        kind: Kind,
        store: Store[T],
        project: Callable[[Mapping[str, Any]], T],
        metrics: Metrics,
        *,
        silence: float = SILENCE_SECONDS,
        on_listed: Callable[[], None] = lambda: None,
    ) -> None:
        self._cluster = cluster
        self._kind = kind
        self._store = store
        self._project = project
        self._metrics = metrics
        self._silence = silence
        self._on_listed = on_listed
        self._alive_at = time.monotonic()
        self.is_synced = False
        """Whether a complete list was taken over since the start."""
        metrics.observe_watch(kind.kind, lambda: self.is_synced, self.age)

    def age(self) -> float:
        """Return how many seconds ago the watch was last known to be alive."""
        return time.monotonic() - self._alive_at

    async def run(self) -> NoReturn:
        """List and watch until cancelled."""
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            try:
                await self._list()
                backoff = FIRST_BACKOFF_SECONDS
                await self._follow()
            except ClusterError as error:
                logger.warning(
                    "the watch starts over",
                    extra={"kind": self._kind.kind, "error": repr(error)},
                )
            except Exception:
                logger.exception("the watch starts over", extra={"kind": self._kind.kind})
            self._metrics.watch_restarts.labels(self._kind.kind).inc()
            await asyncio.sleep(random.uniform(backoff / 2, backoff))  # noqa: S311 - jitter
            backoff = min(2 * backoff, MAX_BACKOFF_SECONDS)

    async def _list(self) -> None:
        page = await self._cluster.list_page(self._kind, None)
        items = self._projected(page.resources)
        while page.next_page is not None:
            page = await self._cluster.list_page(self._kind, page.next_page)
            items += self._projected(page.resources)
        self._store.replace(items, page.revision)
        self._on_listed()
        self._alive_at = time.monotonic()
        self.is_synced = True
        logger.info("listed", extra={"kind": self._kind.kind, "objects": len(items)})

    async def _follow(self) -> NoReturn:
        """Watch from where the store is, again and again.

        Raises:
            ClusterError: only a new list can help.
        """
        failures = 0
        while True:
            before = self._alive_at
            try:
                await self._watch_once()
                failures = 0
            except UnavailableError as error:
                failures = 1 if self._alive_at > before else failures + 1
                logger.info(
                    "the watch was cut", extra={"kind": self._kind.kind, "error": repr(error)}
                )
                if failures >= MAX_RESUMPTIONS:
                    raise
                await asyncio.sleep(random.uniform(0, 0.1 * 2**failures))  # noqa: S311 - jitter

    async def _watch_once(self) -> None:
        async for event in self._cluster.watch(
            self._kind, self._store.revision, seconds=WATCH_SECONDS, silence=self._silence
        ):
            self._take(event.type, event.resource)
            self._alive_at = time.monotonic()
        self._alive_at = time.monotonic()

    def _take(self, event_type: str, resource: Mapping[str, Any]) -> None:
        revision = int(resource["metadata"]["resourceVersion"])
        if event_type == "DELETED":
            self._store.deleted(resource["metadata"]["name"], revision)
        elif event_type == "BOOKMARK":
            self._store.reached(revision)
        else:
            for item in self._projected([resource]):
                self._store.changed(item)
            self._store.reached(revision)

    def _projected(self, resources: list[Mapping[str, Any]]) -> list[T]:
        """Project resources; one that is not what the CRD says must not stop the others."""
        items = []
        for resource in resources:
            try:
                items.append(self._project(resource))
            except (KeyError, TypeError, ValueError) as error:
                logger.warning(
                    "a resource cannot be read; ignored",
                    extra={
                        "kind": self._kind.kind,
                        "id": resource.get("metadata", {}).get("name"),
                        "error": repr(error),
                    },
                )
        return items
