"""The program itself, as a process: leadership, signals, logs, probes."""

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest

from safelight_local.control_plane import free_ports
from safelight_operator.settings import Settings
from tests.operator.playing import Stage, eventually

Running = Callable[..., AbstractAsyncContextManager[Process]]


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    store = settings.object_store
    return {
        "PATH": os.environ["PATH"],
        "KUBECONFIG": os.environ["KUBECONFIG"],
        "SAFELIGHT_NAMESPACE": settings.namespace,
        "SAFELIGHT_POD_NAME": "operator-0",
        "SAFELIGHT_POD_IP": "127.0.0.1",
        "SAFELIGHT_HINT_PORT": str(settings.hint_port),
        "SAFELIGHT_HEALTH_PORT": str(settings.health_port),
        "SAFELIGHT_PROCESSOR_IMAGE": settings.processor.image,
        "SAFELIGHT_PROCESSOR_SERVICE_ACCOUNT": "default",
        "SAFELIGHT_S3_ENDPOINT": store.endpoint,
        "SAFELIGHT_S3_BUCKET": store.bucket,
        "SAFELIGHT_S3_REGION": store.region,
        "SAFELIGHT_S3_ACCESS_KEY_ID": store.access_key_id,
        "SAFELIGHT_S3_SECRET_ACCESS_KEY": store.secret_access_key,
    }


@pytest.fixture
def running(environment: dict[str, str]) -> Running:
    """Return a block in which the program runs; in the end it is killed."""

    @asynccontextmanager
    async def run(**changes: str) -> AsyncIterator[Process]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "safelight_operator",
            env=environment | changes,
            stdout=PIPE,
            stderr=DEVNULL,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    return run


async def status(port: int, path: str) -> int:
    """Return the status of an answer, or 0."""
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(f"http://127.0.0.1:{port}{path}")).status_code
        except httpx.HTTPError:
            return 0


async def holder(stage: Stage) -> str:
    lease = await stage.kubernetes.get("leases", "safelight-operator")
    return "" if lease is None else str(lease["spec"].get("holderIdentity", ""))


async def test_it_works_and_stops_when_told(
    stage: Stage,
    running: Running,
    settings: Settings,
) -> None:
    async with running() as process:
        await eventually(lambda: status(settings.health_port, "/readyz"), lambda s: s == 200)
        upload_id = await stage.post()
        await stage.process(upload_id)
        await stage.until(upload_id, "processed")
        assert await status(settings.health_port, "/healthz") == 200
        assert await holder(stage) == "operator-0"
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output, _ = await asyncio.wait_for(process.communicate(), 10)
        assert time.monotonic() - start < 5
        assert process.returncode == 0
        assert not await holder(stage)
    lines = [json.loads(line) for line in output.splitlines()]
    available = next(line for line in lines if line["message"] == "Available")
    assert available["id"] == upload_id
    assert {"time", "level", "logger", "uid", "seconds"} <= available.keys()
    assert b"X-Amz-Signature" not in output
    assert settings.object_store.secret_access_key.encode() not in output


async def test_a_standby_takes_over_when_the_leader_stops(
    stage: Stage,
    running: Running,
    settings: Settings,
) -> None:
    hint_port, health_port = free_ports(2)
    second = {
        "SAFELIGHT_POD_NAME": "operator-1",
        "SAFELIGHT_HINT_PORT": str(hint_port),
        "SAFELIGHT_HEALTH_PORT": str(health_port),
    }
    async with running() as leader:
        await eventually(lambda: holder(stage), lambda name: name == "operator-0")
        async with running(**second):
            await eventually(lambda: status(health_port, "/readyz"), lambda s: s == 200)
            assert await holder(stage) == "operator-0"
            assert await status(hint_port, "/") == 0
            leader.send_signal(signal.SIGTERM)
            await asyncio.wait_for(leader.communicate(), 10)
            await eventually(lambda: holder(stage), lambda name: name == "operator-1")
            upload_id = await stage.post()
            await stage.process(upload_id)
            await stage.until(upload_id, "processed")
    assert settings.pod_name == "operator-0"


async def test_it_ends_when_it_has_lost_the_lease(stage: Stage, running: Running) -> None:
    async with running() as process:
        await eventually(lambda: holder(stage), lambda name: name == "operator-0")
        stolen = {"spec": {"holderIdentity": "somebody"}}
        await stage.kubernetes.patch("leases", "safelight-operator", stolen)
        output, _ = await asyncio.wait_for(process.communicate(), 15)
        assert process.returncode == 1
        assert b"somebody leads" in output
        assert await holder(stage) == "somebody"


async def test_a_missing_setting_is_one_line(environment: dict[str, str]) -> None:
    del environment["SAFELIGHT_POD_IP"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "safelight_operator",
        env=environment,
        stderr=PIPE,
    )
    _, error = await process.communicate()
    assert process.returncode == 2
    assert error == b"safelight-operator: SAFELIGHT_POD_IP must be set\n"
