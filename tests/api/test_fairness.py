"""One client that takes all it can get, in each way there is, and another that must not notice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message

from safelight_api import app as application
from safelight_api.cache import Cache
from safelight_api.cluster import Cluster, Reading
from safelight_api.objects import STREAMS_PER_CONNECTION
from safelight_api.reading import Reader
from safelight_api.settings import Settings
from safelight_contract.resources import IMAGE_UPLOAD, Kind
from tests.api.asking import (
    IMAGES,
    JPEG,
    UNKNOWN_ID,
    UPLOADS,
    Api,
    assert_problem,
    eventually,
    started,
)
from tests.api.playing import PlayedOperator
from tests.api.running import BOUNDARY, form

FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
PLACES = 8


class Greedy:
    """A client whose requests do not end by themselves."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._end = asyncio.Event()
        self._tasks: list[asyncio.Task[httpx.Response]] = []

    @property
    def answers(self) -> list[httpx.Response]:
        """What it was answered so far."""
        return [task.result() for task in self._tasks if task.done()]

    def request(self, method: str, path: str, **options: Any) -> None:  # noqa: ANN401 - the client's
        """Begin a request."""
        self._tasks.append(asyncio.create_task(self._api.client.request(method, path, **options)))

    def upload(self, size: int, *, told: bool) -> None:
        """Begin an upload that lacks its last bytes; `told`: its length is."""
        start, data, end = form(size)
        body = start + data + end

        async def unfinished() -> AsyncIterator[bytes]:
            yield body[:-1]
            await self._end.wait()

        headers = FORM | ({"Content-Length": str(len(body))} if told else {})
        self.request("POST", UPLOADS, headers=headers, content=unfinished())

    def comment(self, image_id: str) -> None:
        """Begin to change a comment."""

        async def nothing() -> AsyncIterator[bytes]:
            await self._end.wait()
            yield b""

        headers = {"Content-Type": "application/json"}
        self.request("PATCH", f"{IMAGES}/{image_id}", headers=headers, content=nothing())

    async def close(self) -> None:
        """End all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def greedy_at(settings: Settings, token: str) -> AsyncIterator[tuple[Api, Greedy]]:
    """Return an application that is patient, and a client that takes what it can get."""
    patient = replace(settings, upload_idle_seconds=120, upload_total_seconds=240)
    async with started(patient, token) as api:
        greedy = Greedy(api)
        try:
            yield api, greedy
        finally:
            await greedy.close()


def refused(api: Api, bound: str) -> float:
    """Return how often somebody was refused for a bound, as the metrics tell."""
    families = text_string_to_metric_families(
        generate_latest(api.services.metrics.registry).decode()
    )
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == "safelight_shares_refused_total" and sample.labels["bound"] == bound
    )


async def test_requests_without_their_bodies(
    settings: Settings,
    token: str,
    other: dict[str, str],
    operator: PlayedOperator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A quarter of the places is left; health checks need none."""
    monkeypatch.setattr(application, "MAX_REQUESTS", PLACES)
    async with greedy_at(settings, token) as (api, greedy):
        image_id = await operator.available()
        await eventually(lambda: len(api.services.cache.ready_images) == 1, seconds=30)
        for _ in range(PLACES + 5):
            greedy.comment(image_id)
        await eventually(lambda: len(greedy.answers) == PLACES + 5 - 6, seconds=30)
        for answer in greedy.answers:
            assert_problem(answer, 429)
        assert refused(api, "requests") == PLACES + 5 - 6
        for path in (UPLOADS, IMAGES, f"{IMAGES}/{image_id}/view"):
            assert (await api.client.get(path, headers=other)).status_code == 200
        assert (
            await api.client.post(UPLOADS, files={"file": ("a.jpg", JPEG)}, headers=other)
        ).status_code == 201
        for path in ("/healthz", "/readyz"):
            assert (await api.client.get(path)).status_code == 200


@pytest.mark.parametrize("told", [True, False])
async def test_uploads_that_do_not_end(
    *, told: bool, settings: Settings, token: str, other: dict[str, str], operator: PlayedOperator
) -> None:
    """The room of four of them: as small ones, and as one of the same size."""
    size = 200_000
    narrow = replace(settings, max_temporary_bytes=4 * size, max_upload_bytes=size)
    async with greedy_at(narrow, token) as (api, greedy):
        for _ in range(6):
            greedy.upload(size, told=told)
        await eventually(lambda: len(greedy.answers) == 3, seconds=30)
        for answer in greedy.answers:
            assert_problem(answer, 429)
        for data in (JPEG, JPEG.ljust(size, b"x")):
            answers = await asyncio.gather(
                *(
                    api.client.post(UPLOADS, files={"file": ("a.jpg", data)}, headers=other)
                    for _ in range(4 if data is JPEG else 1)
                )
            )
            assert [answer.status_code for answer in answers] == [201] * len(answers)
        assert refused(api, "room") >= 3
        assert len(operator.bucket.stored()) == 5


async def test_an_upload_that_arrives_makes_room_for_a_client_that_has_less(
    settings: Settings, token: str, other: dict[str, str], operator: PlayedOperator
) -> None:
    """Two of the others' at a time need half of the room, of which a quarter was left."""
    size = 200_000
    narrow = replace(settings, max_temporary_bytes=4 * size, max_upload_bytes=size)
    async with greedy_at(narrow, token) as (api, greedy):
        for _ in range(3):
            greedy.upload(size, told=True)
        await eventually(lambda: api.services.receiver.held_bytes == 3 * size, seconds=30)
        others = Greedy(replace_headers(api, other))
        try:
            for _ in range(2):
                others.upload(size, told=True)
            await eventually(lambda: len(greedy.answers) == 1, seconds=30)
            assert_problem(greedy.answers[0], 429)
            assert others.answers == []
            assert api.services.receiver.held_bytes == 4 * size
        finally:
            await others.close()
        assert operator.bucket.stored() == []


def replace_headers(api: Api, headers: dict[str, str]) -> Api:
    """Return the same application with a client of other headers."""
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(api.app), base_url="http://api.test", headers=headers
    )
    return replace(api, client=client)


async def test_readers_that_take_nothing(
    settings: Settings, token: str, other: dict[str, str], operator: PlayedOperator
) -> None:
    """They hold connections to the object storage."""
    places = STREAMS_PER_CONNECTION
    async with started(replace(settings, s3_connections=1), token) as api:
        image_id = await operator.available(b"x" * 1000)
        await eventually(lambda: len(api.services.cache.ready_images) == 1, seconds=30)
        path = f"{IMAGES}/{image_id}/view"
        statuses: list[int] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            elif message.get("more_body"):
                await asyncio.Event().wait()

        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "headers": [(b"authorization", f"Bearer {token}".encode())],
            "query_string": b"",
        }
        readers = [
            asyncio.create_task(api.app(dict(scope), receive, send)) for _ in range(places + 2)
        ]
        try:
            await eventually(lambda: len(statuses) == places + 2, seconds=30)
            assert sorted(statuses) == [200] * 6 + [429] * 4
            for _ in range(3):
                answer = await api.client.get(path, headers=other)
                assert answer.content == b"x" * 1000
            assert refused(api, "streams") == 4
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
        assert (await api.client.get(path)).status_code == 200, "the places are free again"


async def test_polls_of_unknown_ids(settings: Settings, token: str, other: dict[str, str]) -> None:
    """Each costs two reads of the API server; another client's is answered before they all are."""
    async with greedy_at(settings, token) as (api, greedy):
        for number in range(300):
            greedy.request("GET", f"{UPLOADS}/{UNKNOWN_ID[:-3]}{number:03}/status")
        await eventually(lambda: bool(greedy.answers), seconds=30)
        answer = await api.client.get(f"{UPLOADS}/{UNKNOWN_ID}/status", headers=other)
        assert answer.status_code == 404
        assert len(greedy.answers) < 300
        await eventually(lambda: len(greedy.answers) == 300, seconds=30)
        assert {answer.status_code for answer in greedy.answers} == {404}


async def test_polls_of_one_unknown_id_share_reads(settings: Settings, token: str) -> None:
    async with greedy_at(settings, token) as (api, greedy):
        for _ in range(200):
            greedy.request("GET", f"{UPLOADS}/{UNKNOWN_ID}/status")
        await eventually(lambda: len(greedy.answers) == 200, seconds=30)
        assert {answer.status_code for answer in greedy.answers} == {404}
        reads = api.services.metrics.cluster_requests.labels("get", IMAGE_UPLOAD.plural, "200")
        assert 1 <= reads._value.get() < 60  # noqa: SLF001 - nothing public tells a counter's value


async def test_a_retry_counts_for_who_asks(
    settings: Settings, token: str, other: dict[str, str], operator: PlayedOperator
) -> None:
    """And no longer for who has sent the file, in this process and in the next."""
    bounded = replace(settings, max_pending_per_token=1)
    async with started(bounded, token) as api:
        upload_id = (await api.upload())["id"]
        await operator.fail(upload_id, "CorruptImage")
        await eventually(lambda: len(api.services.cache.pending) == 0, seconds=30)
        answer = await api.client.post(f"{UPLOADS}/{upload_id}/retry", headers=other)
        assert answer.status_code == 202
        pending = api.services.cache.pending
        assert (pending.of("other"), pending.of("tests")) == (1, 0)
        await api.upload()
        refusal = await api.client.post(UPLOADS, files={"file": ("a.jpg", JPEG)}, headers=other)
        assert_problem(refusal, 429)
        async with started(bounded, token) as later:
            pending = later.services.cache.pending
            assert (pending.of("other"), pending.of("tests")) == (1, 1)


class _Turns:
    """Stands for the cluster: a read waits for its turn, and finds nothing."""

    def __init__(self) -> None:
        self.turn_comes = asyncio.Event()
        self.asked = 0
        self.sent = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait."""
        self.asked += 1
        await self.turn_comes.wait()
        yield

    async def read(self, _kind: Kind, _name: str) -> Reading:
        """Find nothing."""
        self.sent += 1
        await asyncio.sleep(0)
        return Reading(resource=None, revision=1)


async def test_who_shares_a_read_goes_on_when_its_first_asker_is_gone() -> None:
    """And a read that has left is not shared."""
    turns = _Turns()
    reader = Reader(cast("Cluster", turns), Cache())
    first, second, third = (asyncio.create_task(reader.fresh_upload(UNKNOWN_ID)) for _ in range(3))
    await eventually(lambda: turns.asked == 1, seconds=30)
    first.cancel()
    await eventually(lambda: turns.asked == 2, seconds=30)
    turns.turn_comes.set()
    await eventually(lambda: turns.sent == 1, seconds=30)
    late = asyncio.create_task(reader.fresh_upload(UNKNOWN_ID))
    assert not any(await asyncio.gather(second, third, late))
    assert first.cancelled()
    assert turns.sent == 2
