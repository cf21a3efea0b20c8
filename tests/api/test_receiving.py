"""POST /api/image-upload: what is taken, what is refused, and that nothing is left of that."""

import hashlib
import itertools
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.types import Message

from safelight_api.settings import Settings
from safelight_contract import keys, policy
from safelight_contract.resources import IMAGE_UPLOAD
from tests.api.asking import (
    AVIF,
    GIF,
    HEIC,
    JPEG,
    PNG,
    UPLOAD_FIELDS,
    UPLOADS,
    WEBP,
    Api,
    assert_nothing_is_left,
    assert_problem,
    started,
)
from tests.api.playing import PlayedOperator


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
    answer = await api.client.post(UPLOADS, files={"file": (name, data, "text/html")})
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert "retry-after" not in answer.headers
    body = answer.json()
    assert list(body) == ["data"]
    upload = body["data"]
    assert list(upload) == UPLOAD_FIELDS
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
    assert answer.headers["location"] == f"{UPLOADS}/{upload['id']}"
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


async def test_a_field_that_the_file_tells_is_refused(api: Api, operator: PlayedOperator) -> None:
    for field in ("id", "path", "name", "extension", "mime_type", "size"):
        answer = await api.client.post(UPLOADS, files={"file": ("a.jpg", JPEG)}, data={field: "x"})
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
        assert_problem(await api.client.post(UPLOADS, files=files), 422, fields=["file"])
    await assert_nothing_is_left(api, operator)


async def test_what_is_no_image_is_refused_and_told_what_is(
    api: Api, operator: PlayedOperator
) -> None:
    accepted = ["jpeg", "png", "webp", "avif", "gif", "heic"]
    for file in NO_IMAGES:
        answer = await api.client.post(UPLOADS, files={"file": file})
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
            answer = await api.client.post(UPLOADS, files={"file": ("a.png", data)})
            problem = assert_problem(answer, 422, fields=["file"], more="accepted")
            assert "(PNG, AVIF)" in problem["detail"]
            assert problem["accepted"] == ["image/png", "image/avif"]
        listed = (await api.client.get(UPLOADS)).json()
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
        answer = await api.client.post(UPLOADS, content=body, headers=headers)
        assert_problem(answer, 415, fields=["file"])
    await assert_nothing_is_left(api, operator)


async def test_a_form_without_an_end_is_refused(api: Api, operator: PlayedOperator) -> None:
    request = api.client.build_request("POST", UPLOADS, files={"file": ("a.jpg", JPEG)})
    headers = {"Content-Type": request.headers["content-type"]}
    answer = await api.client.post(UPLOADS, content=request.read()[:-10], headers=headers)
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
            request = api.client.build_request("POST", UPLOADS, files={"file": ("a.jpg", data)})
            body = request.read()
            answer = await api.client.post(
                UPLOADS,
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
        "path": UPLOADS,
        "headers": [
            (b"authorization", f"Bearer {token}".encode()),
            (b"content-type", b"multipart/form-data; boundary=b"),
            (b"content-length", b"30000000"),
        ],
        "query_string": b"",
    }
    await api.app(scope, receive, send)
    assert sent[0]["status"] == 413


async def test_no_room_for_more_bytes(
    settings: Settings, token: str, operator: PlayedOperator
) -> None:
    async with started(replace(settings, max_temporary_bytes=1000), token) as api:
        answer = await api.client.post(UPLOADS, files={"file": ("a.jpg", JPEG * 10)})
        assert_problem(answer, 503)
        await assert_nothing_is_left(api, operator)
        await api.upload()


async def test_the_temporary_directory_is_gone(
    settings: Settings, token: str, operator: PlayedOperator
) -> None:
    assert settings.temporary_directory is not None
    async with started(settings, token) as api:
        settings.temporary_directory.rmdir()
        assert_problem(await api.client.post(UPLOADS, files={"file": ("a.jpg", JPEG)}), 503)
        settings.temporary_directory.mkdir()
        await assert_nothing_is_left(api, operator)
