"""Lists, single uploads and DELETE under /api/image-upload."""

import asyncio

from safelight_contract.resources import AVAILABLE_IMAGE, IMAGE_UPLOAD
from tests.api import making
from tests.api.asking import (
    UNKNOWN_ID,
    UPLOAD_FIELDS,
    UPLOADS,
    Api,
    assert_nothing_is_left,
    assert_problem,
)
from tests.api.playing import PlayedOperator


async def test_lists_are_newest_first_in_pages(api: Api, operator: PlayedOperator) -> None:
    empty = (await api.client.get(UPLOADS)).json()
    assert empty["data"] == []
    assert empty["meta"]["total"] == 0
    ids = [(await api.upload(name=f"{number}.jpg"))["id"] for number in range(5)]
    await operator.fail(ids[0], "CorruptImage")
    seen = []
    path: str | None = f"{UPLOADS}?per_page=2&unknown=x"
    while path is not None:
        assert path.startswith("/"), "links never hold a host"
        answer = await api.client.get(path, headers={"Host": "evil.example"})
        assert answer.status_code == 200
        assert "evil" not in answer.text
        body = answer.json()
        assert set(body) == {"data", "links", "meta"}
        assert [list(item) for item in body["data"]] == [UPLOAD_FIELDS] * len(body["data"])
        seen += body["data"]
        path = body["links"]["next"]
    assert sorted(item["id"] for item in seen) == sorted(ids)
    created = [item["created_at"] for item in seen]
    assert created == sorted(created, reverse=True)
    beyond = (await api.client.get(UPLOADS, params={"page": 99})).json()
    assert (beyond["data"], beyond["meta"]["total"], beyond["meta"]["from"]) == ([], 5, None)


async def test_a_page_that_cannot_be(api: Api) -> None:
    cases = {
        "page": ("0", "-1", "x", "", "1e3", "%D9%A1", "9" * 5000, "+1"),
        "per_page": ("0", "101", "x", "%20" + "5"),
    }
    for path in (UPLOADS, "/api/available-image"):
        for field, values in cases.items():
            for value in values:
                answer = await api.client.get(f"{path}?{field}={value}")
                assert_problem(answer, 422, fields=[field])


async def test_an_unknown_id(api: Api) -> None:
    for name in (
        UNKNOWN_ID,
        "x",
        UNKNOWN_ID.replace("4", "A"),
        "..",
        "%2e%2e%2f",
        "a" * 5000,
        UNKNOWN_ID + "%0A",
    ):
        for method in ("GET", "DELETE"):
            assert_problem(await api.client.request(method, f"{UPLOADS}/{name}"), 404)


async def test_delete_removes_the_upload_and_its_bytes(api: Api, operator: PlayedOperator) -> None:
    upload = await api.upload()
    path = f"{UPLOADS}/{upload['id']}"
    answer = await api.client.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert_problem(await api.client.get(path), 404)
    assert (await api.status(upload["id"]))["status"] == "not_found"
    assert_problem(await api.client.delete(path), 404)
    await assert_nothing_is_left(api, operator)


async def test_delete_while_it_is_being_published(api: Api, operator: PlayedOperator) -> None:
    """The operator may have created the image already, confirmed or not: it goes as well."""
    for is_confirmed in (False, True):
        upload = await api.upload()
        resource = await operator.get(IMAGE_UPLOAD, upload["id"])
        assert resource is not None
        await operator.create_image(upload["id"], resource["metadata"]["uid"])
        if is_confirmed:
            await operator.confirm(upload["id"])
        assert (await api.client.delete(f"{UPLOADS}/{upload['id']}")).status_code == 204
        assert await operator.get(AVAILABLE_IMAGE, upload["id"]) is None
        assert (await api.status(upload["id"]))["status"] == "not_found"
        await assert_nothing_is_left(api, operator)


async def test_delete_leaves_the_image_of_another_upload(
    api: Api, operator: PlayedOperator
) -> None:
    upload = await api.upload()
    await operator.create_image(upload["id"], "another")
    assert (await api.client.delete(f"{UPLOADS}/{upload['id']}")).status_code == 204
    assert await operator.get(AVAILABLE_IMAGE, upload["id"]) is not None


async def test_delete_of_an_upload_that_became_an_image_is_404(
    api: Api, operator: PlayedOperator
) -> None:
    upload = await api.upload()
    await operator.process(upload["id"])
    assert_problem(await api.client.delete(f"{UPLOADS}/{upload['id']}"), 404)
    assert (await api.status(upload["id"]))["status"] == "processed"


async def test_two_deletes_at_once(api: Api) -> None:
    upload = await api.upload()
    answers = await asyncio.gather(
        *(api.client.delete(f"{UPLOADS}/{upload['id']}") for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [204, 404, 404, 404]


async def test_a_resource_made_by_hand_with_a_terminal_name_is_shown(
    api: Api, operator: PlayedOperator
) -> None:
    """Others may create uploads through Kubernetes."""
    name = making.an_id()
    await operator.create(IMAGE_UPLOAD, name, making.upload_spec().to_dict())
    assert (await api.status(name))["status"] == "processing"
    answer = await api.client.get(f"{UPLOADS}/{name}")
    assert answer.json()["data"]["name"] == "example.jpg"
