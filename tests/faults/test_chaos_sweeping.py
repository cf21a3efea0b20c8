import asyncio
import uuid

from safelight_contract import keys, policy
from safelight_local.object_storage import ObjectStorage
from safelight_operator.sweep import ALARMING_SHARE
from tests.faults.chaos import sweeping
from tests.faults.chaos.sweeping import portions
from tests.faults.sweep import Sweep
from tests.faults.world import Site
from tests.operator.playing import photo


async def test_what_nothing_names_goes_once_it_is_old(
    sweep: Sweep, site: Site, s3_server: ObjectStorage
) -> None:
    """The rest of the bucket stays: the fixture looks."""
    await sweep.upload("one that stays", photo())
    bucket = sweep.world.stage.bucket
    upload_id = str(uuid.uuid4())
    key = keys.original(upload_id, policy.JPEG)
    bucket.put(key, photo())
    folder = s3_server.directory / "data" / site.object_storage.bucket

    await asyncio.to_thread(sweeping.remove, folder, bucket, {upload_id})

    assert not bucket.has(key)


def test_portions_are_small_beside_all_ids_however_many_objects_each_has() -> None:
    ids = [str(uuid.UUID(int=number, version=4)) for number in range(60)]
    stored = [f"{keys.images_prefix(each)}1/w{n}.jpg" for each in ids for n in range(9)]
    left = [key for key in stored if key.split("/")[1] in ids[:7]]
    found = list(portions(left, stored))
    assert [len(portion) for portion in found] == [3, 3, 1]
    assert set().union(*found) == set(ids[:7])
    assert all(len(portion) <= ALARMING_SHARE * len(ids) for portion in found)
    assert list(portions([stored[0]], stored[:9])) == [{ids[0]}]
