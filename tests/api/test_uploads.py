"""POST, lists, single uploads and DELETE under /api/image-upload."""

import asyncio
import hashlib
import itertools
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.types import Message

from safelight_api.cluster import Cluster
from safelight_api.cluster_errors import UnavailableError
from safelight_api.settings import Settings
from safelight_contract import keys, policy
from safelight_contract.resources import AVAILABLE_IMAGE, IMAGE_UPLOAD
from tests.api import making
from tests.api.asking import (
    AVIF,
    GIF,
    HEIC,
    JPEG,
    PNG,
    WEBP,
    Api,
    assert_problem,
    eventually,
    started,
)
from tests.api.conftest import behind
from tests.api.playing import PlayedOperator
from tests.support.bucket import Bucket
from tests.support.proxying import Proxy

PATH = "/api/image-upload"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
FIELDS = ["id", "path", "name", "extension", "mime_type", "size", "created_at", "updated_at"]


async def assert_nothing_is_left(api: Api, operator: PlayedOperator) -> None:
    """Check that a refused upload has left neither bytes nor a resource."""
    assert operator.bucket.stored() == []
    assert await operator.names(IMAGE_UPLOAD) == []
    assert api.services.receiver.held_bytes == 0
    directory = api.services.settings.temporary_directory
    assert directory is not None
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "name", "extension", "mime_type"),
    [
        (JPEG, "photo.jpg", "jpg", "image/jpeg"),
        (PNG, "photo.jpg", "png", "image/png"),
        (WEBP, "évil.html", "webp", "image/webp"),
        (AVIF, "photo.heic", "avif", "image/avif"),
        (GIF, "photo.mp4", "gif", "image/gif"),
        (HEIC, "IMG_0001.HEIC", "heic", "image/heic"),
    ],
)
async def test_an_upload_is_stored_and_answered_as_specified(  # noqa: PLR0917 - columns and fixtures
    data: bytes, name: str, extension: str, mime_type: str, api: Api, operator: PlayedOperator
) -> None:
    """The bytes tell the format, whatever the name or the part's type says."""
    answer = await api.client.post(PATH, files={"file": (name, data, "text/html")})
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert "retry-after" not in answer.headers
    body = answer.json()
    assert list(body) == ["data"]
    upload = body["data"]
    assert list(upload) == FIELDS
    assert keys.is_id(upload["id"])
    assert upload | {"id": "", "created_at": "", "updated_at": ""} == {
        "id": "",
        "path": f"image_uploads/{upload['id']}.{extension}",
        "name": name,
        "extension": extension,
        "mime_type": mime_type,
        "size": len(data),
        "created_at": "",
        "updated_at": "",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", upload["created_at"])
    assert answer.headers["location"] == f"{PATH}/{upload['id']}"
    resource = await operator.get(IMAGE_UPLOAD, upload["id"])
    assert resource is not None
    assert resource["spec"] == {
        "fileName": name,
        "mediaType": mime_type,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    assert operator.bucket.read(upload["path"]) == data
    assert (await api.client.get(answer.headers["location"])).json() == body


async def test_a_form_field_beside_the_file_is_refused(api: Api, operator: PlayedOperator) -> None:
    for field in ("id", "path", "name", "extension", "mime_type", "size", "other"):
        answer = await api.client.post(PATH, files={"file": ("a.jpg", JPEG)}, data={field: "x"})
        assert_problem(answer, 422, fields=[field])
    await assert_nothing_is_left(api, operator)


NO_FILES: list[list[tuple[str, Any]]] = [
    [("file", ("a.jpg", b""))],
    [("file", ("a.jpg", JPEG)), ("file", ("b.jpg", JPEG))],
    [("file", (None, "text, no file"))],
]
NO_IMAGES: list[tuple[str, bytes, str]] = [
    ("a.jpg", b"\xff\xd8", "image/jpeg"),
    ("a.jpg", b"<html><script>alert(1)</script>", "image/jpeg"),
    ("a.png", b"BM" + b"x" * 100, "image/png"),
    ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
    ("a.heic", b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42" + b"x" * 100, "image/heic"),
    ("a.jpg", b"%PDF-1.7" + b"x" * 600_000, "image/jpeg"),
]


async def test_what_is_no_file_is_refused(api: Api, operator: PlayedOperator) -> None:
    for files in NO_FILES:
        assert_problem(await api.client.post(PATH, files=files), 422, fields=["file"])
    await assert_nothing_is_left(api, operator)


async def test_what_is_no_image_is_refused_and_told_what_is(
    api: Api, operator: PlayedOperator
) -> None:
    accepted = ["jpeg", "png", "webp", "avif", "gif", "heic"]
    for file in NO_IMAGES:
        answer = await api.client.post(PATH, files={"file": file})
        problem = assert_problem(answer, 422, fields=["file"], more="accepted")
        assert "(JPEG, PNG, WEBP, AVIF, GIF, HEIC)" in problem["detail"]
        assert problem["accepted"] == [f"image/{word}" for word in accepted]
    await assert_nothing_is_left(api, operator)


async def test_an_installation_accepts_what_it_is_set_to(settings: Settings, token: str) -> None:
    only = replace(settings, accepted_formats=(policy.PNG, policy.AVIF))
    async with started(only, token) as api:
        for data in (PNG, AVIF):
            await api.upload(data)
        for data in (JPEG, WEBP, GIF, HEIC):
            answer = await api.client.post(PATH, files={"file": ("a.png", data)})
            problem = assert_problem(answer, 422, fields=["file"], more="accepted")
            assert "(PNG, AVIF)" in problem["detail"]
            assert problem["accepted"] == ["image/png", "image/avif"]
        listed = (await api.client.get(PATH)).json()
        assert listed["meta"]["accepted"] == problem["accepted"]
        assert len(listed["data"]) == 2


async def test_only_multipart(api: Api, operator: PlayedOperator) -> None:
    for content_type, body in (
        ("application/x-www-form-urlencoded", b"file=" + b"x" * 10_000_000),
        ("application/json", b'{"file": "x"}'),
        ("image/jpeg", JPEG),
        (None, JPEG),
    ):
        headers = {"Content-Type": content_type} if content_type else {}
        assert_problem(await api.client.post(PATH, content=body, headers=headers), 415)
    await assert_nothing_is_left(api, operator)


async def test_a_form_without_an_end_is_refused(api: Api, operator: PlayedOperator) -> None:
    request = api.client.build_request("POST", PATH, files={"file": ("a.jpg", JPEG)})
    headers = {"Content-Type": request.headers["content-type"]}
    answer = await api.client.post(PATH, content=request.read()[:-10], headers=headers)
    assert_problem(answer, 422, fields=["file"])
    await assert_nothing_is_left(api, operator)


async def test_the_limit_is_counted_to_the_byte(
    settings: Settings, token: str, operator: PlayedOperator
) -> None:
    """With Content-Length and without it; the limit is the file's, not the form's."""
    limit = 100_000

    async def pieces(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 7000):
            yield body[start : start + 7000]

    async with started(replace(settings, max_upload_bytes=limit), token) as api:
        for excess, is_chunked in itertools.product((1, 100_000, 0, -1), (False, True)):
            data = JPEG.ljust(limit + excess, b"x")
            request = api.client.build_request("POST", PATH, files={"file": ("a.jpg", data)})
            body = request.read()
            answer = await api.client.post(
                PATH,
                content=pieces(body) if is_chunked else body,
                headers={"Content-Type": request.headers["content-type"]},
            )
            if excess > 0:
                assert_problem(answer, 413)
                await assert_nothing_is_left(api, operator)
            else:
                assert answer.status_code == 201, (excess, is_chunked)


async def test_a_content_length_beyond_the_limit_is_refused_unread(api: Api, token: str) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("the body was read")

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "headers": [
            (b"authorization", f"Bearer {token}".encode()),
            (b"content-type", b"multipart/form-data; boundary=b"),
            (b"content-length", b"30000000"),
        ],
        "query_string": b"",
    }
    await api.app(scope, receive, send)
    assert sent[0]["status"] == 413


async def test_lists_are_newest_first_in_pages(api: Api, operator: PlayedOperator) -> None:
    empty = (await api.client.get(PATH)).json()
    assert empty["data"] == []
    assert empty["meta"]["total"] == 0
    ids = [(await api.upload(name=f"{number}.jpg"))["id"] for number in range(5)]
    await operator.fail(ids[0], "CorruptImage")
    seen = []
    path: str | None = f"{PATH}?per_page=2&unknown=x"
    while path is not None:
        assert path.startswith("/"), "links never hold a host"
        answer = await api.client.get(path, headers={"Host": "evil.example"})
        assert answer.status_code == 200
        assert "evil" not in answer.text
        body = answer.json()
        assert set(body) == {"data", "links", "meta"}
        assert [list(item) for item in body["data"]] == [FIELDS] * len(body["data"])
        seen += body["data"]
        path = body["links"]["next"]
    assert sorted(item["id"] for item in seen) == sorted(ids)
    created = [item["created_at"] for item in seen]
    assert created == sorted(created, reverse=True)
    beyond = (await api.client.get(PATH, params={"page": 99})).json()
    assert (beyond["data"], beyond["meta"]["total"], beyond["meta"]["from"]) == ([], 5, None)


async def test_a_page_that_cannot_be(api: Api) -> None:
    cases = {
        "page": ("0", "-1", "x", "", "1e3", "%D9%A1", "9" * 5000, "+1"),
        "per_page": ("0", "101", "x", "%20" + "5"),
    }
    for path in (PATH, "/api/available-image"):
        for field, values in cases.items():
            for value in values:
                answer = await api.client.get(f"{path}?{field}={value}")
                assert_problem(answer, 422, fields=[field])


async def test_an_unknown_id(api: Api) -> None:
    for name in (
        UNKNOWN,
        "x",
        UNKNOWN.replace("4", "A"),
        "..",
        "%2e%2e%2f",
        "a" * 5000,
        UNKNOWN + "%0A",
    ):
        for method in ("GET", "DELETE"):
            assert_problem(await api.client.request(method, f"{PATH}/{name}"), 404)


async def test_delete_removes_the_upload_and_its_bytes(api: Api, operator: PlayedOperator) -> None:
    upload = await api.upload()
    path = f"{PATH}/{upload['id']}"
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
        assert (await api.client.delete(f"{PATH}/{upload['id']}")).status_code == 204
        assert await operator.get(AVAILABLE_IMAGE, upload["id"]) is None
        assert (await api.status(upload["id"]))["status"] == "not_found"
        await assert_nothing_is_left(api, operator)


async def test_delete_leaves_the_image_of_another_upload(
    api: Api, operator: PlayedOperator
) -> None:
    upload = await api.upload()
    await operator.create_image(upload["id"], "another")
    assert (await api.client.delete(f"{PATH}/{upload['id']}")).status_code == 204
    assert await operator.get(AVAILABLE_IMAGE, upload["id"]) is not None


async def test_delete_of_an_upload_that_became_an_image_is_404(
    api: Api, operator: PlayedOperator
) -> None:
    upload = await api.upload()
    await operator.process(upload["id"])
    assert_problem(await api.client.delete(f"{PATH}/{upload['id']}"), 404)
    assert (await api.status(upload["id"]))["status"] == "processed"


async def test_two_deletes_at_once(api: Api) -> None:
    upload = await api.upload()
    answers = await asyncio.gather(*(api.client.delete(f"{PATH}/{upload['id']}") for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [204, 404, 404, 404]


async def test_no_room_for_more_bytes(
    settings: Settings, token: str, operator: PlayedOperator
) -> None:
    async with started(replace(settings, max_temporary_bytes=1000), token) as api:
        answer = await api.client.post(PATH, files={"file": ("a.jpg", JPEG * 10)})
        assert_problem(answer, 503)
        await assert_nothing_is_left(api, operator)
        await api.upload()


async def test_the_temporary_directory_is_gone(
    settings: Settings, token: str, operator: PlayedOperator
) -> None:
    assert settings.temporary_directory is not None
    async with started(settings, token) as api:
        settings.temporary_directory.rmdir()
        assert_problem(await api.client.post(PATH, files={"file": ("a.jpg", JPEG)}), 503)
        settings.temporary_directory.mkdir()
        await assert_nothing_is_left(api, operator)


async def test_the_object_storage_is_away(
    settings: Settings, token: str, storage_proxy: Proxy, operator: PlayedOperator
) -> None:
    async with started(behind(storage_proxy, settings), token) as api:
        storage_proxy.refuse()
        assert_problem(await api.client.post(PATH, files={"file": ("a.jpg", JPEG)}), 503)
        await assert_nothing_is_left(api, operator)
        storage_proxy.restore()
        await api.upload()


async def test_the_api_server_is_away(
    settings: Settings, token: str, cluster_proxy: Proxy, bucket: Bucket
) -> None:
    """Nothing was created, so nothing is left; reads that the cache can answer go on."""
    async with started(settings, token) as api:
        upload = await api.upload()
        cluster_proxy.refuse()
        assert_problem(await api.client.post(PATH, files={"file": ("a.jpg", JPEG)}), 503)
        assert bucket.stored() == [upload["path"]]
        assert (await api.status(upload["id"]))["status"] == "processing"
        assert_problem(await api.client.get(f"{PATH}/{UNKNOWN}/status"), 503)
        assert_problem(await api.client.get(f"{PATH}/{UNKNOWN}"), 503)
        assert_problem(await api.client.delete(f"{PATH}/{upload['id']}"), 503)
        assert len((await api.client.get(PATH)).json()["data"]) == 1
        cluster_proxy.restore()
        assert (await api.client.delete(f"{PATH}/{upload['id']}")).status_code == 204


async def test_a_create_whose_answer_is_lost_is_found_out(
    api: Api, operator: PlayedOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Done, then a time-out: the upload exists once, and the client gets its 201."""
    create = Cluster.create
    calls = []

    async def lossy(*arguments: Any) -> Any:  # noqa: ANN401 - passed on as they are
        calls.append(arguments)
        await create(*arguments)
        raise UnavailableError("lost", may_have_happened=True)

    monkeypatch.setattr(Cluster, "create", lossy)
    upload = await api.upload()
    assert len(calls) == 1
    assert await operator.names(IMAGE_UPLOAD) == [upload["id"]]
    assert operator.bucket.stored() == [upload["path"]]


async def test_a_create_whose_answer_is_lost_and_that_was_processed_meanwhile(
    api: Api, operator: PlayedOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never created a second time."""
    create = Cluster.create

    async def lossy(*arguments: Any) -> Any:  # noqa: ANN401 - passed on as they are
        created = await create(*arguments)
        await operator.process(created["metadata"]["name"])
        raise UnavailableError("lost", may_have_happened=True)

    monkeypatch.setattr(Cluster, "create", lossy)
    upload = await api.upload()
    assert list(upload) == FIELDS
    assert await operator.names(IMAGE_UPLOAD) == []
    assert (await api.status(upload["id"]))["status"] == "processed"


async def test_a_create_that_may_have_happened_keeps_the_original(
    api: Api, operator: PlayedOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can tell, so the client gets no 201, and the upload can still be processed."""

    async def lost(*_arguments: Any) -> Any:  # noqa: ANN401 - passed on as they are
        raise UnavailableError("lost", may_have_happened=True)

    monkeypatch.setattr(Cluster, "create", lost)
    monkeypatch.setattr("safelight_api.uploads.RETRY_SECONDS", 0)
    assert_problem(await api.client.post(PATH, files={"file": ("a.jpg", JPEG)}), 503)
    assert len(operator.bucket.stored()) == 1


async def test_a_quota(api: Api, operator: PlayedOperator, kubernetes: Any, namespace: str) -> None:  # noqa: ANN401 - the fixture of all tests
    """The namespace allows no more uploads: as if too many were pending, and nothing is left."""
    kubernetes.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "uploads", "namespace": namespace},
            "spec": {"hard": {"count/imageuploads.safelight.dev": "0"}},
        }
    )

    async def is_refused() -> bool:
        answer = await api.client.post(PATH, files={"file": ("a.jpg", JPEG)})
        if answer.status_code == 429:
            assert_problem(answer, 429)
            return True
        await operator.delete(IMAGE_UPLOAD, answer.json()["data"]["id"])
        operator.bucket.delete(answer.json()["data"]["path"])
        return False

    await eventually(is_refused, every=0.1)
    await assert_nothing_is_left(api, operator)


async def test_a_resource_made_by_hand_with_a_terminal_name_is_shown(
    api: Api, operator: PlayedOperator
) -> None:
    """Others may create uploads through Kubernetes."""
    name = making.an_id()
    await operator.create(IMAGE_UPLOAD, name, making.upload_spec().to_dict())
    assert (await api.status(name))["status"] == "processing"
    answer = await api.client.get(f"{PATH}/{name}")
    assert answer.json()["data"]["name"] == "example.jpg"
