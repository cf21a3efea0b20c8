"""Watches the objects of a namespace and writes each change of interest into the history."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from threading import Event
from typing import Any, Final

import httpx

from safelight_contract.resources import (
    AVAILABLE_IMAGE,
    IMAGE_UPLOAD,
    LABEL_ATTEMPT,
    LABEL_UPLOAD_ID,
    LABEL_UPLOAD_UID,
    Condition,
)
from safelight_local.cluster import Cluster
from tests.faults.access import Access, Json
from tests.faults.history import Line, Recorder
from tests.faults.privileges import privileges

KINDS: Final = {
    IMAGE_UPLOAD.plural: IMAGE_UPLOAD.kind,
    AVAILABLE_IMAGE.plural: AVAILABLE_IMAGE.kind,
    "jobs": "Job",
    "pods": "Pod",
}
_PAUSE: Final = 0.3
"""Seconds before the next try, when the API server does not answer."""
_LISTED_WITHIN: Final = 60


@contextmanager
def observing(
    cluster: Cluster,
    namespace: str,
    recorder: Recorder,
    image: str | None = None,
) -> Iterator[None]:
    """Observe, in a thread of its own, from when all was listed until the block is left.

    Args:
        cluster: an administrator's access; what breaks the programs' connections must not break
            this one, so it goes past every proxy.
        namespace: where.
        recorder: gets the `object` lines.
        image: the only one that the processor's Pods may run; None: any.
    """
    observer = Observer(cluster, namespace, recorder, image)
    with ThreadPoolExecutor(1, thread_name_prefix="observer") as pool:
        running = pool.submit(asyncio.run, observer.run())
        running.add_done_callback(lambda _: observer.listed.set())
        try:
            assert observer.listed.wait(_LISTED_WITHIN), "the API server does not answer"
            yield
        finally:
            observer.stop()
            running.result()


class Observer:
    """See `observing`."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        recorder: Recorder,
        image: str | None,
    ) -> None:
        self.listed = Event()
        self._cluster, self._namespace = cluster, namespace
        self._recorder = recorder
        self._image = image
        self._unlisted = set(KINDS)
        self._known: dict[str, dict[str, Line]] = {plural: {} for plural in KINDS}
        self._stopped = Event()

    def stop(self) -> None:
        """End `run`, from another thread."""
        self._stopped.set()

    async def run(self) -> None:
        """Observe until stopped."""
        async with Access(self._cluster, self._namespace) as access, asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._follow(access, plural)) for plural in KINDS]
            while not self._stopped.is_set():  # noqa: ASYNC110 - set by another thread
                await asyncio.sleep(0.1)
            for task in tasks:
                task.cancel()

    async def _follow(self, access: Access, plural: str) -> None:
        """List, then watch from there; go on after every cut, and list again after a gap."""
        version: str | None = None
        while True:
            try:
                if version is None:
                    items, version = await access.list(plural)
                    self._compare(plural, items)
                async with aclosing(access.watch(plural, version)) as events:
                    async for event in events:
                        if event["type"] == "ERROR":
                            version = None
                            break
                        version = event["object"]["metadata"]["resourceVersion"]
                        if event["type"] != "BOOKMARK":
                            self._note(plural, event["type"], event["object"])
            except httpx.HTTPStatusError:
                version = None
                await asyncio.sleep(_PAUSE)
            except (httpx.HTTPError, ValueError):
                await asyncio.sleep(_PAUSE)

    def _compare(self, plural: str, items: list[Json]) -> None:
        """Note what a list shows to have changed, also what is not in it any more."""
        known = self._known[plural]
        for resource in items:
            self._note(plural, "MODIFIED", resource)
        for uid in known.keys() - {resource["metadata"]["uid"] for resource in items}:
            self._recorder.write("object", event="DELETED", **known.pop(uid))
        self._unlisted.discard(plural)
        if not self._unlisted:
            self.listed.set()

    def _note(self, plural: str, event: str, resource: Json) -> None:
        line = describe(KINDS[plural], resource, self._image)
        known = self._known[plural]
        if line is None or (event != "DELETED" and known.get(line["uid"]) == line):
            return
        if event == "DELETED":
            known.pop(line["uid"], None)
        else:
            event = "MODIFIED" if line["uid"] in known else "ADDED"
            known[line["uid"]] = line
        self._recorder.write("object", event=event, **line)


def describe(kind: str, resource: Json, image: str | None) -> Line | None:
    """Return the fields of an object's line; None for a Pod or Job that is none of ours.

    Args:
        kind: of the resource.
        resource: as the API server has it.
        image: the only one that the processor's Pods may run; None: any.
    """
    metadata = resource["metadata"]
    line: Line = {"kind": kind, "name": metadata["name"], "uid": metadata["uid"]}
    conditions = {c["type"]: c for c in resource.get("status", {}).get("conditions") or ()}
    if kind == IMAGE_UPLOAD.kind:
        succeeded = conditions.get(Condition.SUCCEEDED, {})
        line |= {"upload_id": metadata["name"], "upload_uid": metadata["uid"]}
        line |= {"state": succeeded.get("reason"), "failed": succeeded.get("status") == "False"}
        return line | {"attempt": resource.get("status", {}).get("attempt", 0)}
    if kind == AVAILABLE_IMAGE.kind:
        ready = conditions.get(Condition.READY, {}).get("status") == "True"
        line |= {"upload_id": metadata["name"], "upload_uid": resource["spec"]["uploadUID"]}
        return line | {"ready": ready}
    if not is_processors(resource):
        return None
    labels: dict[str, Any] = metadata.get("labels") or {}
    line |= {"upload_id": labels.get(LABEL_UPLOAD_ID), "upload_uid": labels.get(LABEL_UPLOAD_UID)}
    line["attempt"] = int(labels.get(LABEL_ATTEMPT, 0))
    return line | ({"privileged": privileges(resource, image)} if kind == "Pod" else {})


def is_processors(resource: Json) -> bool:
    """Say whether a Job or Pod works on uploads: by its label, or as the Pod of any Job."""
    metadata = resource["metadata"]
    owners = {owner["kind"] for owner in metadata.get("ownerReferences") or ()}
    return "Job" in owners or LABEL_UPLOAD_ID in (metadata.get("labels") or {})
