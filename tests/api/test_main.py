"""The program in a process of its own: start and end, memory, and clients that misbehave."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from safelight_api.settings import Settings
from safelight_contract.resources import IMAGE_UPLOAD
from tests.api.asking import JPEG, UPLOADS, assert_problem, eventually
from tests.api.playing import PlayedOperator
from tests.api.running import MIB, Connection, Running, form, head, running


@pytest.fixture
async def program(settings: Settings, token: str, tmp_path: Path) -> AsyncIterator[Running]:
    """Return the running program; it is impatient, so that tests are quick."""
    async with running(
        settings,
        token,
        tmp_path / "log",
        SAFELIGHT_UPLOAD_IDLE_SECONDS="1",
        SAFELIGHT_UPLOAD_TOTAL_SECONDS="3",
        SAFELIGHT_DRAIN_SECONDS="2",
    ) as program:
        yield program


def deleted_files(pid: int) -> list[Path]:
    """Return the files that a process has open although they have no name any more."""
    found: list[Path] = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        # What is closed between the listing and the look is gone.
        with suppress(FileNotFoundError):
            if "(deleted)" in os.readlink(link):  # noqa: PTH115 - Path.readlink would lose the mark's meaning
                found.append(link)
    return found


def test_a_missing_setting_ends_the_start_and_is_named() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "safelight_api"], env={}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr == "SAFELIGHT_TOKENS_DIRECTORY must be set\n"


async def test_it_serves_until_it_is_asked_to_end(
    program: Running, operator: PlayedOperator
) -> None:
    async with program.client() as client:
        answer = await client.post(UPLOADS, files={"file": ("a.jpg", JPEG)})
        assert answer.status_code == 201
        assert "server" not in answer.headers
        upload_id = answer.json()["data"]["id"]
        assert (await client.get(f"{UPLOADS}/{upload_id}/status")).json()["status"] == "processing"
        assert_problem(await client.get("/metrics"), 404)
        metrics = await client.get(f"http://{program.host}:9090/metrics")
        assert 'safelight_cache_synced{kind="ImageUpload"} 1.0' in metrics.text
        for path in ("/healthz", "/readyz"):
            inner = await client.get(f"http://{program.host}:9090{path}")
            assert (inner.status_code, inner.json()) == (200, (await client.get(path)).json())
        program.terminate()
        assert await program.ends(10) == 0
    logged = program.logged()
    uploaded = next(line for line in logged if line["message"] == "uploaded")
    assert uploaded["id"] == upload_id
    assert uploaded["level"] == "INFO"
    assert program.token not in program.log.read_text()
    assert await operator.names(IMAGE_UPLOAD) == [upload_id]


async def test_memory_stays_flat_however_large_the_uploads_and_downloads(
    settings: Settings, token: str, tmp_path: Path, operator: PlayedOperator
) -> None:
    """20 uploads of 20 MiB at a time, then as many downloads by slow readers."""
    count, size = 20, 20 * MIB
    start, data, end = form(size)
    async with running(settings, token, tmp_path / "log") as program:
        async with program.client() as client:
            warm = await client.post(UPLOADS, files={"file": ("a.jpg", JPEG)})
            assert warm.status_code == 201

        async def upload() -> httpx.Response:
            connection = await program.connect()
            await connection.send(head(token, len(start) + size + len(end)) + start)
            for at in range(0, size, MIB):
                await connection.send(data[at : at + MIB])
            await connection.send(end)
            answer = await connection.answer(60)
            connection.close()
            return answer

        before = program.memory()
        program.forget_peak()
        answers = await asyncio.gather(*(upload() for _ in range(count)))
        assert [answer.status_code for answer in answers] == [201] * count
        assert all(answer.json()["data"]["size"] == size for answer in answers)
        rise = program.memory("VmHWM") - before
        print(f"memory: {before // MIB} MiB, {count} uploads: +{rise // MIB} MiB")  # noqa: T201 - a measurement
        assert rise < 100 * MIB
        assert len(operator.bucket.stored()) == count + 1

        image_id = await operator.available(data)

        async def download() -> int:
            async with (
                program.client() as client,
                client.stream("GET", f"/api/available-image/{image_id}/view") as answer,
            ):
                await asyncio.sleep(0.5)
                return sum([len(piece) async for piece in answer.aiter_bytes()])

        assert await asyncio.gather(*(download() for _ in range(count))) == [size] * count
        rise = program.memory("VmHWM") - before
        print(f"and {count} downloads: +{rise // MIB} MiB")  # noqa: T201 - a measurement
        assert rise < 100 * MIB


async def test_stalled_clients_harm_nobody_and_get_408(
    program: Running, operator: PlayedOperator
) -> None:
    """200 of them: uploads and polls beside them go on, and nothing of them is left."""
    start, data, _ = form(1000)
    stalled = [await program.connect() for _ in range(200)]
    for connection in stalled:
        await connection.send(head(program.token, 100_000) + start + data)
    async with program.client() as client:
        started_at = time.perf_counter()
        answer = await client.post(UPLOADS, files={"file": ("a.jpg", JPEG)})
        assert answer.status_code == 201
        path = f"{UPLOADS}/{answer.json()['data']['id']}/status"
        assert (await client.get(path)).status_code == 200
        assert time.perf_counter() - started_at < 1
    answers = await asyncio.gather(*(connection.answer() for connection in stalled))
    for answer in answers:
        assert_problem(answer, 408)
    for connection in stalled:
        connection.close()
    assert len(operator.bucket.stored()) == 1


async def test_a_body_that_trickles_in_for_ever_is_408(program: Running) -> None:
    """Never silent for long, but too slow in all."""
    start, data, _ = form(1000)
    connection = await program.connect()
    await connection.send(head(program.token, 100_000) + start + data)

    async def trickle() -> None:
        while True:
            await connection.send(b"-")
            await asyncio.sleep(0.2)

    task = asyncio.create_task(trickle())
    started_at = time.perf_counter()
    assert_problem(await connection.answer(), 408)
    assert 2.5 < time.perf_counter() - started_at < 5
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    connection.close()


async def test_a_client_that_goes_away_leaves_nothing(
    program: Running, operator: PlayedOperator
) -> None:
    start, data, _ = form(600_000)
    for _ in range(5):
        connection = await program.connect()
        await connection.send(head(program.token, 2_000_000) + start + data)
        await asyncio.sleep(0.05)
        connection.close()
    async with program.client() as client:

        async def is_counted() -> bool:
            metrics = await client.get(f"http://{program.host}:9090/metrics")
            return f'{{code="499",method="POST",route="{UPLOADS}"}} 5.0' in metrics.text

        await eventually(is_counted)
    assert operator.bucket.stored() == []
    assert await operator.names(IMAGE_UPLOAD) == []
    assert deleted_files(program.process.pid) == [], "temporary files that are still open"
    assert not any(line["level"] == "ERROR" for line in program.logged())


async def test_an_upload_that_is_under_way_is_finished_at_the_end(program: Running) -> None:
    """SIGTERM: no new connections, but what has begun gets its answer."""
    start, data, end = form(100_000)
    connection = await program.connect()
    await connection.send(head(program.token, 100_000 + len(start) + len(end)) + start)
    await connection.send(data[:50_000])
    await asyncio.sleep(0.1)
    program.terminate()

    async def is_closed() -> bool:
        try:
            (await program.connect()).close()
        except OSError:
            return True
        return False

    await eventually(is_closed)
    await connection.send(data[50_000:] + end)
    answer = await connection.answer()
    assert answer.status_code == 201
    assert answer.headers["connection"] == "close"
    connection.close()
    assert await program.ends(5) == 0


async def test_no_poll_is_lost_at_the_end(program: Running) -> None:
    """Fifty clients poll on connections that they keep; each is told to open another one."""
    request = f"GET {UPLOADS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {program.token}\r\n\r\n"

    async def poll(number: int) -> int:
        connection = await program.connect()
        answers = 0
        while True:
            await connection.send(request.encode())
            answer = await connection.answer()
            assert answer.status_code == 200
            answers += 1
            if answer.headers.get("connection") == "close":
                break
            await asyncio.sleep(0.2 + number / 50)
        assert await connection.reader.read() == b""
        connection.close()
        return answers

    polling = [asyncio.create_task(poll(number)) for number in range(50)]
    await asyncio.sleep(1)
    program.terminate()
    assert min(await asyncio.gather(*polling)) > 1
    assert await program.ends(5) == 0


async def test_the_end_does_not_wait_for_ever(program: Running, operator: PlayedOperator) -> None:
    connections = [await program.connect() for _ in range(3)]
    start, data, _ = form(300_000)

    async def feed(connection: Connection) -> None:
        for byte in range(100):
            await connection.send(data[byte : byte + 1])
            await asyncio.sleep(0.1)

    for connection in connections:
        await connection.send(head(program.token, 1_000_000) + start + data)
    feeding = [asyncio.create_task(feed(connection)) for connection in connections]
    await asyncio.sleep(0.1)
    program.terminate()
    assert await program.ends(6) == 0
    for task in feeding:
        task.cancel()
    await asyncio.gather(*feeding, return_exceptions=True)
    for connection in connections:
        connection.close()
    assert operator.bucket.stored() == []


async def test_a_refusal_is_seen_although_the_client_goes_on_sending(program: Running) -> None:
    """Closing at once would reset the connection and lose the answer."""
    start, data, end = form(8 * MIB)
    length = len(start) + len(data) + len(end)
    for request, status in (
        (head("wrong", length), 401),
        (head(program.token, 10**9), 413),
        (head(program.token, length, path="/api/available-image"), 405),
    ):
        connection = await program.connect()
        await connection.send(request)
        for at in range(0, 8 * MIB, MIB):
            await connection.send(data[at : at + MIB])
        assert_problem(await connection.answer(), status)
        connection.close()


async def test_who_asks_before_sending_is_refused_without_having_sent(program: Running) -> None:
    for token, status in (("wrong", 401), (program.token, 413)):
        connection = await program.connect()
        await connection.send(head(token, 10**9, more="Expect: 100-continue\r\n"))
        assert_problem(await connection.answer(), status)
        connection.close()
