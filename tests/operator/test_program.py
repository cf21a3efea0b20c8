"""The program itself, as a process: leadership, signals, logs, probes."""

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from urllib.parse import urlsplit

import pytest

from safelight_adapters.bounds import Bounds
from safelight_local.control_plane import free_ports
from safelight_operator.settings import Settings
from tests.adapters.talking import Crowd
from tests.operator import running as program
from tests.operator.playing import Stage, eventually
from tests.operator.processing import send_hint
from tests.operator.running import status
from tests.operator.test_request import LARGEST
from tests.support import memory
from tests.support.proxying import proxy_to

HINT = b"POST /hints/00000000-0000-0000-0000-000000000000 HTTP/1.1\r\nHost: x\r\n"
Running = Callable[..., AbstractAsyncContextManager[Process]]


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    return program.environment(
        settings.object_store,
        os.environ["KUBECONFIG"],
        settings.namespace,
        hint_port=settings.hint_port,
        health_port=settings.health_port,
    )


@pytest.fixture
def running(environment: dict[str, str]) -> Running:
    """Return a block in which the program runs, with changes of its environment."""
    return lambda **changes: program.running(environment | changes)


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
            start = time.monotonic()
            await eventually(lambda: holder(stage), lambda name: name != "operator-0")
            assert time.monotonic() - start < 2
            upload_id = await stage.post()
            await stage.job(upload_id)
            assert time.monotonic() - start < 5
            await asyncio.wait_for(leader.communicate(), 10)
            assert await holder(stage) == "operator-1"
            await stage.process(upload_id)
            await stage.until(upload_id, "processed")
    assert settings.pod_name == "operator-0"


async def test_a_storage_that_does_not_answer_holds_up_no_end(
    stage: Stage, running: Running, settings: Settings
) -> None:
    """A step under way is given its seconds; threads that wait for the storage are not awaited."""
    address = urlsplit(settings.object_store.endpoint)
    async with proxy_to(address.hostname or "", address.port or 0) as proxy:
        endpoint = f"http://127.0.0.1:{proxy.port}"
        async with running(SAFELIGHT_S3_ENDPOINT=endpoint) as process:
            upload_id = await stage.post()
            request = await stage.request(upload_id)
            proxy.silence()
            await send_hint(request)
            await asyncio.sleep(1)
            process.send_signal(signal.SIGTERM)
            start = time.monotonic()
            await asyncio.wait_for(process.communicate(), 40)
            assert time.monotonic() - start < 12
            assert process.returncode == 0
            assert not await holder(stage)


async def test_crowds_at_the_inner_ports_take_little_and_hold_up_nothing(
    stage: Stage, running: Running, settings: Settings
) -> None:
    """As a pod that was taken over could: it has the hint port's address. All from one source."""
    heads = (
        HINT + b"".join(b"X-%d: %b\r\n" % (n, b"a" * 4000) for n in range(100)),
        HINT + b"".join(b"X-%d: %b\r\n" % (n, b"a" * 400) for n in range(35)),
        HINT + b"Content-Length: 4000\r\n\r\n" + b"a" * 3000,
        HINT.replace(b"POST", b"GET") + b"\r\n" + (HINT + b"\r\n") * 3000,
    )
    crowds = [Crowd(settings.hint_port), Crowd(settings.health_port)]
    async with running() as process, AsyncExitStack() as stack:
        await eventually(lambda: status(settings.hint_port, "/"), lambda code: code == 404, 60)
        before = memory.of(process.pid)
        for crowd in crowds:
            stack.push_async_callback(crowd.close)
            for number in range(450):
                client = await crowd.client()
                client.send(heads[number % len(heads)])
        # A busy machine may keep a probe waiting for longer than its client has patience.
        await eventually(lambda: status(settings.health_port, "/healthz"), lambda c: c == 200, 60)
        upload_id = await stage.post()
        await stage.process(upload_id)
        await stage.until(upload_id, "processed")
        assert memory.of(process.pid) - before < 2 * Bounds().bytes_at_most(64 * 1024)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 0


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


async def test_a_recipe_of_too_many_files_ends_it_at_the_start(environment: dict[str, str]) -> None:
    environment |= {
        "SAFELIGHT_S3_ACCESS_KEY_ID": "A" * 1024,
        "SAFELIGHT_RECIPE": LARGEST.encode(),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "safelight_operator", env=environment, stdout=PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    last = json.loads(output.splitlines()[-1])
    assert last["message"] == "Ended"
    assert last["why"].startswith("SAFELIGHT_RECIPE leads to 99 files")
