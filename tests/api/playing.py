"""A test plays the operator: it writes what the operator would, through the real API server."""

import hashlib
import ssl
from collections.abc import Mapping
from typing import Any, Self

import httpx

from safelight_contract import keys, policy
from safelight_contract.resources import (
    API_VERSION,
    AVAILABLE_IMAGE,
    IMAGE_UPLOAD,
    AvailableImageSpec,
    Kind,
    StoredImage,
    StoredVariant,
)
from safelight_local.cluster import Cluster
from tests.api import making
from tests.support.bucket import Bucket


class PlayedOperator:
    """Writes resources as the operator does, in its order."""

    def __init__(self, cluster: Cluster, namespace: str, bucket: Bucket) -> None:
        self.bucket = bucket
        self._client = httpx.AsyncClient(
            base_url=f"{cluster.url}/apis/{API_VERSION}/namespaces/{namespace}/",
            headers={"Authorization": f"Bearer {cluster.token}"},
            verify=ssl.create_default_context(cafile=cluster.ca_file),
            trust_env=False,
            timeout=30,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._client.aclose()
        self.bucket.close()

    async def get(self, kind: Kind, name: str) -> dict[str, Any] | None:
        """Return a resource, if it exists."""
        answer = await self._client.get(f"{kind.plural}/{name}")
        if answer.status_code == 404:
            return None
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    async def names(self, kind: Kind) -> list[str]:
        """Return the names of all resources of a kind."""
        answer = (await self._client.get(kind.plural)).raise_for_status().json()
        return [item["metadata"]["name"] for item in answer["items"]]

    async def create(self, kind: Kind, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        """Create a resource."""
        body = {
            "apiVersion": API_VERSION,
            "kind": kind.kind,
            "metadata": {"name": name},
            "spec": spec,
        }
        answer = await self._client.post(kind.plural, json=body)
        created: dict[str, Any] = answer.raise_for_status().json()
        return created

    async def delete(self, kind: Kind, name: str) -> None:
        """Delete a resource."""
        (await self._client.delete(f"{kind.plural}/{name}")).raise_for_status()

    async def progress(self, upload_id: str, reason: str) -> None:
        """Write how far an upload is."""
        await self._condition(IMAGE_UPLOAD, upload_id, "Succeeded", "Unknown", reason)

    async def fail(self, upload_id: str, reason: str) -> None:
        """Write why an upload has failed."""
        await self._condition(IMAGE_UPLOAD, upload_id, "Succeeded", "False", reason)

    async def annotate(
        self, upload_id: str, name: str, value: str | None, kind: Kind = IMAGE_UPLOAD
    ) -> None:
        """Set an annotation of an upload or an image, as kubectl does; None removes it."""
        await self.patch(kind, upload_id, {"metadata": {"annotations": {name: value}}})

    async def patch(self, kind: Kind, path: str, change: dict[str, Any]) -> None:
        """Merge a change into an object, or into a subresource of it."""
        await self._patch(path, change, kind)

    async def observe_retry(self, upload_id: str, value: str | None) -> None:
        """Write that a retry was taken up; whatever else is in the status stays."""
        await self._patch(f"{upload_id}/status", {"status": {"observedRetry": value}})

    async def send(self, kind: Kind, name: str, change: str) -> httpx.Response:
        """Merge a change that is given as JSON text, and return the answer."""
        return await self._client.patch(
            f"{kind.plural}/{name}",
            content=change,
            headers={"Content-Type": "application/merge-patch+json"},
        )

    async def expire(self, upload_id: str) -> None:
        """Write that a failed upload is being removed."""
        failure = making.condition("Succeeded", "False", "CorruptImage")
        expired = making.condition("Expired", "True", "RetentionOver")
        await self._patch(f"{upload_id}/status", {"status": {"conditions": [failure, expired]}})

    async def create_image(
        self,
        image_id: str,
        upload_uid: str = "some",
        data: bytes = b"bytes",
        name: str = "a.png",
        variants: Mapping[str, bytes] | None = None,
    ) -> None:
        """Store an image's bytes and create its AvailableImage, which is not confirmed yet.

        Args:
            image_id: its id.
            upload_uid: of the upload that it replaces.
            data: of the image itself, called a JPEG.
            name: of the uploaded file.
            variants: bytes by file name, such as `w320.avif`; with any there are facts too.
        """
        spec = AvailableImageSpec(
            upload_uid=upload_uid,
            file_name=name,
            image=StoredImage(**self._stored(image_id, keys.MAIN, policy.JPEG, data)),
            variants=tuple(
                StoredVariant(name=stem, **self._stored(image_id, stem, image_format, content))
                for file_name, content in (variants or {}).items()
                for stem, _, extension in [file_name.partition(".")]
                for image_format in policy.OUTPUTS
                if image_format.extension == extension
            ),
            facts=making.FACTS if variants else None,
        )
        await self.create(AVAILABLE_IMAGE, image_id, spec.to_dict())

    def _stored(
        self, image_id: str, name: str, image_format: policy.Format, data: bytes
    ) -> dict[str, Any]:
        """Store bytes, and return what the resource says of them."""
        key = keys.image(image_id, 1, image_format, name)
        return {
            "key": key,
            "media_type": image_format.media_type,
            "size": len(data),
            "width": 640,
            "height": 480,
            "sha256": hashlib.sha256(data).hexdigest(),
            "etag": self.bucket.put(key, data),
        }

    async def confirm(self, image_id: str) -> None:
        """Let clients see an image."""
        await self._condition(AVAILABLE_IMAGE, image_id, "Ready", "True", "Confirmed")

    async def available(
        self,
        data: bytes = b"bytes",
        name: str = "a.png",
        variants: Mapping[str, bytes] | None = None,
    ) -> str:
        """Make an image without an upload, and return its id."""
        image_id = making.an_id()
        await self.create_image(image_id, data=data, name=name, variants=variants)
        await self.confirm(image_id)
        return image_id

    async def process(self, upload_id: str, data: bytes = b"bytes") -> None:
        """Take an upload all the way."""
        upload = await self.get(IMAGE_UPLOAD, upload_id)
        assert upload is not None
        await self.progress(upload_id, "Running")
        await self.progress(upload_id, "Publishing")
        await self.create_image(upload_id, upload["metadata"]["uid"], data)
        await self.confirm(upload_id)
        await self.delete(IMAGE_UPLOAD, upload_id)

    async def _condition(
        self, kind: Kind, name: str, condition: str, status: str, reason: str
    ) -> None:
        change = {"status": {"conditions": [making.condition(condition, status, reason)]}}
        await self._patch(f"{name}/status", change, kind)

    async def _patch(self, path: str, change: dict[str, Any], kind: Kind = IMAGE_UPLOAD) -> None:
        answer = await self._client.patch(
            f"{kind.plural}/{path}",
            json=change,
            headers={"Content-Type": "application/merge-patch+json"},
        )
        answer.raise_for_status()
