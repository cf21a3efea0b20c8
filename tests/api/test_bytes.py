"""/api/available-image/{id}/view and /download: the bytes of an image."""

import hashlib

from safelight_api.settings import Settings
from safelight_contract import keys, policy
from safelight_contract.resources import AVAILABLE_IMAGE
from tests.api.asking import IMAGES, Api, assert_problem, assert_safe, started
from tests.api.conftest import behind
from tests.api.making import DATA
from tests.api.playing import PlayedOperator
from tests.support.bucket import Bucket
from tests.support.proxying import Proxy

ETAG = f'"{hashlib.sha256(DATA).hexdigest()}"'


async def test_view(api: Api, operator: PlayedOperator) -> None:
    image_id = await operator.available(DATA)
    answer = await api.client.get(f"{IMAGES}/{image_id}/view")
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["content-disposition"] == "inline"
    assert answer.headers["etag"] == ETAG
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "private, max-age=86400, immutable"
    assert answer.headers["vary"] == "Authorization"
    assert_safe(answer.headers)
    head = await api.client.head(f"{IMAGES}/{image_id}/view")
    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(answer.headers)


async def test_download_has_the_original_name_with_the_output_s_extension(
    api: Api, operator: PlayedOperator
) -> None:
    image_id = await operator.available(DATA, "Grüße 1.png")
    answer = await api.client.get(f"{IMAGES}/{image_id}/download")
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="Gru_e 1-{image_id[:8]}.jpg"; '
        "filename*=UTF-8''Gr%C3%BC%C3%9Fe%201.jpg"
    )
    assert answer.headers["content-type"] == "image/jpeg"
    assert_safe(answer.headers)
    head = await api.client.head(f"{IMAGES}/{image_id}/download")
    assert dict(head.headers) == dict(answer.headers)


async def test_unchanged_bytes_are_304_without_asking_the_storage(
    settings: Settings, token: str, storage_proxy: Proxy, operator: PlayedOperator
) -> None:
    image_id = await operator.available(DATA)
    async with started(behind(storage_proxy, settings), token) as api:
        storage_proxy.refuse()
        for value in (ETAG, "W/" + ETAG, f'"x", {ETAG}', "*"):
            answer = await api.client.get(
                f"{IMAGES}/{image_id}/view", headers={"If-None-Match": value, "Range": "bytes=0-1"}
            )
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["etag"] == ETAG
            assert_safe(answer.headers)


async def test_a_single_range(api: Api, operator: PlayedOperator) -> None:
    path = f"{IMAGES}/{await operator.available(DATA)}/download"
    size = len(DATA)
    for value, first, last in (
        ("bytes=0-0", 0, 0),
        ("bytes=100-199", 100, 199),
        ("bytes=2000-", 2000, size - 1),
        ("bytes=-10", size - 10, size - 1),
        ("bytes=10-99999", 10, size - 1),
    ):
        answer = await api.client.get(path, headers={"Range": value, "If-Range": ETAG})
        assert answer.status_code == 206
        assert answer.content == DATA[first : last + 1]
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert answer.headers["content-length"] == str(last - first + 1)
        assert answer.headers["etag"] == ETAG
        assert_safe(answer.headers)
    for headers in (
        {"Range": "bytes=0-1,5-6"},
        {"Range": "bytes=" + ",".join(["0-"] * 5000)},
        {"Range": "bytes=5-2"},
        {"Range": "lines=1-2"},
        {"Range": "bytes=0-1", "If-Range": '"other"'},
        {"Range": "bytes=0-1", "If-Range": "Wed, 01 Jan 2025 12:00:00 GMT"},
    ):
        answer = await api.client.get(path, headers=headers)
        assert (answer.status_code, answer.content) == (200, DATA)
    for value in (f"bytes={size}-", "bytes=-0"):
        answer = await api.client.get(path, headers={"Range": value})
        assert_problem(answer, 416)
        assert answer.headers["content-range"] == f"bytes */{size}"


async def test_bytes_that_changed_underneath_are_never_served(
    api: Api, operator: PlayedOperator, bucket: Bucket
) -> None:
    image_id = await operator.available(DATA)
    path = f"{IMAGES}/{image_id}/view"
    for spoil in (
        lambda: bucket.put(keys.image(image_id, 1, policy.JPEG), b"others"),
        lambda: bucket.delete(keys.image(image_id, 1, policy.JPEG)),
    ):
        spoil()
        assert_problem(await api.client.get(path), 500)
        assert_problem(await api.client.get(path, headers={"Range": "bytes=0-1"}), 500)


async def test_bytes_whose_image_was_deleted_elsewhere_are_404(
    settings: Settings, token: str, cluster_proxy: Proxy, operator: PlayedOperator, bucket: Bucket
) -> None:
    """This process does not know yet, for its watch is behind; the storage tells."""
    image_id = await operator.available(DATA)
    async with started(settings, token, watch_silence=60) as api:
        cluster_proxy.silence_existing()
        await operator.delete(AVAILABLE_IMAGE, image_id)
        bucket.delete(keys.image(image_id, 1, policy.JPEG))
        assert (await api.client.get(f"{IMAGES}/{image_id}")).status_code == 200
        assert_problem(await api.client.get(f"{IMAGES}/{image_id}/view"), 404)
        assert_problem(await api.client.get(f"{IMAGES}/{image_id}"), 404)


async def test_the_object_storage_is_away(
    settings: Settings, token: str, storage_proxy: Proxy, operator: PlayedOperator
) -> None:
    """Bytes cannot be had; everything else goes on, and so do they afterwards."""
    image_id = await operator.available(DATA)
    async with started(behind(storage_proxy, settings), token) as api:
        storage_proxy.refuse()
        assert_problem(await api.client.get(f"{IMAGES}/{image_id}/view"), 503)
        assert (await api.status(image_id))["status"] == "processed"
        assert (await api.client.get(f"{IMAGES}/{image_id}")).status_code == 200
        assert (await api.client.get("/readyz")).status_code == 200
        storage_proxy.restore()
        assert (await api.client.get(f"{IMAGES}/{image_id}/view")).content == DATA
