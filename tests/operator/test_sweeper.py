"""The sweeper against a real bucket and real resources."""

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from safelight_contract import keys, policy
from safelight_contract.resources import AvailableImageSpec, StoredImage, StoredVariant
from safelight_operator import conditions, manifest, metrics, sweep, sweeper
from safelight_operator.app import Operator
from safelight_operator.cluster import Cluster
from safelight_operator.objects import Objects
from safelight_operator.output import StoredObject
from safelight_operator.settings import Settings
from safelight_operator.sweep import Orphan
from safelight_operator.sweeper import OrderError, side_by_side
from safelight_operator.transport import Page, Transport
from tests.operator.making import ID, NOW
from tests.operator.playing import Stage

OTHER = ID.replace("1", "9")


@pytest.fixture(autouse=True)
def _no_age(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MIN_AGE", "UNDER_WAY"):
        monkeypatch.setattr(sweep, name, timedelta(seconds=-1))


@pytest.fixture
async def operator(settings: Settings, cluster: Cluster) -> AsyncIterator[Operator]:
    """Return an operator that removes what is left over; the tests call its parts."""
    objects = Objects(settings.object_store)
    yield Operator(replace(settings, sweep="delete"), cluster, objects)
    objects.close()


async def swept(operator: Operator) -> None:
    """Sweep, and work until nothing is left to do now."""
    await operator.sweeper.once()
    while operator.queue.depth:
        await operator.queue.work_once()


async def available(
    stage: Stage,
    cluster: Cluster,
    upload_id: str,
    attempt: int = 1,
    variants: tuple[str, ...] = (),
) -> str:
    """Make an AvailableImage with its objects and its manifest; return the key of the image."""
    key = keys.image(upload_id, attempt, policy.JPEG)
    small = {name: keys.image(upload_id, attempt, policy.AVIF, name) for name in variants}
    for file in (key, *small.values()):
        stage.bucket.put(file, b"x")
    stage.bucket.put(keys.manifest(upload_id, attempt), b"{}")
    # MD5 of "x": what an S3 server calls the object.
    etag = "9dd4e461268c8034f5c8564e155c67a6"
    image = StoredImage(key, "image/jpeg", 1, 1, 1, "0" * 64, etag)
    spec = AvailableImageSpec(
        "uid",
        "photo.jpg",
        image,
        variants=tuple(
            StoredVariant(file, "image/avif", 1, 1, 1, "0" * 64, etag, name)
            for name, file in small.items()
        ),
    )
    body = manifest.available_image(upload_id, spec)
    version = (await cluster.create_image(body))["metadata"]["resourceVersion"]
    await cluster.patch_image_status(upload_id, version, conditions.ready(1, NOW))
    return key


def orphan_objects() -> dict[Orphan, float]:
    """Return what the metric tells, without zeros."""
    found = {kind: metrics.ORPHAN_OBJECTS.labels(kind)._value.get() for kind in Orphan}  # noqa: SLF001 - the library has no other way
    return {kind: value for kind, value in found.items() if value}


async def test_what_nothing_needs_is_removed_and_all_else_is_kept(
    stage: Stage,
    operator: Operator,
    cluster: Cluster,
) -> None:
    upload_id = await stage.post()
    image = await available(stage, cluster, ID, attempt=2)
    kept = {
        keys.original(upload_id, policy.JPEG),
        image,
        keys.manifest(ID, 2),
        "stray.txt",
        "images/readme",
    }
    left = {
        keys.original(ID, policy.PNG),
        keys.image(ID, 1, policy.JPEG),
        keys.original(OTHER, policy.PNG),
        keys.manifest(OTHER, 1),
    }
    for key in left | {"stray.txt", "images/readme"}:
        stage.bucket.put(key, b"x")
    await swept(operator)
    assert set(stage.bucket.stored()) == kept
    assert orphan_objects() == {
        Orphan.ORIGINAL: 2,
        Orphan.RESULT: 1,
        Orphan.ATTEMPT: 1,
        Orphan.FOREIGN: 2,
    }
    assert await stage.kubernetes.state(ID) == "processed"
    await swept(operator)
    assert orphan_objects() == {Orphan.FOREIGN: 2}


async def test_by_default_it_only_reports(
    stage: Stage,
    operator: Operator,
    cluster: Cluster,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await available(stage, cluster, ID)
    stage.bucket.put(keys.original(OTHER, policy.JPEG), b"x")
    operator.sweeper._settings = settings  # noqa: SLF001 - the default instead of the fixture's
    await swept(operator)
    assert len(stage.bucket.stored()) == 3
    assert [(r.message, r.__dict__["id"]) for r in caplog.records] == [
        ("Objects without a record", OTHER)
    ]


async def test_what_is_young_is_left(
    stage: Stage,
    operator: Operator,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweep, "MIN_AGE", timedelta(hours=24))
    await available(stage, cluster, ID)
    stage.bucket.put(keys.original(OTHER, policy.JPEG), b"x")
    await swept(operator)
    assert len(stage.bucket.stored()) == 3


async def test_the_loss_of_all_records_removes_nothing(
    stage: Stage,
    operator: Operator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Every object looks left over when the cluster has lost its memory."""
    stage.bucket.put(keys.manifest(ID, 1), b"x")
    await swept(operator)
    assert stage.bucket.stored() == [keys.manifest(ID, 1)]
    assert [record.message for record in caplog.records] == ["Not swept"]
    assert orphan_objects() == {Orphan.RESULT: 1}


async def test_an_image_that_has_lost_its_object_is_told_of_and_kept(
    stage: Stage,
    operator: Operator,
    cluster: Cluster,
) -> None:
    key = await available(stage, cluster, ID)
    await available(stage, cluster, OTHER)
    stage.bucket.put(key, b"changed")
    await swept(operator)
    await swept(operator)
    (event,) = await stage.kubernetes.list("events")
    assert (event["reason"], event["type"]) == ("ObjectChanged", "Warning")
    assert event["involvedObject"]["name"] == ID
    assert metrics.RECORDS_WITHOUT_OBJECTS._value.get() == 1  # noqa: SLF001 - as above
    assert await stage.kubernetes.state(ID) == "processed"
    stage.bucket.delete(key)
    await swept(operator)
    assert {e["reason"] for e in await stage.kubernetes.list("events")} == {
        "ObjectChanged",
        "ObjectMissing",
    }


async def test_variants_are_kept_and_missed_like_the_image(
    stage: Stage, operator: Operator, cluster: Cluster
) -> None:
    await available(stage, cluster, ID, variants=("w320", "w640"))
    files = stage.bucket.stored()
    stray = keys.image(ID, 1, policy.WEBP, "w320")
    stage.bucket.put(stray, b"x")
    await swept(operator)
    assert stage.bucket.stored() == files
    assert await stage.kubernetes.list("events") == []
    lost = keys.image(ID, 1, policy.AVIF, "w640")
    stage.bucket.delete(lost)
    await swept(operator)
    (event,) = await stage.kubernetes.list("events")
    assert event["reason"] == "ObjectMissing"
    assert lost in event["message"]


async def test_pages_are_read_one_after_the_other(
    stage: Stage,
    operator: Operator,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Never more than one page of each list: that is what bounds the memory."""
    monkeypatch.setattr("safelight_contract.pages.FIRST", 3)
    monkeypatch.setattr("safelight_contract.pages.MOST", 3)
    for number in range(8):
        await available(stage, cluster, f"{number}{ID[1:]}")
    stage.bucket.put(keys.original(OTHER, policy.JPEG), b"x")
    pages: list[int] = []
    read = Transport.pages

    async def counted(
        self: Transport,
        path: str,
        query: dict[str, str],
        **more: str,
    ) -> AsyncGenerator[Page, None]:
        async for page in read(self, path, query, **more):
            if path.endswith("availableimages"):
                pages.append(len(page))
            yield page

    monkeypatch.setattr(Transport, "pages", counted)
    await swept(operator)
    assert pages == [3, 3, 2]
    assert len(stage.bucket.stored()) == 16


async def stream(*ids: str) -> AsyncIterator[tuple[str, Any]]:
    for number, upload_id in enumerate(ids):
        yield upload_id, number


async def test_streams_are_read_side_by_side() -> None:
    both = side_by_side(stream("a", "a", "c"), stream("b", "c"))
    assert [item async for item in both] == [
        ("a", [[0, 1], []]),
        ("b", [[], [0]]),
        ("c", [[2], [1]]),
    ]


async def test_a_list_that_is_in_no_order_is_not_compared() -> None:
    """A store that does not sort would make everything look left over."""
    with pytest.raises(OrderError):
        async for _ in side_by_side(stream("a", "c", "b"), stream("a")):
            pass


async def test_it_runs_by_itself(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "FIRST_SECONDS", 0)
    runs: list[int] = []

    async def once() -> None:
        runs.append(1)
        if len(runs) == 2:
            raise RuntimeError("enough")

    operator.sweeper._settings = replace(operator.settings, sweep_seconds=0)  # noqa: SLF001 - quicker than any allowed
    monkeypatch.setattr(operator.sweeper, "once", once)
    with pytest.raises(RuntimeError, match="enough"):
        await operator.sweeper.run()


async def test_a_surprise_ends_only_the_run(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def surprise() -> sweep.Tally:
        raise KeyError("LastModified")

    monkeypatch.setattr(operator.sweeper, "_compare", surprise)
    await operator.sweeper.once()
    assert [record.message for record in caplog.records] == ["Not swept"]


async def test_the_memory_does_not_grow_with_the_number_of_images() -> None:
    async def pages(count: int) -> AsyncIterator[tuple[str, Any]]:
        for number in range(count):
            upload_id = f"{number:08}{ID[8:]}"
            key = keys.image(upload_id, 1, policy.JPEG)
            yield upload_id, StoredObject(key, 1, NOW, "etag")
            if number % 100 == 0:
                await asyncio.sleep(0)

    async def peak(count: int) -> int:
        tally = sweep.Tally(NOW, 0.1)
        tracemalloc.start()
        async for upload_id, (results, uploads) in side_by_side(pages(count), pages(count)):
            tally.add(sweep.Sight(upload_id, (), tuple(results), bool(uploads)))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few, many = await peak(100), await peak(5_000)
    assert many < 2 * few + 10_000


async def test_an_image_that_cannot_be_read_keeps_its_objects_and_is_told_of(
    stage: Stage, operator: Operator, cluster: Cluster
) -> None:
    """It may need any of them; and the others are compared all the same."""
    await available(stage, cluster, ID)
    stage.bucket.put(keys.original(OTHER, policy.JPEG), b"x")
    kept = stage.bucket.stored(f"images/{ID}/")
    poison = conditions.ready(1, NOW)
    poison["conditions"][0]["lastTransitionTime"] = "0000-01-01T00:00:00Z"
    await stage.kubernetes.patch("availableimages", ID, {"status": poison}, "/status")
    await swept(operator)
    assert stage.bucket.stored() == kept, "what belongs to nothing goes, what may be needed stays"
    assert operator.inbox.aside.holds("AvailableImage", ID)
    event = await stage.event("Unreadable")
    assert (event["involvedObject"]["kind"], event["involvedObject"]["name"]) == (
        "AvailableImage",
        ID,
    )
    await stage.kubernetes.patch(
        "availableimages", ID, {"status": conditions.ready(1, NOW)}, "/status"
    )
    await swept(operator)
    assert not operator.inbox.aside.holds("AvailableImage", ID)
