"""The adapter of the object storage, against the real S3 server."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from safelight_api.conditions import ByteRange
from safelight_api.metrics import Metrics
from safelight_api.objects import (
    ObjectChangedError,
    ObjectMissingError,
    Objects,
    StorageUnavailableError,
)
from safelight_contract.env import ObjectStoreSettings
from tests.faults.calls import Dialect
from tests.faults.exchange import Server
from tests.faults.history import Recorder
from tests.faults.proxy import Proxy
from tests.faults.rules import Fault, Rule
from tests.support.bucket import Bucket

KEY = "image_uploads/00000000-0000-4000-8000-000000000000.jpg"
DATA = b"x" * 700_000


@pytest.fixture
async def objects(object_storage: ObjectStoreSettings) -> AsyncIterator[Objects]:
    """Return the adapter."""
    async with Objects(object_storage, connections=4, metrics=Metrics()) as objects:
        yield objects


@pytest.fixture
def stored(object_storage: ObjectStoreSettings) -> Bucket:
    """Return the bucket as the test sees it."""
    return Bucket(object_storage)


async def put(objects: Objects, data: bytes, sha256: str | None = None) -> None:
    """Store bytes under the one key."""
    await objects.put(
        KEY,
        io.BytesIO(data),
        size=len(data),
        sha256=sha256 or hashlib.sha256(data).hexdigest(),
        media_type="image/jpeg",
    )


async def read(objects: Objects, etag: str, part: ByteRange | None = None) -> bytes:
    """Return the bytes under the one key."""
    stream = await objects.open(KEY, etag, part)
    try:
        return b"".join([piece async for piece in stream.pieces()])
    finally:
        stream.close()


@pytest.mark.parametrize("fault", [Fault.CONFLICT, Fault.PRECONDITION])
async def test_a_key_that_is_free_after_all_is_written(
    object_storage: ObjectStoreSettings, stored: Bucket, tmp_path: Path, fault: Fault
) -> None:
    """Another conditional write was under way, and came to nothing."""
    with Recorder(tmp_path / "history.jsonl") as recorder:
        async with Proxy(recorder) as proxy:
            proxy.rules.add(Rule("api", "PUT", "original", 1, fault))
            url = await proxy.listen("api", Server(object_storage.endpoint, Dialect.S3))
            settings = replace(object_storage, endpoint=url)
            async with Objects(settings, connections=1, metrics=Metrics()) as objects:
                await put(objects, DATA)
            assert not proxy.rules.waiting(None)
    assert stored.read(KEY) == DATA


async def test_a_key_is_written_once(objects: Objects, stored: Bucket) -> None:
    """The same bytes again are success: the answer to an earlier try was lost."""
    await put(objects, DATA)
    await put(objects, DATA)
    with pytest.raises(ObjectChangedError):
        await put(objects, b"others")
    assert stored.read(KEY) == DATA
    stored.close()


async def test_of_writers_at_once_one_wins(objects: Objects, stored: Bucket) -> None:
    contents = [f"writer {number}".encode() for number in range(6)]
    results = await asyncio.gather(
        *(put(objects, content) for content in contents), return_exceptions=True
    )
    winners = [content for content, result in zip(contents, results, strict=True) if not result]
    assert len(winners) == 1
    assert stored.read(KEY) == winners[0]
    assert all(isinstance(result, ObjectChangedError) for result in results if result)
    stored.close()


async def test_bytes_that_are_damaged_on_the_way_are_refused(
    objects: Objects, stored: Bucket
) -> None:
    with pytest.raises(StorageUnavailableError):
        await put(objects, DATA, sha256=hashlib.sha256(b"what was meant").hexdigest())
    assert stored.stored() == []
    stored.close()


async def test_reading_the_whole_and_a_part(objects: Objects, stored: Bucket) -> None:
    data = bytes(range(256)) * 3000
    etag = stored.put(KEY, data)
    assert await read(objects, etag) == data
    assert await read(objects, etag, ByteRange(300_000, 599_999)) == data[300_000:600_000]
    with pytest.raises(ObjectChangedError):
        await read(objects, "another")
    stored.delete(KEY)
    with pytest.raises(ObjectMissingError):
        await read(objects, etag)
    stored.close()


async def test_deleting_a_prefix_takes_all_pages_and_nothing_else(
    objects: Objects, stored: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safelight_api.objects._DELETE_BATCH", 2)
    for key in ("images/a/1", "images/a/2", "images/a/3", "images/ab", "images/b/1"):
        stored.put(key, b"x")
    await objects.delete_prefix("images/a/")
    await objects.delete("images/absent")
    assert stored.stored() == ["images/ab", "images/b/1"]
    stored.close()


async def test_a_bucket_that_is_not_there_is_no_missing_object(
    object_storage: ObjectStoreSettings,
) -> None:
    """It would be mistaken for images that are lost."""
    absent = ObjectStoreSettings(
        object_storage.endpoint,
        "absent",
        object_storage.region,
        object_storage.access_key_id,
        object_storage.secret_access_key,
    )
    async with Objects(absent, connections=1, metrics=Metrics()) as objects:
        with pytest.raises(StorageUnavailableError):
            await read(objects, "x")
