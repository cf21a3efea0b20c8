"""Adapter: the custom resources. All of Kubernetes that the API touches; it decides nothing.

The official client's asynchronous half loads the configuration (in a pod, with the token read again
as it is rotated; elsewhere from KUBECONFIG) and sends the requests. Its generated methods and
models are left aside, because every answer becomes one of our projections anyway.

Measured beside plain aiohttp: 0.2 s of CPU and 21 MiB more at the start, 850 reads/s instead of
1,050, 0.56 ms of CPU for a read instead of 0.21. Polls come from memory, so reads are few, and a
well-kept loader of configurations and tokens is worth more.
"""

import os
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Self
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client import ApiClient, Configuration

from safelight_adapters.answers import drop
from safelight_api.cluster_errors import (
    ConflictError,
    GoneError,
    NotFoundError,
    UnavailableError,
    error_of,
)
from safelight_api.gate import Gate
from safelight_api.metrics import Metrics
from safelight_api.shares import ShareError, Shares
from safelight_contract import pages
from safelight_contract.pages import PageSizes, TooLongError
from safelight_contract.resources import API_VERSION, Kind
from safelight_contract.unreadable import UnreadableError, document, items, part, version_of

REQUEST_TIMEOUT: Final = aiohttp.ClientTimeout(total=8, connect=3)
"""For everything but watches; a consistent read is answered within milliseconds."""
_CALLS: Final = 16
"""At a time, for clients; one costs half a millisecond of CPU. Lists and watches come beside."""
_WAIT_SECONDS: Final = 10
_JSON: Final = "application/json"
_TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io"
"""An answer that names the objects and leaves out what they hold."""
_MERGE_PATCH: Final = "application/merge-patch+json"
_NEVER_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    kubernetes_config.ConfigException,
)
"""No connection, or no usable token at the moment: the request has not left."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A consistent read: what was there, and as of which revision."""

    resource: Mapping[str, Any] | None
    revision: int


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a consistent list; all pages are of one revision."""

    resources: list[Mapping[str, Any]]
    revision: int
    next_page: str | None
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Names of objects of this page that cannot be read at all, and why."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event of a watch: ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    resource: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Request:
    verb: str
    kind: Kind
    method: str
    name: str = ""
    query: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = None
    content_type: str = _JSON
    timeout: aiohttp.ClientTimeout = REQUEST_TIMEOUT
    accept: str = _JSON


class Cluster:
    """The custom resources of one namespace."""

    def __init__(self, client: ApiClient, namespace: str, metrics: Metrics) -> None:
        self._client = client
        self._base = f"{client.configuration.host}/apis/{API_VERSION}/namespaces/{namespace}/"
        self._metrics = metrics
        self._gate = Gate(Shares("cluster", _CALLS, metrics.refused), seconds=_WAIT_SECONDS)
        self.page_sizes: defaultdict[str, PageSizes] = defaultdict(PageSizes)
        """What was learnt of the pages of each kind, by its plural."""

    @classmethod
    @asynccontextmanager
    async def connect(cls, namespace: str, metrics: Metrics) -> AsyncIterator[Self]:
        """Load the configuration and open a client, for as long as the block lasts.

        Raises:
            kubernetes.aio.config.ConfigException: there is no usable configuration.
        """
        configuration = Configuration()
        if os.environ.get("KUBERNETES_SERVICE_HOST"):
            kubernetes_config.load_incluster_config(  # type: ignore[no-untyped-call]  # the client's
                client_configuration=configuration
            )
        else:
            await kubernetes_config.load_kube_config(  # type: ignore[no-untyped-call]  # the client's
                config_file=os.environ.get("KUBECONFIG"), client_configuration=configuration
            )
        async with ApiClient(configuration) as client:
            yield cls(client, namespace, metrics)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until the client that asks may make a call, and have the block make it.

        All but lists and watches, which are the process's own, take one; `read` leaves it to its
        caller, who has to know when a read begins.

        Raises:
            UnavailableError: too many wait, or for too long.
        """
        try:
            async with self._gate.place():
                yield
        except ShareError as error:
            raise UnavailableError(str(error), may_have_happened=False) from error

    async def read(self, kind: Kind, name: str) -> Reading:
        """Read an object, or its absence, consistently (never from a stale cache).

        A list of this one name, because unlike a GET it tells the revision of an absence; the API
        server serves it as cheaply, by the object's key.

        Raises:
            ClusterError: there is no answer.
        """
        query = {"fieldSelector": f"metadata.name={name}"}
        answer = await self._json(_Request("get", kind, "GET", query=query))
        return Reading(
            resource=next(iter(items(answer, "items")), None), revision=version_of(answer)
        )

    async def create(
        self,
        kind: Kind,
        name: str,
        spec: Mapping[str, Any],
        annotations: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """Create an object and return it.

        Raises:
            AlreadyExistsError: there is one of this name.
            QuotaExceededError: the namespace is full.
            UnavailableError: it may have happened or not, the error says.
            ClusterError: it was refused.
        """
        body = {
            "apiVersion": API_VERSION,
            "kind": kind.kind,
            "metadata": {"name": name, "annotations": annotations or {}},
            "spec": spec,
        }
        created: Mapping[str, Any] = await self._in_turn(
            _Request("create", kind, "POST", body=body)
        )
        return created

    async def patch(
        self, kind: Kind, name: str, patch: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Merge a patch into an object and return it; None: there is no such object.

        Raises:
            ClusterError: it was refused, or its outcome is unknown.
        """
        request = _Request("patch", kind, "PATCH", name, body=patch, content_type=_MERGE_PATCH)
        try:
            patched: Mapping[str, Any] = await self._in_turn(request)
        except NotFoundError:
            return None
        return patched

    async def delete(self, kind: Kind, name: str, uid: str) -> bool:
        """Delete an object if it is the very one; False: it is not there any more.

        Raises:
            ClusterError: it was refused, or its outcome is unknown.
        """
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self._in_turn(_Request("delete", kind, "DELETE", name, body=body))
        except (NotFoundError, ConflictError):
            return False
        return True

    async def list_page(self, kind: Kind, next_page: str | None) -> ListPage:
        """Read one page of a consistent list: as many objects as fit into a budget of bytes.

        Args:
            kind: what to list.
            next_page: what the page before said; None for the first.

        Raises:
            GoneError: the list has taken too long; start again.
            ClusterError: there is no answer.
        """
        sizes = self.page_sizes[kind.plural]
        while True:
            query = {"limit": str(sizes.size)} | ({"continue": next_page} if next_page else {})
            async with self._send(_Request("list", kind, "GET", query=query)) as response:
                try:
                    body = await pages.whole(response.content.iter_any(), sizes.most_bytes)
                    answer = document(pages.decode(body), "the answer")
                    found = list(items(answer, "items"))
                    break
                except (TooLongError, UnreadableError) as error:
                    reason = str(error)
            if not sizes.shrink():
                return await self._named_page(kind, query, reason)
        sizes.took(len(found), len(body))
        return ListPage(found, version_of(answer), part(answer, "metadata").get("continue") or None)

    async def _named_page(self, kind: Kind, query: Mapping[str, str], reason: str) -> ListPage:
        """Read a page of one object that cannot be read: its name, and where the next one is."""
        request = _Request(
            "list", kind, "GET", query={**query, "includeObject": "None"}, accept=_TABLE
        )
        answer = document(await self._json(request), "the answer")
        columns = [column.get("name") for column in items(answer, "columnDefinitions")]
        names = [row["cells"][columns.index("Name")] for row in items(answer, "rows")]
        next_page = part(answer, "metadata").get("continue") or None
        return ListPage([], version_of(answer), next_page, dict.fromkeys(names, reason))

    async def watch(
        self, kind: Kind, revision: int, *, seconds: int, silence: float
    ) -> AsyncIterator[WatchEvent]:
        """Follow the changes after a revision.

        Args:
            kind: what to watch.
            revision: where to start, exclusive.
            seconds: when the API server is to end it.
            silence: after how many seconds without a byte it counts as dead.

        Raises:
            GoneError: the revision is too old.
            UnavailableError: it broke off; it can go on from the last revision seen.
            ClusterError: anything else; list again.
        """
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": str(revision),
            "timeoutSeconds": str(seconds),
        }
        timeout = aiohttp.ClientTimeout(total=None, connect=3, sock_read=silence)
        request = _Request("watch", kind, "GET", query=query, timeout=timeout)
        async with self._send(request) as response:
            try:
                async for line in pages.lines(response.content.iter_any()):
                    event = document(pages.decode(line), "the event")
                    resource = part(event, "object")
                    if event.get("type") == "ERROR":
                        raise error_of(resource.get("code", 0), resource)
                    yield WatchEvent(str(event.get("type")), resource)
            except (TooLongError, UnreadableError) as error:
                # Nobody can tell which object it speaks of; a list can, and goes on behind it.
                raise GoneError(f"an event cannot be read: {error}") from error

    async def _in_turn(self, request: _Request) -> Any:  # noqa: ANN401 - a JSON document
        async with self.turn():
            return await self._json(request)

    async def _json(self, request: _Request) -> Any:  # noqa: ANN401 - a JSON document
        async with self._send(request) as response:
            try:
                return pages.decode(await pages.whole(response.content.iter_any()))
            except (TooLongError, UnreadableError) as error:
                raise UnavailableError(str(error), may_have_happened=True) from error

    @asynccontextmanager
    async def _send(self, request: _Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request; convert every failure, in the answer's body too, into ours."""
        code = 0
        try:
            headers = {
                "Accept": request.accept,
                "Content-Type": request.content_type,
                "User-Agent": "safelight-api",
            }
            for setting in (await self._client.configuration.auth_settings()).values():
                headers[setting["key"]] = setting["value"]
            answer = await self._client.rest_client.request(  # type: ignore[no-untyped-call]  # the client's
                request.method,
                self._url(request),
                headers=headers,
                body=request.body,
                _request_timeout=request.timeout,
            )
            response: aiohttp.ClientResponse = answer.response
            try:
                code = response.status
                if code >= HTTPStatus.BAD_REQUEST:
                    raise error_of(code, await _status(response))
                yield response
            finally:
                drop(response)
        except _NEVER_SENT as error:
            raise UnavailableError(type(error).__name__, may_have_happened=False) from error
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise UnavailableError(type(error).__name__, may_have_happened=True) from error
        finally:
            self._metrics.cluster_requests.labels(
                request.verb, request.kind.plural, str(code)
            ).inc()

    def _url(self, request: _Request) -> str:
        name = f"/{request.name}" if request.name else ""
        query = f"?{urlencode(request.query)}" if request.query else ""
        return self._base + request.kind.plural + name + query


async def _status(response: aiohttp.ClientResponse) -> Mapping[str, Any]:
    """Return the Status object of an error; proxies in between send other things."""
    try:
        return document(pages.decode(await pages.whole(response.content.iter_any())), "the answer")
    except (TooLongError, UnreadableError):
        return {}
