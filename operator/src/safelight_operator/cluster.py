"""What the operator does in its namespace; its Role needs exactly these verbs.

All I/O with the API server is here and in `transport` (Kopf's watches aside), and no decision.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final, Self

from safelight_contract.resources import (
    AVAILABLE_IMAGE,
    GROUP,
    IMAGE_UPLOAD,
    LABEL_MANAGED_BY,
    LABEL_UPLOAD_ID,
    MANAGER,
    VERSION,
)
from safelight_operator.errors import AlreadyExistsError, GoneError, RefusedError
from safelight_operator.transport import METADATA_LIST, Json, Page, Transport

_OURS: Final = f"{LABEL_MANAGED_BY}={MANAGER}"


class Cluster:
    """The objects of one namespace."""

    def __init__(self, transport: Transport, namespace: str) -> None:
        self.namespace = namespace
        self._transport = transport
        self._kinds = f"/apis/{GROUP}/{VERSION}"
        safelight = f"{self._kinds}/namespaces/{namespace}"
        self._uploads = f"{safelight}/{IMAGE_UPLOAD.plural}"
        self._images = f"{safelight}/{AVAILABLE_IMAGE.plural}"
        self._jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._events = f"/api/v1/namespaces/{namespace}/events"
        self._leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"

    @classmethod
    async def connect(cls, namespace: str) -> Self:
        """Use the pod's service account, or where there is none the file named by KUBECONFIG."""
        return cls(await Transport.connect(), namespace)

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def get_upload(self, upload_id: str) -> Json | None:
        """Return an ImageUpload as it is now; None if the server says that it does not exist."""
        return await self._transport.get(f"{self._uploads}/{upload_id}", upload_id)

    async def get_image(self, upload_id: str) -> Json | None:
        """Return an AvailableImage as it is now; None if the server says it does not exist."""
        return await self._transport.get(f"{self._images}/{upload_id}", upload_id)

    async def get_job(self, name: str) -> Json | None:
        """Return a Job as it is now; None if the server says that it does not exist."""
        return await self._transport.get(f"{self._jobs}/{name}", name)

    async def list_jobs(self, upload_id: str) -> list[Json]:
        """Return the Jobs with the labels of one upload, as they are now; see `owners`."""
        selector = {"labelSelector": f"{_OURS},{LABEL_UPLOAD_ID}={upload_id}"}
        return await self._transport.list(self._jobs, selector)

    async def list_pods(self, job_name: str) -> list[Json]:
        """Return the pods with the label of a Job, as they are now; see `owners`."""
        selector = {"labelSelector": f"batch.kubernetes.io/job-name={job_name}"}
        return await self._transport.list(self._pods, selector)

    async def list_all_uploads(self) -> list[Json]:
        """Return all ImageUploads, read page by page."""
        return await self._transport.list(self._uploads, {})

    def upload_pages(self) -> AsyncGenerator[Page, None]:
        """Yield the metadata of all ImageUploads, page by page, in the order of their names."""
        return self._transport.pages(self._uploads, {}, accept=METADATA_LIST)

    def image_pages(self) -> AsyncGenerator[Page, None]:
        """Yield all AvailableImages, page by page, in the order of their names."""
        return self._transport.pages(self._images, {})

    async def list_all_jobs(self) -> list[Json]:
        """Return all Jobs with our label, read page by page; see `owners`."""
        return await self._transport.list(self._jobs, {"labelSelector": _OURS})

    async def patch_upload_status(self, upload_id: str, version: str, status: Json) -> Json:
        """Change an ImageUpload's status if the object is still at that resourceVersion.

        Raises:
            ConflictError: it has changed meanwhile.
            GoneError: it does not exist any more.
        """
        return await self._transport.patch_status(
            f"{self._uploads}/{upload_id}/status", version, status
        )

    async def patch_image_status(self, upload_id: str, version: str, status: Json) -> Json:
        """Change an AvailableImage's status; see `patch_upload_status`."""
        return await self._transport.patch_status(
            f"{self._images}/{upload_id}/status", version, status
        )

    async def create_job(self, job: Mapping[str, Any]) -> Json:
        """Create a Job.

        Raises:
            AlreadyExistsError: there is a Job of this name.
            QuotaExceededError: a quota does not allow another one.
        """
        return await self._transport.request("POST", self._jobs, body=job)

    async def create_image(self, image: Mapping[str, Any]) -> Json:
        """Create an AvailableImage.

        Raises:
            AlreadyExistsError: there is one of this name.
        """
        return await self._transport.request("POST", self._images, body=image)

    async def would_create_image(self, image: Mapping[str, Any]) -> bool:
        """Say whether the server would create this AvailableImage now (a dry run).

        It would not if one exists, or if the namespace or the kind is being deleted.
        """
        try:
            await self._transport.request("POST", self._images, {"dryRun": "All"}, body=image)
        except (AlreadyExistsError, RefusedError, GoneError):
            return False
        return True

    async def takes_uploads(self) -> bool:
        """Say whether ImageUploads can be created; not while their definition is being deleted.

        The server's list of its kinds names no `create` then. To read that takes no right, while a
        dry run would take the right to create them.
        """
        try:
            kinds = await self._transport.request("GET", self._kinds)
        except GoneError:
            return False
        verbs = {kind["name"]: kind["verbs"] for kind in kinds["resources"]}
        return "create" in verbs.get(IMAGE_UPLOAD.plural, ())

    async def create_event(self, event: Mapping[str, Any]) -> None:
        """Record an Event; one of the same name was recorded before.

        Raises:
            AlreadyExistsError: that one is still there.
        """
        await self._transport.request("POST", self._events, body=event)

    async def delete_upload(self, upload_id: str, uid: str) -> None:
        """Delete an ImageUpload if it still has that uid; its Jobs and their pods follow."""
        await self._transport.delete(f"{self._uploads}/{upload_id}", {"uid": uid})

    async def delete_image(self, upload_id: str, uid: str, version: str) -> None:
        """Delete an AvailableImage if nobody has touched it since it was read."""
        preconditions = {"uid": uid, "resourceVersion": version}
        await self._transport.delete(f"{self._images}/{upload_id}", preconditions)

    async def delete_job(self, name: str, uid: str) -> None:
        """Delete a Job if it still has that uid; its pods follow."""
        await self._transport.delete(f"{self._jobs}/{name}", {"uid": uid})

    async def get_lease(self, name: str) -> Json | None:
        """Return a Lease; None if the server says that it does not exist."""
        return await self._transport.get(f"{self._leases}/{name}", name)

    async def create_lease(self, lease: Json) -> Json:
        """Create a Lease.

        Raises:
            AlreadyExistsError: another one was quicker.
        """
        return await self._transport.request("POST", self._leases, body=lease)

    async def replace_lease(self, name: str, lease: Json) -> Json:
        """Replace a Lease if it is still at the resourceVersion that the body holds.

        Raises:
            ConflictError: another one was quicker.
        """
        return await self._transport.request("PUT", f"{self._leases}/{name}", body=lease)

    async def images_version(self) -> str:
        """Return the resourceVersion from which a watch of AvailableImages can start."""
        page = await self._transport.request(
            "GET", self._images, {"limit": "1"}, accept=METADATA_LIST
        )
        return str(page["metadata"]["resourceVersion"])

    def watch_images(self, version: str) -> AsyncGenerator[Json, None]:
        """Yield the events (bookmarks too) of all AvailableImages, only with their metadata.

        Raises:
            ExpiredError: the version is too old; start from a new one.
            UnavailableError: the connection broke or fell silent.
        """
        return self._transport.watch(self._images, version)
