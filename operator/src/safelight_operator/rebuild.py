"""Makes AvailableImages again from the manifests in the bucket, after the cluster lost its memory.

It only adds: an id that has an ImageUpload or an AvailableImage is left as it is. It may run beside
an operator, and again after it was interrupted: an image that it has made and not yet confirmed
carries an annotation, so that nobody takes it for one whose upload was deleted.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from safelight_contract import keys
from safelight_contract.resources import AvailableImageSpec
from safelight_contract.unreadable import UnreadableError
from safelight_operator import conditions, manifest, output
from safelight_operator.cluster import Cluster
from safelight_operator.errors import (
    AlreadyExistsError,
    ConflictError,
    GoneError,
    RefusedError,
    UnavailableError,
)
from safelight_operator.objects import Objects, StorageError
from safelight_operator.transport import gather_or_raise
from safelight_operator.world import Image

AT_ONCE: Final = 8
"""Ids that are worked on at the same time."""
TRIES: Final = 6
"""For each id; an answer that is not "no" may be another one later."""
FIRST_DELAY: Final = 0.5
"""Seconds before the second try; doubled before each further one."""


class Result(StrEnum):
    """What became of an id."""

    REBUILT = "rebuilt"
    KEPT = "kept"
    """It has an ImageUpload or an AvailableImage."""
    UNUSABLE = "unusable"
    """No attempt has left a manifest with the image that it speaks of."""


class Rebuild:
    """One run.

    Args:
        cluster: where the resources are to be.
        objects: where the manifests are.
        tell: takes lines for the person who runs it.
        dry_run: change nothing.
    """

    def __init__(
        self, cluster: Cluster, objects: Objects, tell: Callable[[str], object], *, dry_run: bool
    ) -> None:
        self._cluster = cluster
        self._objects = objects
        self._tell = tell
        self._dry_run = dry_run
        self._results: Counter[Result] = Counter()

    async def run(self) -> None:
        """Look at every id that has a manifest in the bucket.

        Raises:
            ClusterError: the kinds cannot be listed, or the API server is away for too long.
            StorageError: the object storage is away for too long, or refuses.
        """
        # If this is not allowed, or a kind is not served, absence would mean nothing below.
        for pages in (self._cluster.upload_pages(), self._cluster.image_pages()):
            async with aclosing(pages):
                await anext(pages)
        waiting = []
        async for upload_id, attempts in self._attempts():
            waiting.append(self._patiently(upload_id, attempts))
            if len(waiting) == AT_ONCE:
                await gather_or_raise(*waiting)
                waiting = []
        await gather_or_raise(*waiting)
        numbers = ", ".join(f"{self._results[result]} {result}" for result in Result)
        self._tell(f"{'Dry run' if self._dry_run else 'Done'}: {numbers}\n")

    async def _attempts(self) -> AsyncIterator[tuple[str, list[int]]]:
        """Yield the ids that have a manifest, with their attempts, the newest first."""
        current, attempts = "", list[int]()
        async for page in self._objects.pages(keys.IMAGES):
            for stored in page:
                owner = keys.owner(stored.key)
                if owner is None or owner.attempt is None:
                    continue
                if owner.upload_id != current:
                    if attempts:
                        yield current, sorted(attempts, reverse=True)
                    current, attempts = owner.upload_id, []
                if stored.key == keys.manifest(current, owner.attempt):
                    attempts.append(owner.attempt)
        if attempts:
            yield current, sorted(attempts, reverse=True)

    async def _patiently(self, upload_id: str, attempts: list[int]) -> None:
        for number in range(TRIES):
            try:
                result, detail = await self._one(upload_id, attempts)
            except (UnavailableError, ConflictError, GoneError, StorageError):
                if number == TRIES - 1:
                    raise
                await asyncio.sleep(FIRST_DELAY * 2**number)
            else:
                self._results[result] += 1
                if result is not Result.KEPT:
                    self._tell(f"{upload_id} {result}{detail}\n")
                return

    async def _one(self, upload_id: str, attempts: list[int]) -> tuple[Result, str]:
        # In this order: an upload that is gone by now has left its image before.
        if await self._cluster.get_upload(upload_id) is not None:
            return Result.KEPT, ""
        found = await self._cluster.get_image(upload_id)
        if found is not None:
            return await self._confirm_found(upload_id, found)
        spec = await self._newest(upload_id, attempts)
        if spec is None:
            return Result.UNUSABLE, ": no attempt is complete"
        if self._dry_run:
            return Result.REBUILT, f" from {spec.image.key}"
        body = manifest.available_image(upload_id, spec, rebuilt_at=datetime.now(UTC))
        try:
            image = Image.from_dict(await self._cluster.create_image(body))
        except AlreadyExistsError as error:
            raise ConflictError(str(error)) from error
        except RefusedError as error:
            return Result.UNUSABLE, f": {error}"
        return await self._confirm(image)

    async def _confirm_found(self, upload_id: str, found: Mapping[str, Any]) -> tuple[Result, str]:
        try:
            image = Image.from_dict(found)
        except UnreadableError as error:
            self._tell(f"{upload_id} {Result.KEPT}: it cannot be read ({error})\n")
            return Result.KEPT, ""
        return await self._confirm(image)

    async def _confirm(self, image: Image) -> tuple[Result, str]:
        if image.ready or not image.rebuilt:
            return Result.KEPT, ""
        if not self._dry_run:
            ready = conditions.ready(image.generation, datetime.now(UTC))
            await self._cluster.patch_image_status(image.id, image.resource_version, ready)
        return Result.REBUILT, f" from {image.key}"

    async def _newest(self, upload_id: str, attempts: list[int]) -> AvailableImageSpec | None:
        """Return the newest attempt that is complete, else the newest that has its image."""
        incomplete = None
        for attempt in attempts:
            data = await self._objects.read_manifest(upload_id, attempt)
            record = output.read(upload_id, attempt, data)
            if record is None:
                continue
            stored = await self._objects.stored(upload_id, attempt)
            spec = output.to_publish(record, stored)
            if spec is not None:
                return spec
            incomplete = incomplete or output.to_publish(record, stored, whole=False)
        return incomplete
