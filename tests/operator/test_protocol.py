import time

from tests.operator.conftest import Started
from tests.operator.playing import Stage


async def test_an_upload_becomes_an_image(stage: Stage, started: Started) -> None:
    async with started() as op:
        for _ in range(3):
            t0 = time.monotonic()
            upload_id = await stage.post()
            await stage.job(upload_id)
            t1 = time.monotonic()
            await stage.process(upload_id)
            t2 = time.monotonic()
            await stage.until(upload_id, "processed")
            t3 = time.monotonic()
            await stage.until_settled(
                upload_id,
                stage.bucket.keys()[:0]
                or [k for k in stage.bucket.keys() if k.startswith("images/")],
            )
            t4 = time.monotonic()
            print("job", t1 - t0, "played", t2 - t1, "ready", t3 - t2, "settled", t4 - t3)
