from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from safelight_contract import keys, policy
from safelight_contract.env import ObjectStoreSettings
from safelight_operator.objects import Objects, StorageError, StorageForbiddenError
from tests.operator.making import ID
from tests.support.bucket import Bucket

IMAGE = keys.image(ID, 1, policy.JPEG)
OTHER = ID.replace("1", "9")


@pytest.fixture
async def objects(object_storage: ObjectStoreSettings) -> AsyncIterator[Objects]:
    adapter = Objects(object_storage)
    yield adapter
    adapter.close()


@pytest.fixture
async def bucket(object_storage: ObjectStoreSettings) -> AsyncIterator[Bucket]:
    made = Bucket(object_storage)
    yield made
    made.close()


async def test_what_is_absent_is_none(objects: Objects) -> None:
    assert await objects.read_manifest(ID, 1) is None
    assert await objects.stored(ID, 1) == []
    await objects.delete([IMAGE])
    await objects.delete_original(ID)
    await objects.delete_images(ID)


async def test_the_objects_of_an_attempt_are_described(objects: Objects, bucket: Bucket) -> None:
    small = keys.image(ID, 1, policy.AVIF, "w320")
    bucket.put(IMAGE, b"12345")
    bucket.put(small, b"1")
    bucket.put(keys.image(ID, 11, policy.JPEG), b"another attempt's")
    found = await objects.stored(ID, 1)
    assert [(each.key, each.size) for each in found] == [(IMAGE, 5), (small, 1)]
    # An S3 server calls an object by its MD5, unless it was put in parts.
    assert found[0].etag == "827ccb0eea8a706c4c34a16891f84e7b"
    assert found[0].modified.tzinfo is not None


async def test_those_that_are_named_are_deleted(objects: Objects, bucket: Bucket) -> None:
    for key in (IMAGE, keys.manifest(ID, 1), keys.manifest(ID, 2)):
        bucket.put(key, b"x")
    await objects.delete(key for key in (IMAGE, keys.manifest(ID, 2)))
    assert bucket.stored() == [keys.manifest(ID, 1)]


async def test_no_more_of_a_manifest_is_read_than_it_may_have(
    objects: Objects,
    bucket: Bucket,
) -> None:
    bucket.put(keys.manifest(ID, 1), b"x" * 100_000)
    found = await objects.read_manifest(ID, 1)
    assert found is not None
    assert len(found) == keys.MAX_MANIFEST_BYTES + 1


async def test_objects_are_deleted_by_their_id_alone(objects: Objects, bucket: Bucket) -> None:
    kept = [keys.image(OTHER, 1, policy.JPEG), keys.original(OTHER, policy.PNG)]
    for key in (*kept, IMAGE, keys.manifest(ID, 2), keys.original(ID, policy.WEBP)):
        bucket.put(key, b"x")
    await objects.delete_original(ID)
    await objects.delete_images(ID)
    assert bucket.stored() == sorted(kept)


async def test_the_attempt_that_was_published_is_kept(objects: Objects, bucket: Bucket) -> None:
    kept = [keys.image(ID, 1, policy.JPEG), keys.manifest(ID, 1)]
    stray = keys.image(ID, 1, policy.AVIF, "w320")
    for key in (*kept, stray, keys.manifest(ID, 11), keys.image(ID, 2, policy.JPEG)):
        bucket.put(key, b"x")
    await objects.delete_images(ID, keep=kept)
    assert bucket.stored() == kept


async def test_the_attempts_after_a_failure_are_kept(objects: Objects, bucket: Bucket) -> None:
    kept = [keys.image(ID, 10, policy.JPEG), keys.manifest(ID, 3), keys.original(ID, policy.JPEG)]
    for key in (*kept, IMAGE, keys.manifest(ID, 1), keys.image(ID, 2, policy.JPEG)):
        bucket.put(key, b"x")
    await objects.delete_images(ID, up_to=2)
    assert bucket.stored() == sorted(kept)


async def test_objects_are_listed_in_the_order_of_their_keys(
    objects: Objects, bucket: Bucket
) -> None:
    """More than one page of a thousand."""
    names = [f"{keys.ORIGINALS}{number:04}{ID[4:]}.jpg" for number in range(1100)]
    for name in (*reversed(names), IMAGE):
        bucket.put(name, b"x")
    pages = [page async for page in objects.pages(keys.ORIGINALS)]
    assert [len(page) for page in pages] == [1000, 100]
    assert [stored.key for page in pages for stored in page] == names


async def test_what_is_not_in_our_folders_is_counted(objects: Objects, bucket: Bucket) -> None:
    for key in (IMAGE, keys.original(ID, policy.JPEG), "stray.txt", "backup/1", "backup/2"):
        bucket.put(key, b"x")
    assert await objects.count_outside((keys.ORIGINALS, keys.IMAGES)) == 2


async def test_a_signed_put_writes_once_and_only_that_type(
    objects: Objects,
    bucket: Bucket,
) -> None:
    put = objects.sign_put(IMAGE, "image/jpeg", 60)
    async with httpx.AsyncClient(trust_env=False) as client:
        wrong = put.headers | {"Content-Type": "text/html"}
        assert (await client.put(put.url, content=b"x", headers=wrong)).status_code == 403
        unconditional = {"Content-Type": "image/jpeg"}
        assert (await client.put(put.url, content=b"x", headers=unconditional)).status_code == 403
        assert (await client.put(put.url, content=b"1", headers=put.headers)).status_code == 200
        assert (await client.put(put.url, content=b"2", headers=put.headers)).status_code == 412
    assert bucket.stored() == [IMAGE]


async def test_a_signed_get_reads_that_object_alone(objects: Objects, bucket: Bucket) -> None:
    bucket.put(keys.original(ID, policy.JPEG), b"original")
    bucket.put(keys.original(OTHER, policy.JPEG), b"other")
    url = objects.sign_get(keys.original(ID, policy.JPEG), 60)
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(url)).content == b"original"
        assert (await client.get(url.replace(ID, OTHER))).status_code == 403
        assert (await client.put(url, content=b"x")).status_code == 403


async def test_a_storage_that_is_away_is_an_error(object_storage: ObjectStoreSettings) -> None:
    away = Objects(replace(object_storage, endpoint="http://127.0.0.1:1"))
    with pytest.raises(StorageError) as raised:
        await away.stored(ID, 1)
    assert not isinstance(raised.value, StorageForbiddenError)
    away.close()


async def test_a_refusal_is_told_from_a_storage_that_is_away(
    object_storage: ObjectStoreSettings,
) -> None:
    for change in ({"secret_access_key": "wrong"}, {"access_key_id": "nobody"}):
        stranger = Objects(replace(object_storage, **change))
        with pytest.raises(StorageForbiddenError):
            await stranger.read_manifest(ID, 1)
        with pytest.raises(StorageForbiddenError):
            await stranger.delete_original(ID)
        stranger.close()


async def test_a_bucket_that_is_missing_is_an_error(object_storage: ObjectStoreSettings) -> None:
    missing = Objects(replace(object_storage, bucket="not-there"))
    with pytest.raises(StorageError):
        await missing.read_manifest(ID, 1)
    missing.close()
