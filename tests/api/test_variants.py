"""/api/available-image/{id}/view and /download: which of an image's files is sent."""

import hashlib
from typing import Any

import httpx
import pytest

from safelight_api.settings import Settings
from safelight_contract import keys, policy
from tests.api.asking import IMAGES, Api, assert_problem, assert_safe, started
from tests.api.conftest import behind
from tests.api.making import DATA
from tests.api.playing import PlayedOperator
from tests.support.bucket import Bucket
from tests.support.proxying import Proxy

JPEG, AVIF, LARGER = b"jpeg" * 300, b"avif" * 200, b"larger avif" * 100
FILES = {"w320.avif": AVIF, "w320.jpg": JPEG, "w640.avif": LARGER}
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


@pytest.fixture
async def path(api: Api, operator: PlayedOperator) -> str:
    """Return the path of an image with variants; the application is started."""
    assert api.services.are_synced
    return f"{IMAGES}/{await operator.available(DATA, 'a photo.heic', FILES)}"


async def view(api: Api, path: str, query: str, **headers: str) -> httpx.Response:
    """Get the same twice, by GET and HEAD; check that both say the same, and return the GET."""
    answer = await api.client.get(f"{path}/view{query}", headers=headers)
    if "Range" not in headers:
        head = await api.client.head(f"{path}/view{query}", headers=headers)
        assert (head.status_code, head.content) == (answer.status_code, b"")
        assert dict(head.headers) == dict(answer.headers)
    return answer


async def test_each_address_in_the_json_gives_what_stands_beside_it(api: Api, path: str) -> None:
    image = (await api.client.get(path)).json()["data"]
    assert [variant["name"] for variant in image["variants"]] == ["w320", "w320", "w640"]
    assert image["thumbhash"]
    for file in (image, *image["variants"]):
        answer = await api.client.get(file["url"], headers={"Accept": "text/html"})
        assert answer.status_code == 200
        assert len(answer.content) == file["size"]
        assert answer.headers["content-type"] == file["mime_type"]
        assert answer.headers["content-length"] == str(file["size"])
        assert answer.headers["vary"] == "Authorization"
        assert_safe(answer.headers)


async def test_accept_chooses_among_the_formats_of_a_variant(api: Api, path: str) -> None:
    for accept, data, mime_type in (
        (CHROME, AVIF, "image/avif"),
        ("image/avif;q=0.5, image/jpeg", JPEG, "image/jpeg"),
        ("*/*", JPEG, "image/jpeg"),
        ("text/html", JPEG, "image/jpeg"),
    ):
        answer = await view(api, path, "?variant=w320", Accept=accept)
        assert (answer.status_code, answer.content) == (200, data)
        assert answer.headers["content-type"] == mime_type
        assert answer.headers["vary"] == "Accept, Authorization"
        assert answer.headers["etag"] == f'"{hashlib.sha256(data).hexdigest()}"'
        assert answer.headers["cache-control"] == "private, max-age=86400, immutable"
        assert answer.headers["content-disposition"] == "inline"
        word = mime_type.removeprefix("image/")
        location = f"{path}/view?variant=w320&format={word}"
        assert answer.headers["content-location"] == location
        assert (await api.client.get(location)).content == data
        assert_safe(answer.headers)


async def test_a_view_without_a_variant_chooses_among_the_formats_of_the_image_itself(
    api: Api, operator: PlayedOperator
) -> None:
    path = f"{IMAGES}/{await operator.available(DATA, 'photo.jpg', {'image.avif': AVIF})}"
    assert api.services.are_synced
    for query in ("", "?variant=image"):
        browser = await view(api, path, query, Accept=CHROME)
        assert (browser.content, browser.headers["content-type"]) == (AVIF, "image/avif")
        assert browser.headers["vary"] == "Accept, Authorization"
        assert browser.headers["content-location"] == f"{path}/view?variant=image&format=avif"
        assert (await view(api, path, query, Accept="*/*")).content == DATA
    assert (await view(api, path, "?format=avif", Accept="*/*")).content == AVIF


async def test_several_accept_headers_are_one_list(api: Api, path: str) -> None:
    headers = [("Accept", "text/html"), ("Accept", "image/avif")]
    answer = await api.client.get(f"{path}/view?variant=w320", headers=headers)
    assert answer.content == AVIF


@pytest.mark.parametrize(
    ("query", "data"),
    [
        ("", DATA),
        ("?variant=image", DATA),
        ("?format=jpeg", DATA),
        ("?variant=w640", LARGER),
        ("?variant=w320&format=jpeg", JPEG),
        ("?format=avif&variant=w320&unknown=x", AVIF),
    ],
)
async def test_where_there_is_no_choice_accept_says_nothing(
    query: str, data: bytes, api: Api, path: str
) -> None:
    """So caches need not keep answers apart by it."""
    for accept in (CHROME, "image/jpeg, image/avif;q=0", "text/html"):
        answer = await view(api, path, query, Accept=accept)
        assert (answer.status_code, answer.content) == (200, data)
        assert answer.headers["vary"] == "Authorization"
        assert "content-location" not in answer.headers


@pytest.mark.parametrize(
    ("query", "parameter", "known"),
    [
        ("?variant=w999", "variant", ["image", "w320", "w640"]),
        ("?variant=", "variant", ["image", "w320", "w640"]),
        ("?variant=W320&format=avif", "variant", ["image", "w320", "w640"]),
        ("?variant=w640&format=jpeg", "format", ["avif"]),
        ("?variant=w320&format=image/avif", "format", ["avif", "jpeg"]),
        ("?format=", "format", ["jpeg"]),
        ("?format=avif", "format", ["jpeg"]),
    ],
)
async def test_what_an_image_does_not_have_is_404_and_tells_what_it_has(
    query: str, parameter: str, known: list[str], api: Api, path: str
) -> None:
    for action in ("view", "download"):
        problem = assert_problem(await api.client.get(f"{path}/{action}{query}"), 404, more="known")
        assert problem["known"] == known
        assert f"no such {parameter}" in problem["detail"]
        assert ", ".join(known) in problem["detail"]


async def test_conditions_and_ranges_are_about_the_file_that_was_chosen(
    api: Api, path: str
) -> None:
    avif, jpeg = (f'"{hashlib.sha256(data).hexdigest()}"' for data in (AVIF, JPEG))
    query = "?variant=w320"
    same = await view(api, path, query, Accept="image/avif", **{"If-None-Match": avif})
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["vary"] == "Accept, Authorization"
    assert same.headers["etag"] == avif
    other = await view(api, path, query, Accept="image/avif", **{"If-None-Match": jpeg})
    assert (other.status_code, other.content) == (200, AVIF)
    part = await view(
        api, path, query, Accept="image/avif", Range="bytes=2-9", **{"If-Range": avif}
    )
    assert (part.status_code, part.content) == (206, AVIF[2:10])
    assert part.headers["content-range"] == f"bytes 2-9/{len(AVIF)}"
    assert part.headers["vary"] == "Accept, Authorization"
    whole = await view(
        api, path, query, Accept="image/avif", Range="bytes=2-9", **{"If-Range": jpeg}
    )
    assert (whole.status_code, whole.content) == (200, AVIF)
    beyond = await view(api, path, query, Accept="image/avif", Range=f"bytes={len(AVIF)}-")
    assert_problem(beyond, 416)


async def test_a_download_is_in_the_image_s_own_format_unless_another_is_asked_for(
    api: Api, path: str
) -> None:
    for query, data, name in (
        ("", DATA, "a photo.jpg"),
        ("?variant=image", DATA, "a photo.jpg"),
        ("?variant=w320", JPEG, "a photo-w320.jpg"),
        ("?variant=w320&format=avif", AVIF, "a photo-w320.avif"),
        ("?variant=w640", LARGER, "a photo-w640.avif"),
    ):
        answer = await api.client.get(f"{path}/download{query}", headers={"Accept": CHROME})
        assert (answer.status_code, answer.content) == (200, data)
        assert f'filename="{name}"' in answer.headers["content-disposition"]
        assert answer.headers["vary"] == "Authorization"
        assert_safe(answer.headers)


async def test_what_is_sent_is_counted_by_format(api: Api, path: str) -> None:
    await view(api, path, "", **{"If-None-Match": "*"})
    for query in ("?variant=w640", "?variant=w320&format=avif", "?variant=w320"):
        await view(api, path, query)
    registry = api.services.metrics.registry
    counts = [
        registry.get_sample_value("safelight_images_sent_total", {"format": word})
        for word in ("avif", "jpeg", "webp")
    ]
    assert counts == [2, 1, None]


async def test_a_comment_changes_nothing_of_the_rest(api: Api, path: str) -> None:
    before: dict[str, Any] = (await api.client.get(path)).json()["data"]
    changed = (await api.client.patch(path, json={"comment": "x"})).json()["data"]
    assert changed | {"comment": None, "updated_at": ""} == before | {"updated_at": ""}
    assert before["original"]["mime_type"] == "image/heic"


async def test_the_status_tells_them_too(api: Api, path: str) -> None:
    image_id = path.rpartition("/")[2]
    image = (await api.client.get(path)).json()["data"]
    assert (await api.status(image_id))["available_image"] == image


async def test_delete_takes_them_along(api: Api, path: str, bucket: Bucket) -> None:
    assert len(bucket.stored()) == 4
    assert (await api.client.delete(path)).status_code == 204
    assert bucket.stored() == []
    assert_problem(await api.client.get(f"{path}/view?variant=w320"), 404)


async def test_bytes_that_changed_underneath_are_never_served(
    settings: Settings, token: str, operator: PlayedOperator, storage_proxy: Proxy
) -> None:
    """Each file has an etag of its own; the other files are still served."""
    image_id = await operator.available(DATA, variants=FILES)
    operator.bucket.put(keys.image(image_id, 1, policy.AVIF, "w320"), b"others")
    async with started(behind(storage_proxy, settings), token) as api:
        path = f"{IMAGES}/{image_id}/view"
        query = "?variant=w320&format="
        assert_problem(await api.client.get(f"{path}{query}avif"), 500)
        assert (await api.client.get(f"{path}{query}jpeg")).content == JPEG
        storage_proxy.refuse()
        assert_problem(await api.client.get(f"{path}{query}jpeg"), 503)
