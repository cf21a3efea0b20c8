import asyncio
import uuid

from safelight_contract import keys, policy
from safelight_local.object_storage import ObjectStorage
from tests.faults.chaos import sweeping
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
