"""The cluster has lost its memory; the bucket has not."""

import asyncio
import hashlib
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator

import pytest

from safelight_contract import keys, policy
from safelight_contract.job import Variant
from safelight_contract.resources import ANNOTATION_REBUILT_AT, AVAILABLE_IMAGE
from safelight_operator import manifest as bodies
from safelight_operator import rebuild
from safelight_operator.cluster import Cluster
from safelight_operator.errors import ClusterError, NotServedError
from safelight_operator.objects import Objects
from safelight_operator.rebuild import Rebuild
from safelight_operator.settings import Settings
from tests.operator.conftest import Started
from tests.operator.making import ID, NOW, UID, manifest
from tests.operator.playing import Stage, eventually
from tests.operator.running import environment

OTHER = ID.replace("1", "9")


@pytest.fixture
async def lines() -> list[str]:
    return []


@pytest.fixture
async def objects(settings: Settings) -> AsyncIterator[Objects]:
    adapter = Objects(settings.object_store)
    yield adapter
    adapter.close()


@pytest.fixture
def again(cluster: Cluster, objects: Objects, lines: list[str]) -> Rebuild:
    return Rebuild(cluster, objects, lines.append, dry_run=False)


def store(
    stage: Stage,
    upload_id: str = ID,
    attempt: int = 1,
    size: int = 1,
    variants: tuple[str, ...] = (),
) -> str:
    """Store what an attempt leaves; return the key of its image."""
    key = keys.image(upload_id, attempt, policy.JPEG)
    for file in (key, *(keys.image(upload_id, attempt, policy.AVIF, name) for name in variants)):
        stage.bucket.put(file, b"x")
    sha256 = hashlib.sha256(b"x").hexdigest()
    record = manifest(
        upload_id=upload_id,
        attempt=attempt,
        size=size,
        sha256=sha256,
        variants=tuple(Variant(name, "image/avif", 1, 20, 15, sha256) for name in variants),
    )
    stage.bucket.put(keys.manifest(upload_id, attempt), record.encode(), "application/json")
    return key


async def test_an_image_is_made_again_as_it_was(
    stage: Stage, again: Rebuild, lines: list[str], started: Started
) -> None:
    async with started():
        upload_id = await stage.post()
        await stage.process(upload_id, variants=["w320.avif"])
        key = keys.image(upload_id, 1, policy.JPEG)
        small = keys.image(upload_id, 1, policy.AVIF, "w320")
        await stage.until_settled(upload_id, [key, keys.manifest(upload_id, 1), small])
        before = await stage.kubernetes.image(upload_id)
    # No operator runs: the records vanish, and nobody saw a deletion.
    await stage.kubernetes.delete(AVAILABLE_IMAGE.plural, upload_id)
    await again.run()
    after = await stage.kubernetes.image(upload_id)
    assert before is not None
    assert after is not None
    assert after["spec"] == before["spec"]
    assert ANNOTATION_REBUILT_AT in after["metadata"]["annotations"]
    assert await stage.kubernetes.state(upload_id) == "processed"
    assert lines == [
        f"{upload_id} rebuilt from {key}\n",
        "Done: 1 rebuilt, 0 kept, 0 unusable\n",
    ]


async def test_the_newest_attempt_that_is_complete_counts(
    stage: Stage, again: Rebuild, lines: list[str]
) -> None:
    store(stage, attempt=1)
    best = store(stage, attempt=9)
    store(stage, attempt=10, size=2)
    stage.bucket.put(keys.manifest(ID, 11), manifest(attempt=11).encode())
    stage.bucket.put(keys.manifest(ID, 12), manifest(attempt=1).encode())
    stage.bucket.put(keys.manifest(ID, 13), b"{")
    stage.bucket.put(keys.image(OTHER, 1, policy.JPEG), b"no manifest")
    await again.run()
    image = await stage.kubernetes.image(ID)
    assert image is not None
    assert image["spec"]["image"]["key"] == best
    assert lines[-1] == "Done: 1 rebuilt, 0 kept, 0 unusable\n"


async def test_an_attempt_with_all_its_variants_counts_before_one_that_lacks_some(
    stage: Stage, again: Rebuild
) -> None:
    lacking = keys.image(ID, 3, policy.AVIF, "w640")
    for attempt in (1, 2, 3):
        store(stage, attempt=attempt, variants=("w320", "w640"))
    stage.bucket.delete(lacking)
    await again.run()
    image = await stage.kubernetes.image(ID)
    assert image is not None
    assert image["spec"]["image"]["key"] == keys.image(ID, 2, policy.JPEG)
    assert len(image["spec"]["variants"]) == 2


async def test_an_image_whose_variants_are_lost_is_not_lost_with_them(
    stage: Stage, again: Rebuild
) -> None:
    key = store(stage, attempt=2, variants=("w320", "w640"))
    store(stage, attempt=1, variants=("w320", "w640"))
    for attempt in (1, 2):
        stage.bucket.delete(keys.image(ID, attempt, policy.AVIF, "w640"))
    await again.run()
    image = await stage.kubernetes.image(ID)
    assert image is not None
    assert image["spec"]["image"]["key"] == key
    assert [each["name"] for each in image["spec"]["variants"]] == ["w320"]


async def test_what_has_a_record_is_left_alone(
    stage: Stage, again: Rebuild, cluster: Cluster, lines: list[str]
) -> None:
    """An upload will publish by itself; an image whose upload was deleted must not come back."""
    upload_id = await stage.post()
    store(stage, upload_id)
    await cluster.create_image(bodies.probe(OTHER))
    store(stage, OTHER)
    store(stage, size=2)
    await again.run()
    assert await stage.kubernetes.image(upload_id) is None
    assert await stage.kubernetes.state(OTHER) == "absent"
    assert lines == [
        f"{ID} unusable: no attempt is complete\n",
        "Done: 0 rebuilt, 2 kept, 1 unusable\n",
    ]


async def test_it_goes_on_after_an_interruption(
    stage: Stage, again: Rebuild, cluster: Cluster, started: Started, lines: list[str]
) -> None:
    """Nor does an operator take the unconfirmed image for one whose upload was deleted."""
    store(stage)
    spec = await again._newest(ID, [1])  # noqa: SLF001 - stopped after its first write
    assert spec is not None
    await cluster.create_image(bodies.available_image(ID, spec, rebuilt_at=NOW))
    async with started() as operator:
        operator.inbox.mark_removed(ID)
        await eventually(lambda: _depth(operator.queue.depth), lambda depth: depth == 0)
        assert await stage.kubernetes.image(ID) is not None
        await again.run()
    assert await stage.kubernetes.state(ID) == "processed"
    assert len(stage.bucket.stored()) == 2
    lines.clear()
    await again.run()
    assert lines == ["Done: 1 rebuilt, 1 kept, 0 unusable\n"]


async def _depth(depth: int) -> int:
    return depth


async def test_a_dry_run_changes_nothing(
    stage: Stage, cluster: Cluster, objects: Objects, lines: list[str]
) -> None:
    key = store(stage)
    await Rebuild(cluster, objects, lines.append, dry_run=True).run()
    assert await stage.kubernetes.image(ID) is None
    assert lines == [f"{ID} rebuilt from {key}\n", "Dry run: 1 rebuilt, 0 kept, 0 unusable\n"]


async def test_it_begins_nothing_while_a_kind_cannot_be_listed(
    stage: Stage, again: Rebuild, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(stage)
    monkeypatch.setattr(cluster, "_uploads", cluster._uploads.replace("imageuploads", "nothing"))  # noqa: SLF001 - a kind that is not served
    with pytest.raises(NotServedError):
        await again.run()
    assert await stage.kubernetes.image(ID) is None


async def test_a_server_that_stays_away_ends_it(
    stage: Stage, again: Rebuild, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "FIRST_DELAY", 0)
    store(stage)
    tries: list[str] = []

    async def away(upload_id: str) -> None:
        tries.append(upload_id)
        raise NotServedError("away")

    monkeypatch.setattr(cluster, "get_upload", away)
    with pytest.raises(ClusterError):
        await again.run()
    assert len(tries) == rebuild.TRIES


async def test_the_program_does_it(stage: Stage, settings: Settings) -> None:
    store(stage)
    variables = environment(
        settings.object_store,
        os.environ["KUBECONFIG"],
        settings.namespace,
        hint_port=settings.hint_port,
        health_port=settings.health_port,
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "safelight_operator", "rebuild", env=variables, stdout=PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    assert output.decode().endswith("Done: 1 rebuilt, 0 kept, 0 unusable\n")
    image = await stage.kubernetes.image(ID)
    assert image is not None
    assert image["spec"]["uploadUID"] == UID
