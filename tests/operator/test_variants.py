"""Variants and facts on their way from the manifest to the AvailableImage."""

import hashlib

import pytest

from safelight_contract import facts, keys
from safelight_contract.facts import Facts
from safelight_contract.resources import AVAILABLE_IMAGE, AvailableImageSpec
from tests.operator.conftest import Started
from tests.operator.making import OTHER_UID
from tests.operator.playing import Stage
from tests.operator.processing import send_hint, store, stored

VARIANTS = ("w320.avif", "w320.jpg", "w640.avif")


async def test_variants_and_facts_are_published_with_the_image(
    stage: Stage, started: Started, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "safelight_operator")
    async with started():
        upload_id = await stage.post()
        request = await stage.request(upload_id)
        told = Facts(
            request.media_type, request.size, 64, 48, warnings=(facts.Warning.PROFILE_IGNORED,)
        )
        await store(request, VARIANTS, facts=told)
        await send_hint(request)
        prefix = keys.attempt_prefix(upload_id, 1)
        files = sorted([*stored(upload_id), *(prefix + name for name in VARIANTS)])
        await stage.until_settled(upload_id, files)
        image = await stage.kubernetes.image(upload_id)
    assert image is not None
    spec = AvailableImageSpec.from_dict(image["spec"])
    assert spec.facts == told
    assert spec.processor == "played"
    assert [each.key.removeprefix(prefix) for each in spec.variants] == list(VARIANTS)
    first = spec.variants[0]
    data = stage.bucket.read(first.key)
    assert (first.name, first.media_type, first.size) == ("w320", "image/avif", len(data))
    assert first.sha256 == hashlib.sha256(data).hexdigest()
    assert first.etag == hashlib.md5(data, usedforsecurity=False).hexdigest()
    (line,) = (record for record in caplog.records if record.message == "Available")
    assert line.__dict__["warnings"] == ("ProfileIgnored",)


async def test_an_attempt_that_lacks_a_variant_has_no_output(
    stage: Stage, started: Started
) -> None:
    async with started():
        upload_id = await stage.post()
        request = await stage.request(upload_id)
        await store(request, VARIANTS)
        stage.bucket.delete(keys.attempt_prefix(upload_id, 1) + VARIANTS[1])
        await stage.end(upload_id, code=0)
        await stage.process(upload_id, 2)
        await stage.until_settled(upload_id, stored(upload_id, 2))
        assert await stage.kubernetes.state(upload_id) == "processed"


async def test_a_second_attempt_keeps_its_variants_and_those_of_the_first_go(
    stage: Stage, started: Started
) -> None:
    async with started():
        upload_id = await stage.post()
        await store(await stage.request(upload_id), VARIANTS, upload_uid=OTHER_UID)
        await stage.end(upload_id, code=0)
        await stage.process(upload_id, 2, variants=VARIANTS)
        prefix = keys.attempt_prefix(upload_id, 2)
        files = sorted([*stored(upload_id, 2), *(prefix + name for name in VARIANTS)])
        await stage.until_settled(upload_id, files)
        assert await stage.kubernetes.state(upload_id) == "processed"


async def test_files_that_the_manifest_does_not_name_are_removed(
    stage: Stage, started: Started
) -> None:
    """Whoever has taken over a Job can store them: it holds a signed URL for each."""
    async with started():
        upload_id = await stage.post()
        request = await stage.request(upload_id)
        await store(request, spare=VARIANTS)
        await send_hint(request)
        await stage.until_settled(upload_id, stored(upload_id))
        image = await stage.kubernetes.image(upload_id)
        assert image is not None
        assert "variants" not in image["spec"]


async def test_a_deleted_image_takes_its_variants_along(stage: Stage, started: Started) -> None:
    async with started():
        upload_id = await stage.post()
        await stage.process(upload_id, variants=VARIANTS)
        await stage.until(upload_id, "processed")
        await stage.kubernetes.delete(AVAILABLE_IMAGE.plural, upload_id)
        await stage.until_settled(upload_id, [])
