"""A test plays the API and the kubelet, through the real API server and the real object storage.

The control plane has no node: the Job controller creates the pods of Jobs, and they stay Pending
until a test says what became of them.
"""

import asyncio
import hashlib
import io
import json
import ssl
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import httpx
from PIL import Image

from safelight_contract import keys, policy
from safelight_contract.job import JobRequest, TerminationMessage
from safelight_contract.resources import (
    ANNOTATION_UPLOADED_BY,
    API_VERSION,
    AVAILABLE_IMAGE,
    GROUP,
    IMAGE_UPLOAD,
    MANAGER,
    VERSION,
    ImageUploadSpec,
)
from safelight_local.cluster import Cluster
from tests.operator.processing import request_of, send_hint, store
from tests.support.bucket import Bucket

T = TypeVar("T")
Json = dict[str, Any]


async def eventually(
    look: Callable[[], Awaitable[T]],
    is_right: Callable[[T], bool],
    seconds: float = 30,
) -> T:
    """Look again until it is right; fail with what was seen last."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        seen = await look()
        if is_right(seen):
            return seen
        assert loop.time() < deadline, f"after {seconds} s: {seen!r}"
        await asyncio.sleep(0.02)


def photo() -> bytes:
    """Return a small JPEG."""
    data = io.BytesIO()
    Image.effect_noise((64, 48), 60).convert("RGB").save(data, "JPEG")
    return data.getvalue()


class Kubernetes:
    """What a test does and sees in its namespace, as the administrator."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.namespace = namespace
        tls = ssl.create_default_context(cafile=cluster.ca_file)
        self._client = httpx.AsyncClient(
            base_url=cluster.url,
            headers={"Authorization": f"Bearer {cluster.token}"},
            verify=tls,
            trust_env=False,
            timeout=30,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _path(self, plural: str, name: str = "") -> str:
        group = {
            IMAGE_UPLOAD.plural: f"/apis/{GROUP}/{VERSION}",
            AVAILABLE_IMAGE.plural: f"/apis/{GROUP}/{VERSION}",
            "jobs": "/apis/batch/v1",
            "leases": "/apis/coordination.k8s.io/v1",
            "resourcequotas": "/api/v1",
        }.get(plural.split("/", maxsplit=1)[0], "/api/v1")
        return f"{group}/namespaces/{self.namespace}/{plural}{'/' + name if name else ''}"

    async def create(self, plural: str, body: Json) -> Json:
        """Create an object."""
        return self._json(await self._client.post(self._path(plural), json=body))

    async def get(self, plural: str, name: str) -> Json | None:
        """Return an object, or None."""
        response = await self._client.get(self._path(plural, name))
        return None if response.status_code == 404 else self._json(response)

    async def list(self, plural: str) -> list[Json]:
        """Return all objects of a kind."""
        items: list[Json] = self._json(await self._client.get(self._path(plural)))["items"]
        return items

    async def patch(self, plural: str, name: str, body: Json, subresource: str = "") -> Json:
        """Merge-patch an object."""
        return self._json(
            await self._client.patch(
                self._path(plural, name) + subresource,
                content=json.dumps(body),
                headers={"Content-Type": "application/merge-patch+json"},
            ),
        )

    async def delete(self, plural: str, name: str) -> None:
        """Delete an object as kubectl does; it may be gone already."""
        response = await self._client.request(
            "DELETE",
            self._path(plural, name),
            json={"propagationPolicy": "Background"},
        )
        assert response.status_code in {200, 202, 404}, response.text

    async def upload(self, upload_id: str) -> Json | None:
        """Return an ImageUpload, or None."""
        return await self.get(IMAGE_UPLOAD.plural, upload_id)

    async def image(self, upload_id: str) -> Json | None:
        """Return an AvailableImage, or None."""
        return await self.get(AVAILABLE_IMAGE.plural, upload_id)

    async def state(self, upload_id: str) -> str:
        """Return what a reader would be told: the reason, `processed` or `absent`."""
        image = await self.image(upload_id)
        if image is not None and condition(image, "Ready").get("status") == "True":
            return "processed"
        upload = await self.upload(upload_id)
        return "absent" if upload is None else condition(upload, "Succeeded").get("reason", "New")

    @staticmethod
    def _json(response: httpx.Response) -> Json:
        assert response.is_success, response.text
        answer: Json = response.json()
        return answer


def condition(resource: Json, kind: str) -> Json:
    """Return a condition of a resource; empty if it has none of that type."""
    found = resource.get("status", {}).get("conditions", [])
    return next((entry for entry in found if entry["type"] == kind), {})


class Stage:
    """One namespace and one bucket, and all that a test plays in them."""

    def __init__(self, kubernetes: Kubernetes, bucket: Bucket) -> None:
        self.kubernetes = kubernetes
        self.bucket = bucket

    async def post(self, data: bytes | None = None, client: str = "") -> str:
        """Store an original, create its ImageUpload, return the id."""
        upload_id = str(uuid.uuid4())
        await self.post_as(upload_id, data, client)
        return upload_id

    async def post_as(self, upload_id: str, data: bytes | None = None, client: str = "") -> Json:
        """Store an original, create its ImageUpload with that id, return that."""
        data = photo() if data is None else data
        self.bucket.put(keys.original(upload_id, policy.JPEG), data)
        spec = ImageUploadSpec(
            "photo.jpg",
            "image/jpeg",
            len(data),
            hashlib.sha256(data).hexdigest(),
        )
        body = {
            "apiVersion": API_VERSION,
            "kind": IMAGE_UPLOAD.kind,
            "metadata": {"name": upload_id, "annotations": {ANNOTATION_UPLOADED_BY: client}},
            "spec": spec.to_dict(),
        }
        return await self.kubernetes.create(IMAGE_UPLOAD.plural, body)

    async def job(self, upload_id: str, attempt: int = 1) -> Json:
        """Return an attempt's Job, once it is there."""
        name = f"safelight-{upload_id}-{attempt}"
        job = await eventually(
            lambda: self.kubernetes.get("jobs", name),
            lambda found: found is not None,
        )
        assert job is not None
        return job

    async def request(self, upload_id: str, attempt: int = 1) -> JobRequest:
        """Return what an attempt's Job is asked to do, once it is there."""
        return request_of(await self.job(upload_id, attempt))

    async def process(
        self,
        upload_id: str,
        attempt: int = 1,
        *,
        hint: bool = True,
        variants: Sequence[str] = (),
    ) -> None:
        """Do what the processor does, but for the pictures themselves, and send the hint."""
        request = await self.request(upload_id, attempt)
        await store(request, variants)
        if hint:
            await send_hint(request)

    async def pod(self, upload_id: str, attempt: int = 1) -> Json:
        """Return the pod that the Job controller made, once it is there."""
        label = f"safelight-{upload_id}-{attempt}"

        async def look() -> list[Json]:
            pods = await self.kubernetes.list("pods")
            return [p for p in pods if p["metadata"]["labels"].get("job-name") == label]

        return (await eventually(look, bool))[-1]

    async def end(
        self,
        upload_id: str,
        attempt: int = 1,
        *,
        code: int,
        reason: str = "Error",
        detail: str = "",
    ) -> None:
        """Let an attempt's pod end as the kubelet would report it."""
        pod = await self.pod(upload_id, attempt)
        terminated = {
            "exitCode": code,
            "reason": reason if code else "Completed",
            "startedAt": pod["metadata"]["creationTimestamp"],
            "finishedAt": pod["metadata"]["creationTimestamp"],
        }
        if detail:
            terminated["message"] = TerminationMessage(code, detail).encode()
        await self.set_pod(pod, "Failed" if code else "Succeeded", {"terminated": terminated})

    async def set_pod(self, pod: Json, phase: str, state: Json) -> None:
        """Write the status of a pod as the kubelet would."""
        container = {
            "name": "processor",
            "image": "processor",
            "imageID": "processor",
            "ready": "running" in state,
            "restartCount": 0,
            "state": state,
        }
        is_ready = "True" if "running" in state else "False"
        status = {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": is_ready}],
            "containerStatuses": [container],
        }
        await self.kubernetes.patch(
            "pods",
            pod["metadata"]["name"],
            {"status": status},
            "/status",
        )

    async def events(self) -> list[Json]:
        """Return the Events that the operator has made."""
        events = await self.kubernetes.list("events")
        return [e for e in events if e.get("source", {}).get("component") == MANAGER]

    async def event(self, reason: str) -> Json:
        """Return the operator's one Event with a reason, once it is there."""

        async def look() -> list[Json]:
            return [e for e in await self.events() if e["reason"] == reason]

        (event,) = await eventually(look, bool)
        return event

    async def until(self, upload_id: str, state: str, seconds: float = 30) -> None:
        """Wait until a reader would be told this."""
        await eventually(
            lambda: self.kubernetes.state(upload_id),
            lambda seen: seen == state,
            seconds,
        )

    async def until_settled(self, upload_id: str, objects: list[str], seconds: float = 30) -> None:
        """Wait until an upload and its Jobs are gone and these of its objects are left."""

        async def look() -> tuple[Json | None, list[str], list[str]]:
            jobs = [j["metadata"]["name"] for j in await self.kubernetes.list("jobs")]
            return (
                await self.kubernetes.upload(upload_id),
                [name for name in jobs if upload_id in name],
                [key for key in self.bucket.stored() if upload_id in key],
            )

        await eventually(look, lambda seen: seen == (None, [], objects), seconds)
