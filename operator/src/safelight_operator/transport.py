"""Requests to the API server: raw JSON in and out, this package's own errors.

The official client brings the configuration, the authentication and the connections; its models
are not used.
"""

import asyncio
import logging
import os
import ssl
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from time import perf_counter
from typing import Any, Final, Self

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.incluster_config import load_incluster_config
from kubernetes.aio.config.kube_config import load_kube_config

from safelight_adapters.answers import drop
from safelight_contract import pages
from safelight_contract.pages import PageSizes, TooLongError
from safelight_contract.resources import MANAGER
from safelight_contract.unreadable import UnreadableError, document, items, part
from safelight_operator import metrics
from safelight_operator.errors import (
    ExpiredError,
    GoneError,
    NotServedError,
    UnavailableError,
    from_answer,
)
from safelight_operator.slim import slim

_log = logging.getLogger(__name__)

Json = dict[str, Any]
Page = list[Json]

WATCH_SECONDS: Final = 420
"""The server ends a watch after that; it is then started again."""
WATCH_SILENCE_SECONDS: Final = 130
"""A watch that is silent for longer (not even a bookmark, one a minute) is dead."""
CLOSING_SECONDS: Final = 0.02
"""TLS connections end a moment after they are closed; the loop must run until then."""
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
TABLE: Final = "application/json;as=Table;g=meta.k8s.io;v=v1"
"""An answer that names the objects and leaves out what they hold."""
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=10, sock_connect=5)
"""For all but watches; an answer that is swallowed holds up its upload for so long."""
_CONNECTIONS: Final = 32
_BROKEN: Final = (aiohttp.ClientError, TimeoutError, ssl.SSLError, ValueError)


class Transport:
    """Connections to one API server."""

    def __init__(self, configuration: Configuration) -> None:
        configuration.connection_pool_maxsize = _CONNECTIONS
        self._client = ApiClient(configuration)
        self._client.user_agent = MANAGER
        self.page_sizes: defaultdict[str, PageSizes] = defaultdict(PageSizes)
        """What was learnt of the pages under each path."""

    @classmethod
    async def connect(cls) -> Self:
        """Use the pod's service account, or where there is none the file named by KUBECONFIG."""
        configuration = Configuration()
        if "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            await load_kube_config(  # type: ignore[no-untyped-call]
                config_file=os.environ.get("KUBECONFIG"),
                client_configuration=configuration,
            )
        return cls(configuration)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()  # type: ignore[no-untyped-call]
        await asyncio.sleep(CLOSING_SECONDS)

    async def get(self, path: str, name: str) -> Json | None:
        """Return an object as it is now; None if the server says that it does not exist.

        Raises:
            NotServedError: the whole kind is missing, which says nothing about the object.
        """
        try:
            return await self.request("GET", path)
        except GoneError as error:
            if error.args[1:] == (name,):
                return None
            raise NotServedError(str(error)) from error

    async def list(self, path: str, query: Mapping[str, str]) -> list[Json]:
        """Return all objects under a path, read page by page; see `pages`."""
        return [item async for page in self.pages(path, query) for item in page]

    async def pages(
        self, path: str, query: Mapping[str, str], *, accept: str = "application/json"
    ) -> AsyncGenerator[Page, None]:
        """Yield all objects under a path, page by page, in the order of their names.

        A page has as many objects as fit into a budget of bytes, and of each what `slim` keeps. One
        that cannot be read at all is there with its name alone.

        Raises:
            NotServedError: the whole kind is missing.
            ExpiredError: reading took too long; start again.
        """
        sizes, position = self.page_sizes[path], ""
        while True:
            page_query = {**query, "limit": str(sizes.size)}
            if position:
                page_query["continue"] = position
            try:
                data = await self._answer(
                    "GET", path, page_query, accept=accept, most=sizes.most_bytes
                )
                page = document(pages.decode(data), "the page")
                found = [slim(item) for item in items(page, "items")]
                sizes.took(len(found), len(data))
                del data
            except GoneError as error:
                raise NotServedError(str(error)) from error
            except (TooLongError, UnreadableError) as error:
                if sizes.shrink():
                    continue
                page, found = await self._named_page(path, page_query, str(error))
            position = str(part(page, "metadata").get("continue") or "")
            del page
            yield found
            if not position:
                return

    async def _named_page(
        self, path: str, query: Mapping[str, str], why: str
    ) -> tuple[Mapping[str, Any], Page]:
        """Read a page of one object that cannot be read: its name alone."""
        table = await self.request("GET", path, {**query, "includeObject": "None"}, accept=TABLE)
        columns = [column.get("name") for column in items(table, "columnDefinitions")]
        names = [row["cells"][columns.index("Name")] for row in items(table, "rows")]
        _log.warning("Only the name can be read", extra={"path": path, "ids": names, "why": why})
        return table, [{"metadata": {"name": name}} for name in names]

    async def patch_status(self, path: str, version: str, status: Json) -> Json:
        """Merge into an object's status if the object is still at that resourceVersion.

        Raises:
            ConflictError: it has changed meanwhile.
            GoneError: it does not exist any more.
        """
        body = {"metadata": {"resourceVersion": version}, "status": status}
        return await self.request("PATCH", path, body=body)

    async def delete(self, path: str, preconditions: Mapping[str, str]) -> None:
        """Delete an object, and in the background what it owns; one that is gone is no error.

        Raises:
            ConflictError: it is not the one that the preconditions describe.
        """
        body = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Background",
            "preconditions": preconditions,
        }
        try:
            await self.request("DELETE", path, body=body)
        except GoneError:
            return

    async def request(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        accept: str = "application/json",
    ) -> Json:
        """Send one request and return the answer.

        Raises:
            ClusterError: there was none, or it was an error.
        """
        try:
            return dict(
                document(
                    pages.decode(
                        await self._answer(
                            verb, path, query, body=body, accept=accept, most=pages.MAX_BYTES
                        )
                    ),
                    "the answer",
                )
            )
        except (TooLongError, UnreadableError) as error:
            raise UnavailableError(f"{verb} {_resource(path)}: {error}") from error

    async def _answer(  # noqa: PLR0913 - the parts of an HTTP request
        self,
        verb: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        accept: str = "application/json",
        most: int,
    ) -> bytes:
        """Send one request and return the body of the answer.

        Raises:
            ClusterError: there was none, or it was an error.
            TooLongError: it has more than `most` bytes.
        """
        resource = _resource(path)
        start, code = perf_counter(), 0
        try:
            response = await self._send(verb, path, query, body, accept, _TIMEOUT)
            try:
                data = await pages.whole(response.content.iter_any(), most)
            finally:
                drop(response)
            code = response.status
            if code >= 400:  # noqa: PLR2004 - HTTP's first error
                raise from_answer(response, data)
        except _BROKEN as error:
            raise UnavailableError(f"{verb} {resource}: {type(error).__name__}") from error
        finally:
            metrics.K8S_REQUESTS.labels(verb, resource, str(code)).inc()
            metrics.K8S_SECONDS.labels(verb, resource).observe(perf_counter() - start)
        return data

    async def watch(self, path: str, version: str) -> AsyncGenerator[Json, None]:
        """Yield the events (bookmarks too) of all objects under a path, only with their metadata.

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
            response = await self._send("GET", path, query, None, METADATA, timeout)
            try:
                if response.status != 200:  # noqa: PLR2004 - HTTP's "OK"
                    raise from_answer(response, await pages.whole(response.content.iter_any()))
                async for line in pages.lines(response.content.iter_any()):
                    event = document(pages.decode(line), "the event")
                    resource = part(event, "object")
                    if event.get("type") == "ERROR":
                        raise ExpiredError(str(resource.get("message")))
                    yield {"type": event.get("type"), "object": slim(resource)}
            except (TooLongError, UnreadableError) as error:
                # Nobody can tell which object it speaks of; the watch goes on behind it.
                raise ExpiredError(f"an event cannot be read: {error}") from error
            finally:
                drop(response)
        except _BROKEN as error:
            raise UnavailableError(f"watch: {type(error).__name__}") from error

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
    _, within, rest = path.partition("/namespaces/")
    if not within:
        return "apis"
    parts = rest.split("/")[1:]
    return "/".join([parts[0], *parts[2:]])


async def gather_or_raise(*requests: Any) -> tuple[Any, ...]:  # noqa: ANN401 - answers of any kind
    """Await requests at the same time; the first error is raised once all have ended."""
    answers = await asyncio.gather(*requests, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return tuple(answers)
