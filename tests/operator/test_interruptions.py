"""The protocol under every interruption: a sweep over all writes of one upload.

Before and after each write the operator is killed, or the upload is deleted, or another operator
does all that it can do. Whatever happens, it must end as it should.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from safelight_contract import keys
from safelight_contract.env import ObjectStoreSettings
from safelight_contract.resources import AVAILABLE_IMAGE, IMAGE_UPLOAD
from safelight_local.cluster import Cluster
from safelight_local.object_storage import ObjectStorage
from safelight_operator.settings import Settings
from tests.operator.faults import CrashError, Driven, Interruption, crash
from tests.operator.playing import Stage, condition, eventually
from tests.operator.processing import request_of, store, stored
from tests.support import clusters

WRITES = (
    "POST jobs",
    "PATCH imageuploads",
    "POST availableimages",
    "PATCH imageuploads",
    "PATCH availableimages",
    "delete original",
    "DELETE imageuploads",
)
"""All writes for a good upload, in their order."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Before or after one of the `WRITES`, counted from 1."""

    at: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.at} ({WRITES[self.at - 1]})"

    def interruption(self, action: Callable[[], Awaitable[None]]) -> Interruption:
        """Return what does something at this moment."""
        return Interruption(self.at, after=self.after, action=action)


MOMENTS = [Moment(at, after) for at in range(1, len(WRITES) + 1) for after in (False, True)]


@pytest.fixture(scope="module")
def namespace(kubernetes: Cluster) -> Iterator[str]:
    """Return one namespace for all these tests: each looks at its own upload alone."""
    name = f"test-{secrets.token_hex(5)}"
    kubernetes.kubectl("create", "namespace", name)
    yield name
    kubernetes.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def object_storage(s3_server: ObjectStorage) -> ObjectStoreSettings:
    """Return one bucket for all these tests."""
    return clusters.bucket_settings(s3_server)


async def play(stage: Stage, driven: Driven, upload_id: str) -> None:
    """Let an operator do all it can, play its pod once it has made one, let it go on."""
    await driven.drive()
    if not stage.bucket.has(keys.manifest(upload_id, 1)):
        job = await stage.kubernetes.get("jobs", f"safelight-{upload_id}-1")
        if job is None:
            return
        await store(request_of(job))
    await driven.hint(upload_id)


async def test_the_writes_of_a_good_upload(stage: Stage, settings: Settings) -> None:
    """Seven, and in this order; more would be waste."""
    interruption = Interruption()
    upload_id = await stage.post()
    async with Driven(settings, interruption) as driven:
        await play(stage, driven, upload_id)
    assert tuple(interruption.writes) == WRITES
    await stage.until_settled(upload_id, stored(upload_id))


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
async def test_a_crash_is_made_good_by_the_next_operator(
    stage: Stage, settings: Settings, moment: Moment
) -> None:
    upload_id = await stage.post()
    interruption = moment.interruption(crash)
    async with Driven(settings, interruption) as first:
        with pytest.raises(CrashError):
            await play(stage, first, upload_id)
    async with Driven(settings) as second:
        await play(stage, second, upload_id)
    assert await stage.kubernetes.state(upload_id) == "processed"
    await stage.until_settled(upload_id, stored(upload_id))


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
async def test_two_operators_at_once_end_as_one(
    stage: Stage, settings: Settings, moment: Moment
) -> None:
    """The second does everything in the middle of the first one's write."""
    upload_id = await stage.post()
    async with Driven(settings) as second:

        async def interlude() -> None:
            await play(stage, second, upload_id)

        interruption = moment.interruption(interlude)
        async with Driven(settings, interruption) as first:
            await play(stage, first, upload_id)
            await play(stage, first, upload_id)
    assert interruption.acted
    assert await stage.kubernetes.state(upload_id) == "processed"
    await stage.until_settled(upload_id, stored(upload_id))


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
async def test_an_upload_that_the_api_deletes_leaves_nothing(
    stage: Stage, settings: Settings, moment: Moment
) -> None:
    """As the API does: the upload, then an image that has come of it meanwhile."""
    upload_id = await stage.post()
    deleted = False

    async def delete() -> None:
        nonlocal deleted
        deleted = await stage.kubernetes.upload(upload_id) is not None
        if deleted:
            await stage.kubernetes.delete(IMAGE_UPLOAD.plural, upload_id)
            await stage.kubernetes.delete(AVAILABLE_IMAGE.plural, upload_id)

    interruption = moment.interruption(delete)
    async with Driven(settings, interruption) as driven:
        await play(stage, driven, upload_id)
        assert interruption.acted
        await driven.removed(upload_id)
        assert await stage.kubernetes.image(upload_id) is None or not deleted
        await stage.until_settled(upload_id, [] if deleted else stored(upload_id))


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
async def test_an_upload_that_kubectl_deletes_never_half_exists(
    stage: Stage, settings: Settings, moment: Moment
) -> None:
    """It comes too late once the image is confirmed; before that nothing is left."""
    upload_id = await stage.post()

    async def delete() -> None:
        await stage.kubernetes.delete(IMAGE_UPLOAD.plural, upload_id)

    interruption = moment.interruption(delete)
    async with Driven(settings, interruption) as driven:
        await play(stage, driven, upload_id)
        assert interruption.acted
        await driven.removed(upload_id)
        processed = await stage.kubernetes.state(upload_id) == "processed"
        # The last moment at which it can be noticed is the write of Publishing.
        assert processed == (moment.at > 4 or moment == Moment(4, after=True))
        assert (await stage.kubernetes.image(upload_id) is not None) == processed
        await stage.until_settled(upload_id, stored(upload_id) if processed else [])


@pytest.mark.parametrize("moment", [m for m in MOMENTS if m.at in {5, 6, 7}], ids=str)
async def test_an_image_that_is_deleted_at_once_does_not_come_back(
    stage: Stage, settings: Settings, moment: Moment
) -> None:
    """Even if the operator is killed right then, and was to go on publishing."""
    upload_id = await stage.post()

    async def delete_and_crash() -> None:
        await stage.kubernetes.delete(AVAILABLE_IMAGE.plural, upload_id)
        raise CrashError

    interruption = moment.interruption(delete_and_crash)
    async with Driven(settings, interruption) as first:
        with pytest.raises(CrashError):
            await play(stage, first, upload_id)
    async with Driven(settings) as second:
        await second.drive()
        if moment == Moment(7, after=True):
            second.operator.inbox.image_deleted(upload_id)
            await second.drive()
    assert await stage.kubernetes.image(upload_id) is None
    await stage.until_settled(upload_id, [])


@pytest.mark.parametrize("at", range(3, 9))
async def test_a_failure_is_told_and_forgotten_despite_a_crash(
    stage: Stage,
    settings: Settings,
    at: int,
) -> None:
    """Killed after each write of a failure, and of the removal after its retention."""
    upload_id = await stage.post()
    brief = replace(settings, failed_retention_seconds=0)
    interruption = Interruption(at, after=True, action=crash)
    async with Driven(brief, interruption) as first:
        await first.drive()
        await store(await stage.request(upload_id), attempt=2)
        await stage.end(upload_id, code=11)
        await eventually(lambda: has_failed(stage, upload_id), bool)
        with pytest.raises(CrashError):
            await first.drive()
    async with Driven(brief) as second:
        await second.drive()
    assert tuple((interruption.writes + FAILURE_WRITES[at:])[2:]) == tuple(FAILURE_WRITES[2:])
    await stage.until_settled(upload_id, [])
    assert await stage.kubernetes.image(upload_id) is None


FAILURE_WRITES = [
    "POST jobs",
    "PATCH imageuploads",
    "PATCH imageuploads",
    "delete images",
    "PATCH imageuploads",
    "delete original",
    "delete images",
    "DELETE imageuploads",
]


async def has_failed(stage: Stage, upload_id: str) -> bool:
    """Whether the Job controller says so."""
    job = await stage.job(upload_id)
    return condition(job, "Failed").get("status") == "True"
