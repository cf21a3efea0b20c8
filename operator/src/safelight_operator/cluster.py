"""The Kubernetes API: raw JSON in and out, and this package's own few errors.

All I/O with the API server is here (Kopf's watches aside), and no decision. The official client
brings the configuration, the authentication and the connections; its models are not used.
"""

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from time import perf_counter
from typing import Any, Final, Self

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.incluster_config import load_incluster_config
from kubernetes.aio.config.kube_config import load_kube_config

from safelight_contract.resources import (
    AVAILABLE_IMAGE,
    GROUP,
    IMAGE_UPLOAD,
    LABEL_MANAGED_BY,
    LABEL_UPLOAD_ID,
    MANAGER,
    VERSION,
)
from safelight_operator import metrics

Json = dict[str, Any]

CHUNK: Final = 500
"""Objects per page of a list."""
WATCH_SECONDS: Final = 420
"""The server ends a watch after that; it is then started again."""
WATCH_SILENCE_SECONDS: Final = 130
"""A watch that is silent for longer (not even a bookmark, one a minute) is dead."""
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, sock_connect=5)
_CONNECTIONS: Final = 32
_METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_TRANSIENT: Final = frozenset({401, 408, 429, 500, 502, 503, 504})


class ClusterError(Exception):
    """A request to the API server did not do what was asked."""


class UnavailableError(ClusterError):
    """No answer, or "not now": the same request may succeed later.

    Args:
        message: for the log.
        retry_after: seconds that the server asked for.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotServedError(UnavailableError):
    """The kind itself is not served: that says nothing about its objects."""


class ConflictError(ClusterError):
    """The object is not as it was when it was read: look again."""


class AlreadyExistsError(ClusterError):
    """There is an object of this name."""


class GoneError(ClusterError):
    """The object that was to be changed is not there."""


class RefusedError(ClusterError):
    """Not allowed, or not valid."""


class QuotaExceededError(RefusedError):
    """A quota of the namespace is used up."""


class ExpiredError(ClusterError):
    """A watch or a list cannot go on from where it was (410): start again with a list."""


class Cluster:
    """What the operator does in its namespace; its Role needs exactly these verbs."""

    def __init__(self, configuration: Configuration, namespace: str) -> None:
        configuration.connection_pool_maxsize = _CONNECTIONS
        self.namespace = namespace
        self._client = ApiClient(configuration)
        self._client.user_agent = MANAGER
        safelight = f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}"
        self._uploads = f"{safelight}/{IMAGE_UPLOAD.plural}"
        self._images = f"{safelight}/{AVAILABLE_IMAGE.plural}"
        self._jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._events = f"/api/v1/namespaces/{namespace}/events"
        self._leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"

    @classmethod
    async def connect(cls, namespace: str) -> Self:
        """Use the pod's service account, or where there is none the file named by KUBECONFIG."""
        configuration = Configuration()
        if "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            await load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return cls(configuration, namespace)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()  # type: ignore[no-untyped-call]

    async def get_upload(self, upload_id: str) -> Json | None:
        """Return an ImageUpload as it is now; None if the server says that it does not exist."""
        return await self._get(f"{self._uploads}/{upload_id}", upload_id)

    async def get_image(self, upload_id: str) -> Json | None:
        """Return an AvailableImage as it is now; None if the server says it does not exist."""
        return await self._get(f"{self._images}/{upload_id}", upload_id)

    async def get_job(self, name: str) -> Json | None:
        """Return a Job as it is now; None if the server says that it does not exist."""
        return await self._get(f"{self._jobs}/{name}", name)

    async def list_jobs(self, upload_id: str) -> list[Json]:
        """Return all Jobs of one upload, as they are now."""
        selector = f"{LABEL_MANAGED_BY}={MANAGER},{LABEL_UPLOAD_ID}={upload_id}"
        return await self._list(self._jobs, {"labelSelector": selector})

    async def list_pods(self, job_name: str) -> list[Json]:
        """Return the pods of a Job, as they are now."""
        selector = f"batch.kubernetes.io/job-name={job_name}"
        return await self._list(self._pods, {"labelSelector": selector})

    async def list_all_uploads(self) -> list[Json]:
        """Return all ImageUploads, read page by page."""
        return await self._list(self._uploads, {})

    async def list_all_jobs(self) -> list[Json]:
        """Return all Jobs of ours, read page by page."""
        return await self._list(self._jobs, {"labelSelector": f"{LABEL_MANAGED_BY}={MANAGER}"})

    async def patch_upload_status(self, upload_id: str, version: str, status: Json) -> Json:
        """Change an ImageUpload's status if the object is still at that resourceVersion.

        Raises:
            ConflictError: it has changed meanwhile.
            GoneError: it does not exist any more.
        """
        return await self._patch(f"{self._uploads}/{upload_id}/status", version, status)

    async def patch_image_status(self, upload_id: str, version: str, status: Json) -> Json:
        """Change an AvailableImage's status; see `patch_upload_status`."""
        return await self._patch(f"{self._images}/{upload_id}/status", version, status)

    async def create_job(self, job: Mapping[str, Any]) -> Json:
        """Create a Job.

        Raises:
            AlreadyExistsError: there is a Job of this name.
            QuotaExceededError: a quota does not allow another one.
        """
        return await self._request("POST", self._jobs, body=job)

    async def create_image(self, image: Mapping[str, Any]) -> Json:
        """Create an AvailableImage.

        Raises:
            AlreadyExistsError: there is one of this name.
        """
        return await self._request("POST", self._images, body=image)

    async def would_create_image(self, image: Mapping[str, Any]) -> bool:
        """Say whether the server would create this AvailableImage now (a dry run).

        It would not if one exists, or if the namespace or the kind is being deleted.
        """
        try:
            await self._request("POST", self._images, {"dryRun": "All"}, body=image)
        except (AlreadyExistsError, RefusedError, GoneError):
            return False
        return True

    async def create_event(self, event: Mapping[str, Any]) -> None:
        """Record an Event; one of the same name was recorded before.

        Raises:
            AlreadyExistsError: that one is still there.
        """
        await self._request("POST", self._events, body=event)

    async def delete_upload(self, upload_id: str, uid: str) -> None:
        """Delete an ImageUpload if it still has that uid; its Jobs and their pods follow."""
        await self._delete(f"{self._uploads}/{upload_id}", {"uid": uid})

    async def delete_image(self, upload_id: str, uid: str, version: str) -> None:
        """Delete an AvailableImage if nobody has touched it since it was read."""
        preconditions = {"uid": uid, "resourceVersion": version}
        await self._delete(f"{self._images}/{upload_id}", preconditions)

    async def delete_job(self, name: str, uid: str) -> None:
        """Delete a Job if it still has that uid; its pods follow."""
        await self._delete(f"{self._jobs}/{name}", {"uid": uid})

    async def get_lease(self, name: str) -> Json | None:
        """Return a Lease; None if the server says that it does not exist."""
        return await self._get(f"{self._leases}/{name}", name)

    async def create_lease(self, lease: Json) -> Json:
        """Create a Lease.

        Raises:
            AlreadyExistsError: another one was quicker.
        """
        return await self._request("POST", self._leases, body=lease)

    async def replace_lease(self, name: str, lease: Json) -> Json:
        """Replace a Lease if it is still at the resourceVersion that the body holds.

        Raises:
            ConflictError: another one was quicker.
        """
        return await self._request("PUT", f"{self._leases}/{name}", body=lease)

    async def images_version(self) -> str:
        """Return the resourceVersion from which a watch of AvailableImages can start."""
        page = await self._request("GET", self._images, {"limit": "1"}, accept=_METADATA_LIST)
        version: str = page["metadata"]["resourceVersion"]
        return version

    async def watch_images(self, version: str) -> AsyncIterator[Json]:
        """Yield the events (bookmarks too) of all AvailableImages, only with their metadata.

        Raises:
            ExpiredError: the version is too old; start from a new one.
            UnavailableError: the connection broke or fell silent.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        timeout = aiohttp.ClientTimeout(sock_connect=5, sock_read=WATCH_SILENCE_SECONDS)
        try:
            response = await self._send("GET", self._images, query, None, _METADATA, timeout)
            try:
                if response.status != 200:  # noqa: PLR2004 - HTTP's "OK"
                    raise _error(response, await response.read())
                async for line in response.content:
                    event: Json = json.loads(line)
                    if event["type"] == "ERROR":
                        raise ExpiredError(str(event["object"].get("message")))
                    yield event
            finally:
                response.close()
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError, ValueError) as error:
            raise UnavailableError(f"watch: {type(error).__name__}") from error

    async def _get(self, path: str, name: str) -> Json | None:
        try:
            return await self._request("GET", path)
        except GoneError as error:
            if error.args[1:] == (name,):
                return None
            raise NotServedError(str(error)) from error

    async def _list(self, path: str, query: Mapping[str, str]) -> list[Json]:
        items: list[Json] = []
        position = ""
        while True:
            page_query = {**query, "limit": str(CHUNK)}
            if position:
                page_query["continue"] = position
            try:
                page = await self._request("GET", path, page_query)
            except GoneError as error:
                raise NotServedError(str(error)) from error
            items += page["items"]
            position = page["metadata"].get("continue", "")
            if not position:
                return items

    async def _patch(self, path: str, version: str, status: Json) -> Json:
        body = {"metadata": {"resourceVersion": version}, "status": status}
        return await self._request("PATCH", path, body=body)

    async def _delete(self, path: str, preconditions: Mapping[str, str]) -> None:
        body = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Background",
            "preconditions": preconditions,
        }
        try:
            await self._request("DELETE", path, body=body)
        except GoneError:
            return

    async def _request(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        accept: str = "application/json",
    ) -> Json:
        resource = _resource(path)
        start, code = perf_counter(), 0
        try:
            response = await self._send(verb, path, query, body, accept, _TIMEOUT)
            data = await response.read()
            code = response.status
            if code >= 400:  # noqa: PLR2004 - HTTP's first error
                raise _error(response, data)
            answer: Json = json.loads(data)
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError, ValueError) as error:
            raise UnavailableError(f"{verb} {resource}: {type(error).__name__}") from error
        finally:
            metrics.K8S_REQUESTS.labels(verb, resource, str(code)).inc()
            metrics.K8S_SECONDS.labels(verb, resource).observe(perf_counter() - start)
        return answer

    async def _send(  # noqa: PLR0913, PLR0917 - the parts of an HTTP request
        self,
        verb: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        accept: str,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's, for its several parts
    ) -> aiohttp.ClientResponse:
        content = "application/merge-patch+json" if verb == "PATCH" else "application/json"
        method, url, headers, data, _ = await self._client.param_serialize(
            verb,
            path,
            query_params=list((query or {}).items()),
            header_params={"Accept": accept, "Content-Type": content},
            body=body,
            auth_settings=["BearerToken"],
        )
        answer = await self._client.call_api(
            method,
            url,
            headers,
            body=data,
            _request_timeout=timeout,
        )
        response: aiohttp.ClientResponse = answer.response
        return response


def _resource(path: str) -> str:
    """Return the resource that a path names, such as `jobs` or `imageuploads/status`."""
    parts = path.split("/namespaces/", 1)[1].split("/")[1:]
    return "/".join([parts[0], *parts[2:]])


def _error(response: aiohttp.ClientResponse, data: bytes) -> ClusterError:  # noqa: PLR0911 - one line for each error
    """Return the error that an answer of the API server stands for."""
    try:
        status: Any = json.loads(data)
    except ValueError:
        status = {}
    if not isinstance(status, dict):
        status = {}
    code, reason = response.status, status.get("reason", "")
    message = f"HTTP {code}: {status.get('message') or response.reason}"
    causes = (status.get("details") or {}).get("causes") or ()
    if reason == "AlreadyExists":
        return AlreadyExistsError(message)
    if code == 409:  # noqa: PLR2004 - HTTP's "Conflict"
        return ConflictError(message)
    if code == 404:  # noqa: PLR2004 - HTTP's "Not Found"
        return GoneError(message, (status.get("details") or {}).get("name"))
    if code == 410:  # noqa: PLR2004 - HTTP's "Gone"
        return ExpiredError(message)
    if code == 403 and "exceeded quota" in message:  # noqa: PLR2004 - HTTP's "Forbidden"
        return QuotaExceededError(message)
    if code in _TRANSIENT:
        return UnavailableError(message, _seconds(response.headers.get("Retry-After")))
    return RefusedError(message, *(cause.get("reason") for cause in causes))


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdigit() else None


async def gather_or_raise(*requests: Any) -> tuple[Any, ...]:  # noqa: ANN401 - answers of any kind
    """Await requests at the same time; the first error is raised once all have ended."""
    answers = await asyncio.gather(*requests, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return tuple(answers)
