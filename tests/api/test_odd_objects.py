"""No object stops the rest: odd ones are put into a real API server, and all others go on."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager

import pytest

from safelight_api.cluster import Cluster
from safelight_api.metrics import Metrics
from safelight_api.settings import Settings
from safelight_contract import pages
from safelight_contract.resources import (
    ANNOTATION_UPDATED_AT,
    AVAILABLE_IMAGE,
    IMAGE_UPLOAD,
    Kind,
)
from safelight_local.cluster import Cluster as LocalCluster
from tests.api import making
from tests.api.asking import IMAGES, UPLOADS, Api, assert_problem, eventually, started
from tests.api.playing import PlayedOperator
from tests.support import answers
from tests.support.finalizers import released

KIB = 1024
Fresh = Callable[[], AbstractAsyncContextManager[Api]]
SECONDS = 30


@pytest.fixture(autouse=True)
def _released(served: LocalCluster, namespace: str) -> Iterator[None]:
    with released(served, namespace):
        yield


@pytest.fixture
async def image(api: Api, operator: PlayedOperator) -> str:
    """Return the id of an image that readers see."""
    return await an_image(api, operator)


async def an_image(api: Api, operator: PlayedOperator) -> str:
    """Return the id of an image that readers see."""
    image_id = making.an_id()
    await operator.create_image(image_id)
    await operator.confirm(image_id)
    await eventually(lambda: api.services.cache.state(image_id) is not None, SECONDS)
    return image_id


async def seen(api: Api, operator: PlayedOperator, kind: Kind, name: str) -> None:
    """Wait until the watch has come up to what the cluster has now."""
    found = await operator.get(kind, name)
    assert found is not None
    revision = int(found["metadata"]["resourceVersion"])
    store = api.services.cache.uploads if kind is IMAGE_UPLOAD else api.services.cache.images
    await eventually(lambda: store.revision >= revision, SECONDS)


async def ids(api: Api, path: str) -> list[str]:
    """Return the ids of a list."""
    answer = await api.client.get(path)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["data"]]


@pytest.fixture
def fresh(settings: Settings, token: str) -> Fresh:
    """Return what starts the application once more, beside the first."""
    return lambda: started(settings, token)


LEVELS = 1_200
"""Python's decoder gives up after 1,000 unless it is told otherwise."""


def nested(levels: int) -> str:
    """Return a change of who manages which fields: a tree that is as deep as that."""
    tree = '{"f:x":' * levels + "{}" + "}" * levels
    entry = (
        '{"manager":"x","operation":"Update","apiVersion":"safelight.dev/v1alpha1",'
        f'"fieldsType":"FieldsV1","fieldsV1":{tree}}}'
    )
    return f'{{"metadata":{{"managedFields":[{entry}]}}}}'


NONSENSE = (
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "99999-01-01T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "0000-00-00",
    "\N{PILE OF POO}" * 1000,
    "x" * 200 * KIB,
)


async def test_an_annotation_that_anybody_may_write_stops_nobody(
    api: Api, operator: PlayedOperator, image: str, fresh: Fresh
) -> None:
    other = await an_image(api, operator)
    for text in NONSENSE:
        await operator.annotate(image, ANNOTATION_UPDATED_AT, text, AVAILABLE_IMAGE)
    await seen(api, operator, AVAILABLE_IMAGE, image)
    async with fresh() as second:
        for each in (api, second):
            assert sorted(await ids(each, IMAGES)) == sorted([image, other])
            told = (await each.client.get(f"{IMAGES}/{image}")).json()["data"]
            assert told["updated_at"] == told["created_at"]


async def test_an_upload_whose_status_is_no_status_is_set_aside_until_it_changes(
    api: Api, operator: PlayedOperator, fresh: Fresh, caplog: pytest.LogCaptureFixture
) -> None:
    odd, good = (await api.upload())["id"], (await api.upload())["id"]
    failed = making.condition("Succeeded", "False", "CorruptImage")
    poison = {"conditions": [failed | {"lastTransitionTime": "0000-01-01T00:00:00Z"}]}
    await operator.patch(IMAGE_UPLOAD, f"{odd}/status", {"status": poison})
    watcher = api.services.watchers[0]
    await eventually(lambda: list(watcher.aside) == [odd], SECONDS)
    async with fresh() as second:
        assert list(second.services.watchers[0].aside) == [odd]
        for each in (api, second):
            assert await ids(each, UPLOADS) == [good]
            assert (await each.status(good))["status"] == "processing"
            answer = await each.client.get(f"{UPLOADS}/{odd}/status")
            assert_problem(answer, 503)
            gauge = {"kind": IMAGE_UPLOAD.kind}
            registry = each.services.metrics.registry
            assert registry.get_sample_value("safelight_unreadable_objects", gauge) == 1
        told = [record for record in caplog.records if "set aside" in record.message]
        assert {record.id for record in told} == {odd}  # type: ignore[attr-defined]  # from the log's `extra`
        await operator.patch(IMAGE_UPLOAD, f"{odd}/status", {"status": {"conditions": [failed]}})
        for each in (api, second):
            await eventually(lambda each=each: not each.services.watchers[0].aside, SECONDS)  # type: ignore[misc]  # its default binds it
            assert sorted(await ids(each, UPLOADS)) == sorted([odd, good])
            assert (await each.status(odd))["status"] == "failed"


async def test_an_event_of_any_length_is_read(
    api: Api, operator: PlayedOperator, image: str
) -> None:
    upload = (await api.upload())["id"]
    for kind, name in ((IMAGE_UPLOAD, upload), (AVAILABLE_IMAGE, image)):
        # Each of these characters takes six bytes of JSON.
        await operator.annotate(name, "example.com/heavy", "\x01" * 200 * KIB, kind)
        await seen(api, operator, kind, name)
    assert await ids(api, UPLOADS) == [upload]
    assert await ids(api, IMAGES) == [image]
    (restarts,) = api.services.metrics.watch_restarts.collect()
    assert [sample for sample in restarts.samples if sample.name.endswith("_total")] == []


async def test_json_that_is_nested_deeply_stops_nobody(
    api: Api, operator: PlayedOperator, image: str, fresh: Fresh
) -> None:
    """Whoever may change an object may write down who manages which of its fields."""
    answer = await operator.send(AVAILABLE_IMAGE, image, nested(LEVELS))
    assert answer.status_code == 200, answer.text
    assert answer.text.count('{"f:x":') >= LEVELS
    await seen(api, operator, AVAILABLE_IMAGE, image)
    other = await an_image(api, operator)
    async with fresh() as second:
        for each in (api, second):
            assert sorted(await ids(each, IMAGES)) == sorted([image, other])


async def test_what_is_being_deleted_is_gone(
    api: Api, operator: PlayedOperator, image: str, fresh: Fresh
) -> None:
    upload = (await api.upload())["id"]
    for kind, name in ((IMAGE_UPLOAD, upload), (AVAILABLE_IMAGE, image)):
        await operator.patch(kind, name, {"metadata": {"finalizers": ["example.com/held"]}})
        await operator.delete(kind, name)
        await seen(api, operator, kind, name)
    async with fresh() as second:
        for each in (api, second):
            for path in (UPLOADS, IMAGES):
                answer = (await each.client.get(path)).json()
                assert answer["data"] == []
                assert answer["meta"]["total"] == 0
            for name in (upload, image):
                assert (await each.status(name))["status"] == "not_found"
                assert_problem(await each.client.get(f"{UPLOADS}/{name}"), 404)
                assert_problem(await each.client.delete(f"{UPLOADS}/{name}"), 404)
                assert_problem(await each.client.post(f"{UPLOADS}/{name}/retry"), 404)
            for path in ("", "/view", "/download"):
                assert_problem(await each.client.get(f"{IMAGES}/{image}{path}"), 404)
            assert_problem(await each.client.delete(f"{IMAGES}/{image}"), 404)


async def test_lists_are_bounded_by_bytes(
    api: Api, operator: PlayedOperator, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundredth of the budget, and objects of a hundredth of the largest size."""
    light = [(await api.upload())["id"] for _ in range(2)]
    heavy = [making.an_id() for _ in range(24)]
    for name in heavy:
        await operator.create(IMAGE_UPLOAD, name, making.upload_spec().to_dict())
        await operator.annotate(name, "example.com/heavy", "a" * 30 * KIB)
    monkeypatch.setattr(pages, "PAGE_BYTES", 60 * KIB)
    answers.bound(monkeypatch, 250 * KIB)
    async with Cluster.connect(settings.namespace, Metrics()) as cluster:
        for _ in range(2):
            found, position, lengths = list[str](), None, list[int]()
            while True:
                page = await cluster.list_page(IMAGE_UPLOAD, position)
                found += [item["metadata"]["name"] for item in page.resources]
                lengths.append(len(page.resources))
                assert not page.unreadable
                position = page.next_page
                if position is None:
                    break
            assert sorted(found) == sorted(light + heavy)
            sizes = cluster.page_sizes[IMAGE_UPLOAD.plural]
            assert 30 * KIB < sizes.largest <= 250 * KIB
            assert max(lengths[:-2]) <= 5


async def test_one_object_beyond_the_bound_is_set_aside_by_its_name(
    api: Api, operator: PlayedOperator, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = sorted([(await api.upload())["id"] for _ in range(5)])
    await operator.annotate(names[2], "example.com/heavy", "a" * 200 * KIB)
    whole = pages.MAX_BYTES
    answers.bound(monkeypatch, 100 * KIB)
    async with fresh() as second:
        assert list(second.services.watchers[0].aside) == [names[2]]
        assert sorted(await ids(second, UPLOADS)) == names[:2] + names[3:]
        assert_problem(await second.client.get(f"{UPLOADS}/{names[2]}"), 503)
        answers.bound(monkeypatch, whole)
        await operator.annotate(names[2], "example.com/heavy", None)
        await eventually(lambda: not second.services.watchers[0].aside, SECONDS)
        assert sorted(await ids(second, UPLOADS)) == names
