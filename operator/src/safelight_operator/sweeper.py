"""Compares the bucket with the cluster from time to time, in the order of the ids, page by page.

Both sides list in the order of their keys, and so of the ids: reading them side by side takes the
memory of a few pages, however many images there are.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic, time
from typing import Any, Final

from safelight_contract import keys
from safelight_contract.resources import AVAILABLE_IMAGE
from safelight_contract.unreadable import UnreadableError, name_of
from safelight_operator import manifest, metrics, sweep
from safelight_operator.cluster import Cluster
from safelight_operator.errors import ClusterError
from safelight_operator.inbox import Inbox
from safelight_operator.objects import Objects, StorageError
from safelight_operator.settings import Settings
from safelight_operator.world import Image

FIRST_SECONDS: Final = 60.0
"""From the start to the first run: the start has other things to do."""

_log = logging.getLogger(__name__)

Item = tuple[str, Any]
"""An id, and something that was found of it."""


class OrderError(Exception):
    """A list is not in the order of its keys, so two lists cannot be compared page by page."""


class Sweeper:
    """Looks for objects without a record, and for records without objects."""

    def __init__(
        self, cluster: Cluster, objects: Objects, inbox: Inbox, settings: Settings
    ) -> None:
        self._cluster = cluster
        self._objects = objects
        self._inbox = inbox
        self._settings = settings

    async def run(self) -> None:
        """Sweep again and again."""
        await asyncio.sleep(min(FIRST_SECONDS, self._settings.sweep_seconds))
        while True:
            await self.once()
            await asyncio.sleep(self._settings.sweep_seconds)

    async def once(self) -> None:
        """Sweep once: report what is found, and have removed what may be."""
        start, result = monotonic(), "error"
        try:
            tally = await self._compare()
            await self._report_damaged(tally)
            self._handle_left_over(tally)
            result = "ok"
        except sweep.AlarmingError as error:
            result = "alarming"
            _log.error("Not swept", extra={"why": str(error)})
        except (ClusterError, StorageError, OrderError) as error:
            _log.warning("Not swept", extra={"why": str(error)})
        except Exception:  # noqa: BLE001 - a report must not end the work on uploads
            _log.exception("Not swept")
        finally:
            metrics.SWEEPS.labels(result).inc()
        metrics.SWEEP_SECONDS.set(monotonic() - start)
        metrics.SWEEP_LAST.set(time())

    async def _compare(self) -> sweep.Tally:
        tally = sweep.Tally(datetime.now(UTC), self._settings.sweep_max_share)
        streams = (
            self._stored(keys.ORIGINALS, tally),
            self._stored(keys.IMAGES, tally),
            self._uploads(),
            self._images(),
        )
        async for upload_id, (originals, results, uploads, images) in side_by_side(*streams):
            sight = sweep.Sight(
                upload_id,
                tuple(originals),
                tuple(results),
                bool(uploads),
                image=images[0] if images else None,
                unreadable=bool(images) and images[0] is None,
            )
            tally.add(sight)
        tally.add_foreign(await self._objects.count_outside((keys.ORIGINALS, keys.IMAGES)))
        for kind in sweep.Orphan:
            metrics.ORPHAN_OBJECTS.labels(kind).set(tally.old[kind])
        return tally

    def _handle_left_over(self, tally: sweep.Tally) -> None:
        removing = self._settings.sweep == "delete"
        for upload_id in tally.removable():
            _log.warning("Objects without a record", extra={"id": upload_id, "removing": removing})
            if removing:
                metrics.SWEPT.inc()
                self._inbox.mark_removed(upload_id, passes=1)

    async def _report_damaged(self, tally: sweep.Tally) -> None:
        """Look again at images that seem to have lost their object, and tell of those that have."""
        refuted = 0
        for upload_id in tally.suspects:
            found = await self._cluster.get_image(upload_id)
            image = None if found is None else self._read(found)
            damage = await self._damage(image) if image is not None else None
            if image is None or damage is None:
                refuted += 1
                continue
            reason, key = damage
            _log.error(
                "Image without its object", extra={"id": upload_id, "reason": reason, "key": key}
            )
            await self._tell(image, reason, key)
        metrics.RECORDS_WITHOUT_OBJECTS.set(tally.damaged - refuted)

    async def _damage(self, image: Image) -> tuple[str, str] | None:
        """Return what is wrong with an image's files, and the key of the first such file."""
        stored = await self._objects.stored(image.id, image.attempt)
        found = {each.key: each.etag for each in stored}
        for key, etag in image.etags.items():
            if key not in found:
                return "ObjectMissing", key
            if found[key] != etag:
                return "ObjectChanged", key
        return None

    async def _tell(self, image: Image, reason: str, key: str) -> None:
        body = manifest.event(
            self._cluster.namespace,
            manifest.Subject(AVAILABLE_IMAGE.kind, image.id, image.uid),
            reason=reason,
            note=f"The stored object {key} is not as it was published",
            instance=self._settings.pod_name,
            now=datetime.now(UTC),
        )
        with suppress(ClusterError):
            await self._cluster.create_event(body)

    async def _stored(self, prefix: str, tally: sweep.Tally) -> AsyncIterator[Item]:
        async for page in self._objects.pages(prefix):
            for stored in page:
                owner = keys.owner(stored.key)
                if owner is None:
                    tally.add_foreign(1)
                else:
                    yield owner.upload_id, stored

    async def _uploads(self) -> AsyncIterator[Item]:
        async for page in self._cluster.upload_pages():
            for metadata in page:
                yield name_of(metadata), True

    async def _images(self) -> AsyncIterator[Item]:
        present = set()
        async for page in self._cluster.image_pages():
            for resource in page:
                image = self._read(resource)
                if image is None:
                    present.add(name_of(resource))
                yield name_of(resource), image
        self._inbox.aside.keep(AVAILABLE_IMAGE.kind, present)

    def _read(self, resource: Mapping[str, Any]) -> Image | None:
        """Return an AvailableImage; None: it cannot be read, and is set aside."""
        try:
            image = Image.from_dict(resource)
        except UnreadableError as error:
            self._inbox.aside.put(AVAILABLE_IMAGE.kind, resource, error)
            return None
        self._inbox.aside.back(AVAILABLE_IMAGE.kind, image.id)
        return image


async def side_by_side(*streams: AsyncIterator[Item]) -> AsyncIterator[tuple[str, list[list[Any]]]]:
    """Yield each id once, in order, with what each stream has of it.

    Raises:
        OrderError: a stream is not in the order of its ids.
    """
    heads = [await anext(stream, None) for stream in streams]
    while ids := [head[0] for head in heads if head is not None]:
        current = min(ids)
        found: list[list[Any]] = [[] for _ in streams]
        for number, stream in enumerate(streams):
            while (head := heads[number]) is not None and head[0] == current:
                found[number].append(head[1])
                heads[number] = await anext(stream, None)
                following = heads[number]
                if following is not None and following[0] < current:
                    raise OrderError(f"{following[0]} is listed after {current}")
        yield current, found
