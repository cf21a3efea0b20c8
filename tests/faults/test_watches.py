"""What becomes of news that a watch does not bring."""

import asyncio
import time
from functools import partial

from safelight_contract.resources import AVAILABLE_IMAGE, IMAGE_UPLOAD
from tests.faults.calls import Call
from tests.faults.rules import Fault, Rule
from tests.faults.sweep import Sweep
from tests.operator.playing import eventually, photo

KINDS = {"image": AVAILABLE_IMAGE, "upload": IMAGE_UPLOAD}
WATCHED = {AVAILABLE_IMAGE.plural, IMAGE_UPLOAD.plural, "jobs"}
"""What the operator watches."""
SILENCE_SECONDS = 60
"""A little later it gives up watches that say nothing, and then the new ones tell it everything."""


async def test_a_deletion_in_the_gap_of_an_expired_watch(sweep: Sweep) -> None:
    """No event tells of it: for the API the new list does, for the operator its own lists.

    The objects of an image that was deleted so are the sweeper's.
    """
    world = sweep.world
    proxy, clients = world.proxy, world.clients
    await sweep.upload("one that stays", photo())
    image_id = await sweep.upload("an image", photo())
    upload_id = await clients.upload("no image", b"\xff\xd8\xff no picture", "fail")
    assert image_id
    assert upload_id
    assert await clients.until_ended("reader", upload_id, 60) == "failed"
    gap = asyncio.Event()

    async def in_the_gap(_: Call) -> None:
        await gap.wait()

    for caller in ("api", "operator"):
        for kind in KINDS.values():
            expired = Rule(caller, "WATCH", kind.plural, None, Fault.EXPIRED, before=in_the_gap)
            proxy.rules.add(expired)
        proxy.end_watches(caller)
    start, gone = time.time(), {"image": image_id, "upload": upload_id}
    for of, name in gone.items():
        await world.stage.kubernetes.delete(KINDS[of].plural, name)
    gap.set()
    for of, name in gone.items():
        await eventually(partial(clients.status, "api", name), "not_found".__eq__)
        deletion = {"client": "kubectl", "start": start, "end": time.time(), "code": 204}
        world.recorder.write("delete", **deletion, id=name, of=of)
    await world.stage.until_settled(upload_id, [])
    assert not proxy.rules.waiting(None)
    assert world.api.codes == world.operators[0].codes == []


async def test_watches_that_say_nothing_hold_up_nothing(sweep: Sweep) -> None:
    """The operator works on from its lists and from hints."""
    proxy = sweep.world.proxy

    async def open_watches() -> set[str]:
        return {watch.call.path for watch in proxy.watches if watch.call.caller == "operator"}

    # It is ready a moment before it watches, and a watch that began later would tell everything.
    await eventually(open_watches, WATCHED.__eq__)
    proxy.silence_watches("operator")
    async with asyncio.timeout(SILENCE_SECONDS):
        for again in ("", " again"):
            async with asyncio.TaskGroup() as group:
                for number in range(3):
                    group.create_task(sweep.upload(f"unseen {number}{again}", photo()))
    assert sweep.ends == {"processed": 6}
