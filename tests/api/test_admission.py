"""Back-pressure: which uploads are refused with 429, and whose turn comes first."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from safelight_api.settings import Settings
from safelight_contract.resources import ANNOTATION_UPLOADED_BY, IMAGE_UPLOAD
from tests.api.asking import JPEG, UPLOADS, Api, assert_problem, eventually, started
from tests.api.playing import PlayedOperator

FILE = {"file": ("a.jpg", JPEG)}


async def test_too_many_pending(settings: Settings, token: str, operator: PlayedOperator) -> None:
    """Failed uploads do not count; uploads that arrive at the same time do."""
    async with started(replace(settings, max_pending=2), token) as api:
        answers = await asyncio.gather(
            *(api.client.post(UPLOADS, files={"file": ("a.jpg", JPEG)}) for _ in range(6))
        )
        accepted = [answer for answer in answers if answer.status_code == 201]
        assert len(accepted) == 2
        for answer in answers:
            if answer.status_code != 201:
                assert_problem(answer, 429)
        assert len(operator.bucket.stored()) == 2
        await operator.fail(accepted[0].json()["data"]["id"], "CorruptImage")
        await eventually(lambda: len(api.services.cache.pending) == 1)
        await api.upload()


async def test_too_many_with_one_token(
    settings: Settings, token: str, other: dict[str, str], operator: PlayedOperator
) -> None:
    """Others are not refused for it; a replica counts what another one has taken in."""
    bounded = replace(settings, max_pending_per_token=2)
    async with started(bounded, token) as api, started(bounded, token) as replica:
        answers = await asyncio.gather(*(api.client.post(UPLOADS, files=FILE) for _ in range(4)))
        accepted = [answer.json()["data"]["id"] for answer in answers if answer.is_success]
        assert len(accepted) == 2
        await eventually(lambda: len(replica.services.cache.pending) == 2)
        refused = assert_problem(await replica.client.post(UPLOADS, files=FILE), 429)
        assert "token" in refused["detail"]
        assert (await replica.client.post(UPLOADS, files=FILE, headers=other)).status_code == 201
        await operator.progress(accepted[0], "Running")
        await eventually(lambda: replica.services.cache.pending.waiting == 2)
        assert_problem(await replica.client.post(UPLOADS, files=FILE), 429)
        await operator.delete(IMAGE_UPLOAD, accepted[0])
        await eventually(lambda: len(replica.services.cache.pending) == 2)
        await replica.upload()


async def test_an_upload_tells_whose_it_is(api: Api, operator: PlayedOperator) -> None:
    upload = await operator.get(IMAGE_UPLOAD, (await api.upload())["id"])
    assert upload is not None
    assert upload["metadata"]["annotations"] == {ANNOTATION_UPLOADED_BY: "tests"}


@pytest.fixture
async def api_of_two(settings: Settings, token: str, other: dict[str, str]) -> AsyncIterator[Api]:
    """Return an application that knows the other client from the start."""
    assert other
    async with started(settings, token) as api:
        yield api


async def test_whose_turn_comes_first(
    api_of_two: Api, other: dict[str, str], operator: PlayedOperator
) -> None:
    """As for the operator: a client with something under way lets one without go first."""
    api = api_of_two
    mine = [(await api.upload())["id"] for _ in range(3)]
    answer = await api.client.post(UPLOADS, files=FILE, headers=other)
    theirs = answer.json()["data"]["id"]

    async def ahead() -> list[int]:
        states = [await api.status(upload_id) for upload_id in (*mine, theirs)]
        return [state["progress"]["queued_ahead"] for state in states]

    first = mine[(await ahead()).index(0)] if 0 in (await ahead())[:3] else theirs
    assert sorted(await ahead()) == [0, 1, 2, 3]
    assert (await ahead())[3] <= 1, "before the second of the others at the latest"
    running = mine[0] if first == theirs else first
    await operator.progress(running, "Running")
    await eventually(lambda: api.services.cache.pending.waiting == 3)
    assert (await ahead())[3] == 0
    await operator.progress(theirs, "Running")
    await eventually(lambda: api.services.cache.pending.waiting == 2)
    assert sorted(await ahead()) == [0, 0, 0, 1]
