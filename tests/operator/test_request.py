from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from safelight_contract import keys, policy
from safelight_contract.env import SettingsError
from safelight_contract.job import JobRequest
from safelight_contract.policy import Format
from safelight_contract.recipe import Recipe
from safelight_contract.resources import ImageUploadSpec
from safelight_operator.objects import Objects
from safelight_operator.request import MAX_BYTES, check_size, job_request, variable_size
from safelight_operator.settings import Settings
from tests.operator.making import ID, UID, upload
from tests.operator.test_settings import REQUIRED

SETTINGS = Settings.read(REQUIRED)
LARGEST = Recipe.from_dict(
    {
        "format": "avif",
        "variants": [{"name": f"v{n:02}-xxxxxxxxxxxx", "width": 9} for n in range(32)],
    },
)
"""As many files as there may be, with the longest names."""


@pytest.fixture(scope="module")
def signer() -> Iterator[Objects]:
    objects = Objects(SETTINGS.object_store)
    yield objects
    objects.close()


def of(source: Format) -> ImageUploadSpec:
    return ImageUploadSpec(f"photo.{source.extension}", source.media_type, 1000, "a" * 64)


@pytest.mark.parametrize("source", policy.FORMATS, ids=lambda each: each.word)
def test_each_file_of_the_recipe_has_its_own_url(signer: Objects, source: Format) -> None:
    request = job_request(upload(spec=of(source)), 3, SETTINGS, signer)
    assert (request.upload_id, request.upload_uid, request.attempt) == (ID, UID, 3)
    assert urlsplit(request.source_url).path == f"/photos/image_uploads/{ID}.{source.extension}"
    files = {keys.file_name(name, made): made for name, made in Recipe().files(source)}
    assert set(request.outputs) == set(files)
    for name, put in request.outputs.items():
        assert urlsplit(put.url).path == f"/photos/images/{ID}/3/{name}"
        assert put.headers == {"Content-Type": files[name].media_type, "If-None-Match": "*"}
        signed = parse_qs(urlsplit(put.url).query)["X-Amz-SignedHeaders"]
        assert signed == ["content-type;host;if-none-match"]
    assert urlsplit(request.manifest.url).path == f"/photos/{keys.manifest(ID, 3)}"
    assert request.hint_url == f"http://10.0.0.1:8081/hints/{ID}"
    assert JobRequest.decode(request.encode()) == request


def test_urls_live_longer_than_the_job(signer: Objects) -> None:
    for deadline, seconds in ((120, 180), (1500, 1560)):
        processor = replace(SETTINGS.processor, deadline_seconds=deadline)
        request = job_request(upload(), 1, replace(SETTINGS, processor=processor), signer)
        for url in (request.source_url, request.manifest.url, request.outputs["w320.avif"].url):
            assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == [str(seconds)]


def test_an_address_of_ipv6_stands_in_brackets(signer: Objects) -> None:
    request = job_request(upload(), 1, replace(SETTINGS, pod_ip="fd00::1"), signer)
    assert request.hint_url == f"http://[fd00::1]:8081/hints/{ID}"


def test_the_largest_recipe_fits_a_variable_even_with_the_longest_addresses() -> None:
    store = replace(
        SETTINGS.object_store,
        endpoint=f"https://{'.'.join(['s' * 60] * 3)}.example:12345",
        bucket="b" * 63,
        access_key_id="A" * 128,
        region="r" * 20,
    )
    objects = Objects(store)
    check_size(replace(SETTINGS, recipe=LARGEST), objects)
    spec = of(policy.HEIF)
    request = job_request(upload(spec=spec), 99, replace(SETTINGS, recipe=LARGEST), objects)
    assert len(request.outputs) == 99
    assert MAX_BYTES / 2 < variable_size(request) < MAX_BYTES
    objects.close()


def test_a_request_that_no_program_could_be_started_with_is_refused_at_the_start() -> None:
    objects = Objects(replace(SETTINGS.object_store, access_key_id="A" * 1024))
    check_size(SETTINGS, objects)
    with pytest.raises(SettingsError, match=r"SAFELIGHT_RECIPE leads to 99 files of one heic"):
        check_size(replace(SETTINGS, recipe=LARGEST), objects)
    fewer = replace(LARGEST, accepted=("jpeg",))
    check_size(replace(SETTINGS, recipe=fewer), objects)
    objects.close()
