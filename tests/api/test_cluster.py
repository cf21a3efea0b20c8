"""The adapter of the custom resources, against the real API server."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from safelight_api.cluster import Cluster
from safelight_api.cluster_errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    GoneError,
    NotFoundError,
    QuotaExceededError,
    UnavailableError,
    error_of,
)
from safelight_api.metrics import Metrics
from safelight_api.settings import Settings
from safelight_contract import pages
from safelight_contract.resources import AVAILABLE_IMAGE, IMAGE_UPLOAD
from tests.api import making
from tests.api.playing import PlayedOperator


@pytest.fixture
async def cluster(settings: Settings) -> AsyncIterator[Cluster]:
    """Return the adapter."""
    async with Cluster.connect(settings.namespace, Metrics()) as cluster:
        yield cluster


async def test_create_read_delete(cluster: Cluster) -> None:
    name, spec = making.an_id(), making.upload_spec().to_dict()
    before = await cluster.read(IMAGE_UPLOAD, name)
    assert before.resource is None
    created = await cluster.create(IMAGE_UPLOAD, name, spec)
    reading = await cluster.read(IMAGE_UPLOAD, name)
    assert reading.resource is not None
    assert reading.resource["metadata"] == created["metadata"]
    assert before.revision < int(created["metadata"]["resourceVersion"]) <= reading.revision
    with pytest.raises(AlreadyExistsError):
        await cluster.create(IMAGE_UPLOAD, name, spec)
    assert not await cluster.delete(IMAGE_UPLOAD, name, "another-uid")
    assert await cluster.delete(IMAGE_UPLOAD, name, created["metadata"]["uid"])
    assert not await cluster.delete(IMAGE_UPLOAD, name, created["metadata"]["uid"])
    after = await cluster.read(IMAGE_UPLOAD, name)
    assert after.resource is None
    assert after.revision > reading.revision


async def test_another_object_of_the_same_name_is_not_deleted(cluster: Cluster) -> None:
    name = making.an_id()
    await cluster.create(IMAGE_UPLOAD, name, making.upload_spec().to_dict())
    assert not await cluster.delete(IMAGE_UPLOAD, name, "00000000-0000-4000-8000-000000000000")
    assert (await cluster.read(IMAGE_UPLOAD, name)).resource is not None


async def test_patching_what_is_not_there(cluster: Cluster) -> None:
    assert await cluster.patch(AVAILABLE_IMAGE, making.an_id(), {"spec": {"comment": "x"}}) is None


async def test_what_the_crd_refuses_is_an_error(cluster: Cluster) -> None:
    with pytest.raises(ClusterError) as refused:
        await cluster.create(IMAGE_UPLOAD, "no-id", making.upload_spec().to_dict())
    assert not isinstance(refused.value, UnavailableError)


async def test_a_list_in_pages_is_of_one_revision(
    cluster: Cluster, operator: PlayedOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "FIRST", 2)
    monkeypatch.setattr(pages, "MOST", 2)
    names = [making.an_id() for _ in range(5)]
    for name in names:
        await operator.create(IMAGE_UPLOAD, name, making.upload_spec().to_dict())
    page = await cluster.list_page(IMAGE_UPLOAD, None)
    revision, found = page.revision, list(page.resources)
    await operator.delete(IMAGE_UPLOAD, names[4])
    while page.next_page is not None:
        page = await cluster.list_page(IMAGE_UPLOAD, page.next_page)
        found += page.resources
        assert page.revision == revision
    assert [item["metadata"]["name"] for item in found] == names
    events = cluster.watch(IMAGE_UPLOAD, revision, seconds=5, silence=5)
    event = await anext(events)
    await events.aclose()  # type: ignore[attr-defined]  # an async generator
    assert (event.type, event.resource["metadata"]["name"]) == ("DELETED", names[4])


async def test_a_watch_ends_when_it_is_asked_to(cluster: Cluster) -> None:
    revision = (await cluster.list_page(IMAGE_UPLOAD, None)).revision
    events = [
        event
        async for event in cluster.watch(IMAGE_UPLOAD, revision, seconds=1, silence=5)
        if event.type != "BOOKMARK"
    ]
    assert events == []


NOTHING: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("code", "status", "expected", "may_have_happened"),
    [
        (404, {"reason": "NotFound", "details": {"name": "x"}}, NotFoundError, None),
        (404, NOTHING, UnavailableError, False),
        (409, {"reason": "AlreadyExists"}, AlreadyExistsError, None),
        (409, {"reason": "Conflict"}, ConflictError, None),
        (410, {"reason": "Expired"}, GoneError, None),
        (403, {"message": "exceeded quota: uploads"}, QuotaExceededError, None),
        (403, {"message": "no rights"}, UnavailableError, False),
        (401, NOTHING, UnavailableError, False),
        (429, NOTHING, UnavailableError, False),
        (422, {"reason": "Invalid"}, ClusterError, None),
        (500, NOTHING, UnavailableError, True),
        (502, NOTHING, UnavailableError, True),
        (504, {"reason": "Timeout"}, UnavailableError, True),
        (0, NOTHING, ClusterError, None),
    ],
)
def test_answers_become_our_errors(
    code: int,
    status: dict[str, Any],
    expected: type[ClusterError],
    *,
    may_have_happened: bool | None,
) -> None:
    error = error_of(code, status)
    assert type(error) is expected
    assert getattr(error, "may_have_happened", None) is may_have_happened
