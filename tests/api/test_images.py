"""/api/available-image: lists, comments and deletion."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from safelight_api.cluster import Cluster
from safelight_api.cluster_errors import UnavailableError
from safelight_api.settings import Settings
from safelight_contract import keys, policy
from safelight_contract.resources import ANNOTATION_UPDATED_AT, AVAILABLE_IMAGE, IMAGE_UPLOAD
from tests.api.asking import IMAGES, UNKNOWN_ID, Api, assert_problem, eventually, started
from tests.api.conftest import behind
from tests.api.making import DATA
from tests.api.playing import PlayedOperator
from tests.support.bucket import Bucket
from tests.support.proxying import Proxy

FIELDS = [
    "id",
    "path",
    "comment",
    "created_at",
    "updated_at",
    "name",
    "mime_type",
    "size",
    "width",
    "height",
    "sha256",
    "url",
    "variants",
    "thumbhash",
    "dominant_color",
    "frames",
    "original",
    "bytes_saved",
    "changes",
    "removed",
    "warnings",
]


async def test_one_image_and_the_list(api: Api, operator: PlayedOperator) -> None:
    ids = [await operator.available(DATA, f"{number}.png") for number in range(3)]
    await eventually(lambda: len(api.services.cache.ready_images) == 3)
    answer = await api.client.get(f"{IMAGES}/{ids[0]}")
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["data"]
    image = body["data"]
    assert list(image) == FIELDS
    assert image["path"] == f"images/{ids[0]}/1/image.jpg"
    assert (image["name"], image["comment"], image["size"]) == ("0.png", None, len(DATA))
    first = (await api.client.get(f"{IMAGES}?per_page=2")).json()
    second = (await api.client.get(first["links"]["next"])).json()
    assert second["links"]["next"] is None
    listed = first["data"] + second["data"]
    assert sorted(item["id"] for item in listed) == sorted(ids)
    assert image in listed
    assert first["meta"] == {
        "current_page": 1,
        "from": 1,
        "last_page": 2,
        "path": IMAGES,
        "per_page": 2,
        "to": 2,
        "total": 3,
    }


async def test_unknown_ids(api: Api) -> None:
    for name in (UNKNOWN_ID, "x", UNKNOWN_ID + "0"):
        for method, path in (
            ("GET", ""),
            ("PUT", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("GET", "/view"),
            ("HEAD", "/view"),
            ("GET", "/download"),
        ):
            answer = await api.client.request(method, f"{IMAGES}/{name}{path}")
            if method == "HEAD":
                assert answer.status_code == 404
            else:
                assert_problem(answer, 404)


async def test_a_comment_is_set_changed_and_removed(api: Api, operator: PlayedOperator) -> None:
    image_id = await operator.available(DATA)
    path = f"{IMAGES}/{image_id}"
    before = (await api.client.get(path)).json()["data"]
    for method, comment in (
        ("PUT", "first"),
        ("PATCH", "zweiter 🌍"),
        ("PUT", ""),
        ("PATCH", None),
    ):
        answer = await api.client.request(method, path, json={"comment": comment})
        assert answer.status_code == 200
        changed = answer.json()["data"]
        assert changed["comment"] == comment
        assert (await api.client.get(path)).json()["data"] == changed, "one reads what one wrote"
        assert changed | {"comment": None, "updated_at": ""} == before | {"updated_at": ""}
        resource = await operator.get(AVAILABLE_IMAGE, image_id)
        assert resource is not None
        assert resource["spec"].get("comment") == comment
        written = resource["metadata"]["annotations"][ANNOTATION_UPDATED_AT]
        assert written == changed["updated_at"]
        assert datetime.fromisoformat(written) >= datetime.fromisoformat(before["created_at"])
    unchanged = await api.client.patch(path, json={})
    assert unchanged.status_code == 200


async def test_what_is_no_comment_is_refused(api: Api, operator: PlayedOperator) -> None:
    path = f"{IMAGES}/{await operator.available(DATA)}"
    cases: list[tuple[Any, list[str]]] = [
        ({"comment": "x" * (policy.MAX_COMMENT_LENGTH + 1)}, ["comment"]),
        ({"comment": 5}, ["comment"]),
        ({"comment": "a", "id": "b"}, ["id"]),
        *[({field: "x"}, [field]) for field in FIELDS if field != "comment"],
        ({"unknown": None, "other": 1}, ["unknown", "other"]),
        ([], ["comment"]),
    ]
    for body, fields in cases:
        for method in ("PUT", "PATCH"):
            assert_problem(await api.client.request(method, path, json=body), 422, fields=fields)
    assert_problem(await api.client.put(path, json={}), 422, fields=["comment"])
    assert_problem(await api.client.put(path, data={"comment": "x"}), 415, fields=["comment"])
    assert_problem(await api.client.put(path, content=b"{}"), 415, fields=["comment"])
    assert_problem(await api.client.put(path, json={"comment": "x" * 70_000}), 413)
    assert (await api.client.get(path)).json()["data"]["comment"] is None


async def test_the_last_of_many_writers_wins(
    api: Api, settings: Settings, token: str, operator: PlayedOperator
) -> None:
    path = f"{IMAGES}/{await operator.available(DATA)}"
    async with started(settings, token) as other:
        answers = await asyncio.gather(
            *(
                (api, other)[number % 2].client.put(path, json={"comment": str(number)})
                for number in range(10)
            )
        )
        assert [answer.status_code for answer in answers] == [200] * 10
        await api.client.put(path, json={"comment": "last"})

        async def agree() -> bool:
            seen = [(await one.client.get(path)).json()["data"]["comment"] for one in (api, other)]
            return seen == ["last", "last"]

        await eventually(agree)


async def test_a_comment_whose_answer_was_lost_is_written_again(
    api: Api, operator: PlayedOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{IMAGES}/{await operator.available(DATA)}"
    patch = Cluster.patch

    async def lossy(*arguments: Any) -> Any:  # noqa: ANN401 - passed on as they are
        monkeypatch.undo()
        await patch(*arguments)
        raise UnavailableError("lost", may_have_happened=True)

    monkeypatch.setattr(Cluster, "patch", lossy)
    answer = await api.client.put(path, json={"comment": "written"})
    assert answer.status_code == 200
    assert answer.json()["data"]["comment"] == "written"


async def test_delete(api: Api, operator: PlayedOperator, bucket: Bucket) -> None:
    """The record goes first, then all its objects, those of other attempts and the original too."""
    image_id, other = await operator.available(DATA), await operator.available(DATA)
    bucket.put(keys.image(image_id, 2, policy.JPEG), b"another attempt")
    bucket.put(keys.manifest(image_id, 1), b"{}")
    bucket.put(keys.image(image_id, 2, policy.AVIF, "w320"), b"a variant")
    bucket.put(keys.original(image_id, policy.HEIF), b"original, in another format than the image")
    await eventually(lambda: len(api.services.cache.ready_images) == 2)
    path = f"{IMAGES}/{image_id}"
    answer = await api.client.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert await operator.names(AVAILABLE_IMAGE) == [other]
    assert bucket.stored() == [keys.image(other, 1, policy.JPEG)]
    for suffix in ("", "/view", "/download"):
        assert_problem(await api.client.get(path + suffix), 404)
    assert_problem(await api.client.delete(path), 404)
    assert [item["id"] for item in (await api.client.get(IMAGES)).json()["data"]] == [other]
    assert (await api.status(image_id))["status"] == "not_found"


async def test_delete_takes_the_upload_that_is_not_deleted_yet(
    api: Api, operator: PlayedOperator
) -> None:
    """Otherwise the operator would publish it a second time."""
    upload = await api.upload()
    resource = await operator.get(IMAGE_UPLOAD, upload["id"])
    assert resource is not None
    await operator.create_image(upload["id"], resource["metadata"]["uid"])
    await operator.confirm(upload["id"])
    assert (await api.client.delete(f"{IMAGES}/{upload['id']}")).status_code == 204
    assert await operator.names(IMAGE_UPLOAD) == []
    assert (await api.status(upload["id"]))["status"] == "not_found"
    assert operator.bucket.stored() == []


async def test_delete_while_the_object_storage_is_away(
    settings: Settings, token: str, storage_proxy: Proxy, operator: PlayedOperator
) -> None:
    """The record decides; what is left in the storage is swept."""
    image_id = await operator.available(DATA)
    async with started(behind(storage_proxy, settings), token) as api:
        storage_proxy.refuse()
        assert (await api.client.delete(f"{IMAGES}/{image_id}")).status_code == 204
        assert_problem(await api.client.get(f"{IMAGES}/{image_id}/view"), 404)


async def test_the_api_server_is_away(
    settings: Settings, token: str, cluster_proxy: Proxy, operator: PlayedOperator
) -> None:
    image_id = await operator.available(DATA)
    path = f"{IMAGES}/{image_id}"
    async with started(settings, token) as api:
        cluster_proxy.refuse()
        assert (await api.client.get(f"{path}/view")).content == DATA
        assert (await api.client.get(path)).status_code == 200
        assert_problem(await api.client.get(f"{IMAGES}/{UNKNOWN_ID}"), 503)
        assert_problem(await api.client.get(f"{IMAGES}/{UNKNOWN_ID}/view"), 503)
        assert_problem(await api.client.put(path, json={"comment": "x"}), 503)
        assert_problem(await api.client.delete(path), 503)
        assert (await api.client.get("/readyz")).status_code == 200
