"""A bare loop over the processor's Jobs: what a burst of uploads is measured against.

It finds the originals in the bucket, creates Jobs as administrator, and deletes each as it hints:
no API, no records, no checks. Its Jobs are the operator's but for two things: they have no owner
(there is no upload), and they name another manager, so that the operator does not mind them.
"""

import asyncio
import hashlib
import time
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import replace
from typing import Any, Final

from safelight_contract import keys, policy
from safelight_contract.env import ObjectStoreSettings
from safelight_contract.job import HINT_PATH
from safelight_contract.recipe import Recipe
from safelight_contract.resources import LABEL_MANAGED_BY
from safelight_local import network
from safelight_local.cluster import Cluster
from safelight_local.control_plane import free_ports
from safelight_operator import hints, manifest
from safelight_operator.objects import Objects
from safelight_operator.request import URL_MARGIN_SECONDS
from safelight_operator.settings import ProcessorSettings
from tests.operator import making
from tests.operator.playing import Kubernetes
from tests.support.bucket import Bucket

_ATTEMPT: Final = 1
_LOOK_SECONDS: Final = 15.0
_ENDS: Final = {"Complete", "Failed"}


class BareLoop:
    """Processes one photo again and again.

    Args:
        env: what `make up` leaves in local/state/env.
        cluster: the administrator's access.
        processor: how the release's Jobs look.
        cap: live Jobs at once.
    """

    def __init__(
        self, env: Mapping[str, str], cluster: Cluster, processor: ProcessorSettings, cap: int
    ) -> None:
        self._store = ObjectStoreSettings(
            endpoint=env["S3_ENDPOINT"],
            bucket=env["S3_BUCKET"],
            region=env["S3_REGION"],
            access_key_id=env["S3_ACCESS_KEY_ID"],
            secret_access_key=env["S3_SECRET_ACCESS_KEY"],
        )
        self._cluster = cluster
        self._namespace = env["SAFELIGHT_NAMESPACE"]
        self._processor = processor
        self._slots = asyncio.Semaphore(cap)
        # The bridge's address: pods reach the host there.
        self._port = free_ports(1, network.ADDRESS)[0]
        self._hinted: dict[str, asyncio.Event] = {}

    async def run(self, photo: bytes, count: int) -> float:
        """Process a photo that often; return the seconds from the first Job to the last hint."""
        self._hinted = {str(uuid.uuid4()): asyncio.Event() for _ in range(count)}
        with closing(Bucket(self._store)) as bucket:
            for upload_id in self._hinted:
                bucket.put(keys.original(upload_id, policy.JPEG), photo)
        async with AsyncExitStack() as stack:
            objects = Objects(self._store)
            stack.callback(objects.close)
            kubernetes = Kubernetes(self._cluster, self._namespace)
            stack.push_async_callback(kubernetes.close)
            routes = hints.hint_routes(self._hint)
            server = hints.server(routes, "hints", network.ADDRESS, self._port, 64)
            await stack.enter_async_context(server.running())
            began = time.monotonic()
            async with asyncio.TaskGroup() as group:
                for upload_id in self._hinted:
                    group.create_task(self._process(upload_id, photo, objects, kubernetes))
            seconds = time.monotonic() - began
            # A Job that fails hints as well.
            for upload_id in self._hinted:
                assert await objects.read_manifest(upload_id, _ATTEMPT) is not None, upload_id
                await objects.delete_original(upload_id)
                await objects.delete_images(upload_id)
        return seconds

    def _hint(self, upload_id: str) -> bool:
        self._hinted[upload_id].set()
        return True

    async def _process(
        self, upload_id: str, photo: bytes, objects: Objects, kubernetes: Kubernetes
    ) -> None:
        async with self._slots, asyncio.timeout(self._processor.deadline_seconds):
            job = self._job(upload_id, photo, objects)
            await kubernetes.create("jobs", job)
            await self._ended(upload_id, job["metadata"]["name"], kubernetes)
            await kubernetes.delete("jobs", job["metadata"]["name"])

    async def _ended(self, upload_id: str, name: str, kubernetes: Kubernetes) -> None:
        """Wait for the hint; on a busy node one may get lost, so look from time to time."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._hinted[upload_id].wait()
                    return
            job = await kubernetes.get("jobs", name)
            conditions = (job or {}).get("status", {}).get("conditions", ())
            if job is None or _ENDS & {condition["type"] for condition in conditions}:
                return

    def _job(self, upload_id: str, photo: bytes, objects: Objects) -> dict[str, Any]:
        seconds = self._processor.deadline_seconds + URL_MARGIN_SECONDS
        sha256 = hashlib.sha256(photo).hexdigest()
        spec = replace(making.SPEC, size=len(photo), sha256=sha256)
        path = HINT_PATH.format(upload_id=upload_id)
        recipe = Recipe()
        manifest_key = keys.manifest(upload_id, _ATTEMPT)
        request = making.request(
            upload_id=upload_id,
            size=spec.size,
            sha256=spec.sha256,
            source_url=objects.sign_get(keys.original(upload_id, policy.JPEG), seconds),
            recipe=recipe,
            outputs={
                keys.file_name(name, made): objects.sign_put(
                    keys.image(upload_id, _ATTEMPT, made, name), made.media_type, seconds
                )
                for name, made in recipe.files(policy.JPEG)
            },
            manifest=objects.sign_put(manifest_key, "application/json", seconds),
            hint_url=f"http://{network.ADDRESS}:{self._port}{path}",
        )
        job = manifest.job(making.upload(id=upload_id, spec=spec), request, self._processor)
        del job["metadata"]["ownerReferences"]
        job["metadata"]["labels"] = job["metadata"]["labels"] | {LABEL_MANAGED_BY: "bench"}
        return job
