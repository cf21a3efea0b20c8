"""The proxy in front of the real servers: what passes, and what each fault does to both sides."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from safelight_contract.env import ObjectStoreSettings
from safelight_contract.job import SignedPut
from safelight_local.cluster import Cluster
from safelight_operator.objects import Objects
from tests.faults import history
from tests.faults.calls import Call, Dialect
from tests.faults.exchange import Server
from tests.faults.history import Recorder
from tests.faults.proxy import Proxy
from tests.faults.rules import SLOW_SECONDS, Fault, Rule
from tests.support.bucket import Bucket

ID = "11111111-2222-3333-4444-555555555555"
KEY = f"images/{ID}/1/image.jpg"
BODY = b"some bytes " * 1000
PATIENCE = 1.0

CUTS = [Fault.REFUSE, Fault.CUT_REQUEST, Fault.CUT_AFTER]
ANSWERS = [Fault.CONFLICT, Fault.PRECONDITION, Fault.BUSY, Fault.ERROR, Fault.UNAVAILABLE]
HOLES = [Fault.HOLE, Fault.HOLE_AFTER]
DONE = {Fault.CUT_AFTER, Fault.HOLE_AFTER, Fault.SLOW, Fault.CUT_ANSWER}
"""After these the server has done what it was asked."""


@pytest.fixture
async def proxy(recorder: Recorder) -> AsyncIterator[Proxy]:
    async with Proxy(recorder) as proxy:
        yield proxy


@pytest.fixture
async def objects(proxy: Proxy, object_storage: ObjectStoreSettings) -> AsyncIterator[Objects]:
    """Return an object storage whose URLs lead through the proxy."""
    url = await proxy.listen("operator", Server(object_storage.endpoint, Dialect.S3))
    objects = Objects(replace(object_storage, endpoint=url))
    yield objects
    objects.close()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE + SLOW_SECONDS) as client:
        yield client


async def put(client: httpx.AsyncClient, signed: SignedPut) -> int:
    """Return the status of a PUT; 0 if the connection was cut, -1 if nothing came."""
    try:
        answer = await client.put(signed.url, content=BODY, headers=signed.headers)
    except httpx.TimeoutException:
        return -1
    except httpx.TransportError:
        return 0
    return answer.status_code


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (None, 200),
        (Fault.SLOW, 200),
        *((fault, 0) for fault in CUTS),
        *((fault, int(fault)) for fault in ANSWERS),
        *((fault, -1) for fault in HOLES),
    ],
)
async def test_what_a_fault_does_to_a_write(  # noqa: PLR0917 - fixtures are arguments
    proxy: Proxy,
    objects: Objects,
    client: httpx.AsyncClient,
    object_storage: ObjectStoreSettings,
    history_file: Path,
    fault: Fault | None,
    status: int,
) -> None:
    """Only one call: the next one passes, and finds what the first has done."""
    if fault:
        proxy.rules.add(Rule("processor", "PUT", "image", fault=fault))
    signed = objects.sign_put(KEY, "image/jpeg", 60)
    start = time.monotonic()
    assert await put(client, signed) == status
    assert (time.monotonic() - start >= SLOW_SECONDS) == (fault is Fault.SLOW or fault in HOLES)
    bucket = Bucket(object_storage)
    is_done = fault is None or fault in DONE
    assert bucket.stored() == ([KEY] if is_done else [])
    bucket.close()
    assert await put(client, signed) == (412 if is_done else 200)
    first, second = (line for line in history.read(history_file) if line["op"] == "call")
    assert (first["fault"], second["fault"]) == (fault, None)
    assert (first["number"], second["number"]) == (1, 2)
    assert first["id"] == second["id"] == ID


async def test_an_answer_is_cut_in_its_body(
    proxy: Proxy, objects: Objects, client: httpx.AsyncClient
) -> None:
    await put(client, objects.sign_put(KEY, "image/jpeg", 60))
    proxy.rules.add(Rule("processor", "GET", "image", fault=Fault.CUT_ANSWER))
    url = objects.sign_get(KEY, 60)
    received = b""
    async with client.stream("GET", url) as answer:
        assert answer.headers["content-length"] == str(len(BODY))
        with pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012 - what came before counts
            async for chunk in answer.aiter_bytes():
                received += chunk
    assert received == BODY[: len(BODY) // 2]
    assert (await client.get(url)).content == BODY


async def test_what_boto3_signs_and_sends_passes(proxy: Proxy, objects: Objects) -> None:
    """Lists and the deletion of several keys, whose headers and bodies are signed."""
    await objects.delete_images(ID)
    assert await objects.stored(ID, 1) == []
    async with httpx.AsyncClient(trust_env=False) as client:
        await put(client, objects.sign_put(KEY, "image/jpeg", 60))
    (found,) = await objects.stored(ID, 1)
    assert (found.key, found.size) == (KEY, len(BODY))
    await objects.delete_images(ID)
    assert await objects.stored(ID, 1) == []
    assert proxy.rules.take(Call("operator", "DELETE", "objects", ID))[0] == 2


async def test_callbacks_stand_on_both_sides_of_the_call(
    proxy: Proxy,
    objects: Objects,
    client: httpx.AsyncClient,
    object_storage: ObjectStoreSettings,
) -> None:
    bucket = Bucket(object_storage)
    seen = []

    async def look(call: Call) -> None:
        seen.append((call.path, bucket.stored()))

    proxy.rules.add(Rule("processor", "PUT", "image", before=look, after=look))
    assert await put(client, objects.sign_put(KEY, "image/jpeg", 60)) == 200
    assert seen == [("image", []), ("image", [KEY])]
    bucket.close()


@asynccontextmanager
async def to_api_server(
    proxy: Proxy, api_server: Server, cluster: Cluster, pki: Path, namespace: str
) -> AsyncIterator[httpx.AsyncClient]:
    url = await proxy.listen("api", api_server, pki)
    async with httpx.AsyncClient(
        base_url=f"{url}/api/v1/namespaces/{namespace}/",
        headers={"Authorization": f"Bearer {cluster.token}"},
        verify=ssl.create_default_context(cafile=pki / "ca.crt"),
        trust_env=False,
    ) as client:
        yield client


def config_map(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


async def test_a_watch_misses_a_deletion_and_is_told_to_list_again(
    proxy: Proxy, api_server: Server, kubernetes: Cluster, pki: Path, namespace: str
) -> None:
    async with to_api_server(proxy, api_server, kubernetes, pki, namespace) as client:

        async def delete(_: Call) -> None:
            kubernetes.kubectl("delete", "configmap", "some", "--namespace", namespace)

        assert (await client.post("configmaps", json=config_map("some"))).status_code == 201
        version = (await client.get("configmaps")).json()["metadata"]["resourceVersion"]
        query = {"watch": "1", "resourceVersion": version}
        async with client.stream("GET", "configmaps", params=query) as watch:
            lines = watch.aiter_lines()
            await client.post("configmaps", json=config_map("other"))
            assert json.loads(await anext(lines))["object"]["metadata"]["name"] == "other"
            proxy.rules.add(
                Rule("api", "WATCH", "configmaps", 2, fault=Fault.EXPIRED, before=delete)
            )
            proxy.end_watches("api")
            assert [line async for line in lines] == []
        expired = await client.get("configmaps", params=query)
        assert expired.json()["type"] == "ERROR"
        assert expired.json()["object"]["code"] == 410
        names = [
            item["metadata"]["name"] for item in (await client.get("configmaps")).json()["items"]
        ]
        assert "some" not in names


async def test_a_watch_falls_silent_and_stays(
    proxy: Proxy, api_server: Server, kubernetes: Cluster, pki: Path, namespace: str
) -> None:
    async with to_api_server(proxy, api_server, kubernetes, pki, namespace) as client:
        query = {"watch": "1"}
        async with client.stream("GET", "configmaps", params=query) as watch:
            lines = watch.aiter_lines()
            assert json.loads(await anext(lines))["type"] == "ADDED"
            proxy.silence_watches("api")
            await client.post("configmaps", json=config_map("some"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await anext(lines)
