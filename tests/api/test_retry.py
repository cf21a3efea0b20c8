"""POST /api/image-upload/{id}/retry."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from safelight_api.cluster import Cluster
from safelight_api.cluster_errors import UnavailableError
from safelight_api.settings import Settings
from safelight_contract.resources import ANNOTATION_RETRY, IMAGE_UPLOAD
from tests.api import making
from tests.api.asking import UPLOADS, Api, assert_problem, eventually, started
from tests.api.playing import PlayedOperator
from tests.support.proxying import Proxy


async def failed(api: Api, operator: PlayedOperator) -> str:
    """Return an upload that has failed, as the API knows."""
    upload_id: str = (await api.upload())["id"]
    await operator.fail(upload_id, "StorageUnavailable")

    async def is_known() -> bool:
        return bool((await api.status(upload_id))["status"] == "failed")

    await eventually(is_known)
    return upload_id


async def asked(operator: PlayedOperator, upload_id: str) -> str | None:
    """Return the retry that an upload's annotation asks for."""
    upload = await operator.get(IMAGE_UPLOAD, upload_id)
    assert upload is not None
    value: str | None = upload["metadata"].get("annotations", {}).get(ANNOTATION_RETRY)
    return value


async def test_a_failed_upload_is_under_way_again(api: Api, operator: PlayedOperator) -> None:
    upload_id = await failed(api, operator)
    shown = (await api.client.get(f"{UPLOADS}/{upload_id}")).json()
    answer = await api.client.post(f"{UPLOADS}/{upload_id}/retry")
    assert answer.status_code == 202
    assert answer.json() == shown
    assert answer.headers["location"] == f"{UPLOADS}/{upload_id}/status"
    assert await asked(operator, upload_id)
    poll = await api.client.get(answer.headers["location"])
    assert poll.json()["status"] == "processing"
    assert poll.json()["progress"] == {"phase": "queued", "queued_ahead": 0}
    assert poll.headers["retry-after"]
    assert len(api.services.cache.pending) == 1


async def test_it_fails_again_once_the_operator_says_so(api: Api, operator: PlayedOperator) -> None:
    upload_id = await failed(api, operator)
    for _ in range(2):
        assert (await api.client.post(f"{UPLOADS}/{upload_id}/retry")).status_code == 202
        await operator.observe_retry(upload_id, await asked(operator, upload_id))

        async def has_failed() -> bool:
            return bool((await api.status(upload_id))["status"] == "failed")

        await eventually(has_failed)


async def test_a_second_request_finds_it_under_way(api: Api, operator: PlayedOperator) -> None:
    """So of several at once exactly one is the retry."""
    upload_id = await failed(api, operator)
    answers = await asyncio.gather(
        *(api.client.post(f"{UPLOADS}/{upload_id}/retry") for _ in range(4))
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [202, 409, 409, 409]
    value = await asked(operator, upload_id)
    assert_problem(await api.client.post(f"{UPLOADS}/{upload_id}/retry"), 409)
    assert await asked(operator, upload_id) == value


async def test_what_has_not_failed_is_not_retried(api: Api, operator: PlayedOperator) -> None:
    """Neither what is under way, nor an image, nor what is being removed as too old."""
    upload_id = (await api.upload())["id"]
    assert_problem(await api.client.post(f"{UPLOADS}/{upload_id}/retry"), 409)
    assert await asked(operator, upload_id) is None
    await operator.process(upload_id)
    assert_problem(await api.client.post(f"{UPLOADS}/{upload_id}/retry"), 409)
    upload_id = await failed(api, operator)
    await operator.expire(upload_id)
    assert_problem(await api.client.post(f"{UPLOADS}/{upload_id}/retry"), 409)
    assert await asked(operator, upload_id) is None


async def test_an_unknown_upload(api: Api, operator: PlayedOperator) -> None:
    for name in (making.an_id(), "x", "%2e%2e"):
        assert_problem(await api.client.post(f"{UPLOADS}/{name}/retry"), 404)
    upload_id = await failed(api, operator)
    await operator.delete(IMAGE_UPLOAD, upload_id)
    assert_problem(await api.client.post(f"{UPLOADS}/{upload_id}/retry"), 404)
    answer = await api.client.get(f"{UPLOADS}/{upload_id}/retry")
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "POST"


async def test_a_failure_that_this_process_has_not_heard_of_yet(
    api: Api, operator: PlayedOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its watch is behind, another process has told the client."""
    upload_id = (await api.upload())["id"]
    monkeypatch.setattr(api.services.cache.uploads, "changed", lambda _upload: None)
    await operator.fail(upload_id, "CorruptImage")
    assert (await api.status(upload_id))["status"] == "processing"
    assert (await api.client.post(f"{UPLOADS}/{upload_id}/retry")).status_code == 202
    assert await asked(operator, upload_id)


async def test_kubectl_asks_in_the_same_way(api: Api, operator: PlayedOperator) -> None:
    upload_id = await failed(api, operator)
    await operator.annotate(upload_id, ANNOTATION_RETRY, "by hand")
    await eventually(lambda: len(api.services.cache.pending) == 1)
    assert (await api.status(upload_id))["status"] == "processing"
    await operator.observe_retry(upload_id, "by hand")
    await eventually(lambda: len(api.services.cache.pending) == 0)
    await operator.annotate(upload_id, ANNOTATION_RETRY, "x" * 65)
    await asyncio.sleep(0.2)
    assert (await api.status(upload_id))["status"] == "failed"


async def test_a_change_in_between_is_looked_at(
    api: Api, operator: PlayedOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not matter, then an expiry: the retry is not set on what is being removed."""
    patch = Cluster.patch
    changes = [operator.annotate(upload_id := await failed(api, operator), "a/b", "c")]

    async def late(*arguments: Any) -> Any:  # noqa: ANN401 - passed on as they are
        while changes:
            await changes.pop()
        return await patch(*arguments)

    monkeypatch.setattr(Cluster, "patch", late)
    monkeypatch.setattr("safelight_api.uploads.RETRY_SECONDS", 0)
    assert (await api.client.post(f"{UPLOADS}/{upload_id}/retry")).status_code == 202
    upload_id = await failed(api, operator)
    changes.append(operator.expire(upload_id))
    assert_problem(await api.client.post(f"{UPLOADS}/{upload_id}/retry"), 409)
    assert await asked(operator, upload_id) is None


async def test_a_retry_whose_answer_is_lost_is_found_out(
    api: Api, operator: PlayedOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Done, then a time-out, and the operator has even failed it again: it was one retry."""
    upload_id = await failed(api, operator)
    patch = Cluster.patch
    calls = []

    async def lossy(*arguments: Any) -> Any:  # noqa: ANN401 - passed on as they are
        calls.append(arguments)
        await patch(*arguments)
        await operator.observe_retry(upload_id, await asked(operator, upload_id))
        raise UnavailableError("lost", may_have_happened=True)

    monkeypatch.setattr(Cluster, "patch", lossy)
    monkeypatch.setattr("safelight_api.uploads.RETRY_SECONDS", 0)
    assert (await api.client.post(f"{UPLOADS}/{upload_id}/retry")).status_code == 202
    assert len(calls) == 1


async def test_the_api_server_is_away(
    settings: Settings, token: str, cluster_proxy: Proxy, operator: PlayedOperator
) -> None:
    async with started(settings, token) as api:
        upload_id = await failed(api, operator)
        cluster_proxy.refuse()
        assert_problem(await api.client.post(f"{UPLOADS}/{upload_id}/retry"), 503)
        cluster_proxy.restore()
        assert await asked(operator, upload_id) is None


async def test_a_retry_counts_as_an_upload_under_way(
    settings: Settings, token: str, operator: PlayedOperator
) -> None:
    async with started(replace(settings, max_pending=1), token) as api:
        upload_id = await failed(api, operator)
        await api.upload()
        assert_problem(await api.client.post(f"{UPLOADS}/{upload_id}/retry"), 429)
        assert await asked(operator, upload_id) is None
