"""An administrator's access to a namespace, straight to the API server: lists and watches."""

import json
import ssl
from collections.abc import AsyncGenerator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx
import yaml

from safelight_contract.resources import AVAILABLE_IMAGE, GROUP, IMAGE_UPLOAD, VERSION
from safelight_local.cluster import Cluster

Json = dict[str, Any]

PLURALS: Final = {
    IMAGE_UPLOAD.plural: f"/apis/{GROUP}/{VERSION}",
    AVAILABLE_IMAGE.plural: f"/apis/{GROUP}/{VERSION}",
    "jobs": "/apis/batch/v1",
    "pods": "/api/v1",
    "events": "/api/v1",
}
"""The kinds that can be read, and where each is served."""
_WATCH_SECONDS: Final = 60
"""The server ends a watch after that, so that a longer silence means a dead connection."""


class Access:
    """Reads one namespace; close it by leaving its block."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.namespace = namespace
        self._client = httpx.AsyncClient(
            base_url=cluster.url,
            headers={"Authorization": f"Bearer {cluster.token}"},
            verify=ssl.create_default_context(cafile=cluster.ca_file),
            trust_env=False,
            timeout=httpx.Timeout(10, read=_WATCH_SECONDS + 30),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def list(self, plural: str) -> tuple[list[Json], str]:
        """Return all objects of a kind, and the resourceVersion of the list.

        Raises:
            httpx.HTTPError: there was no answer, or it was an error.
        """
        response = (await self._client.get(self._path(plural))).raise_for_status()
        answer: Json = response.json()
        return answer["items"], answer["metadata"]["resourceVersion"]

    async def watch(self, plural: str, version: str) -> AsyncGenerator[Json, None]:
        """Yield events as the server sends them, bookmarks and errors too, until it ends.

        Raises:
            httpx.HTTPError: the connection broke, or the answer was an error.
            ValueError: an event came only in part.
        """
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        async with self._client.stream("GET", self._path(plural), params=query) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                yield json.loads(line)

    def _path(self, plural: str) -> str:
        return f"{PLURALS[plural]}/namespaces/{self.namespace}/{plural}"


def administrator(kubeconfig: Path) -> Cluster:
    """Return the access that a kubeconfig with one cluster, one CA file and one token gives."""
    content = yaml.safe_load(kubeconfig.read_text())
    (cluster,), (user,) = content["clusters"], content["users"]
    return Cluster(
        kubeconfig=kubeconfig,
        url=cluster["cluster"]["server"],
        token=user["user"]["token"],
        ca_file=Path(cluster["cluster"]["certificate-authority"]),
        kubectl_program=Path("kubectl"),
    )
