"""Keeps the cache up to date: list, then watch, for ever.

A consistent list in pages replaces a store's content in one step; the watch goes on from the list's
revision. The API server is asked to end every watch after `WATCH_SECONDS`, so silence longer than
`SILENCE_SECONDS` means that the connection is dead although nobody said so; the watch then goes on
from the last revision seen. Whatever else goes wrong leads to a new list.

An object that cannot be read is set aside: readers do not see it, a metric and the log tell of it,
and its next change is looked at like every other. One that is being deleted is gone.
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
from safelight_api.projections import is_going
from safelight_contract.resources import Kind
from safelight_contract.unreadable import UnreadableError, name_of, readable, version_of

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
        self.aside: dict[str, str] = {}
        """Names of the objects that cannot be read, and why."""
        metrics.observe_watch(
            kind.kind, lambda: self.is_synced, self.age, unreadable=lambda: len(self.aside)
        )

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
        items: list[T] = []
        aside: dict[str, str] = {}
        position: str | None = None
        while True:
            page = await self._cluster.list_page(self._kind, position)
            for resource in page.resources:
                item = self._seen(resource, aside)
                if item is not None:
                    items.append(item)
            for name, reason in page.unreadable.items():
                self._set_aside(name, reason, aside)
            position, revision = page.next_page, page.revision
            # Two pages are never held at once.
            del page
            if position is None:
                break
        self.aside = aside
        self._store.replace(items, revision)
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
        name, revision = name_of(resource), version_of(resource)
        if event_type == "BOOKMARK":
            self._store.reached(revision)
            return
        aside: dict[str, str] = {}
        item = None if event_type == "DELETED" else self._seen(resource, aside)
        self.aside.pop(name, None)
        self.aside |= aside
        if item is None:
            self._store.deleted(name, revision)
        else:
            self._store.changed(item)

    def _seen(self, resource: Mapping[str, Any], aside: dict[str, str]) -> T | None:
        """Return what readers may see of a resource; None: nothing."""
        if is_going(resource):
            return None
        try:
            return readable(self._project)(resource)
        except UnreadableError as error:
            self._set_aside(name_of(resource), str(error), aside)
            return None

    def _set_aside(self, name: str, reason: str, aside: dict[str, str]) -> None:
        """Note that an object cannot be read; the log tells it once, until the reason changes."""
        aside[name] = reason
        if self.aside.get(name) != reason:
            logger.warning(
                "an object cannot be read; it is set aside until it changes",
                extra={"kind": self._kind.kind, "id": name, "reason": reason},
            )
