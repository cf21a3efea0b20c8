"""What other people's clients and proxies send and meet, through the whole application."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.types import Message

from safelight_api import prefix
from safelight_api.multipart import MAX_OVERHEAD_BYTES
from safelight_api.settings import Settings
from tests.api.asking import (
    IMAGES,
    JPEG,
    UNKNOWN_ID,
    UPLOADS,
    Api,
    assert_nothing_is_left,
    assert_problem,
    eventually,
    started,
)
from tests.api.making import DATA
from tests.api.playing import PlayedOperator

OPENAPI = "/api/openapi.json"
PREFIX = "/photos/v1"
FILES = {"w320.avif": b"a", "w320.jpg": b"a jpeg"}
LETTERS = "abcdefab-cdef-4abc-8def-abcdefabcdef"


async def test_an_id_in_capitals_is_the_same_id(api: Api, operator: PlayedOperator) -> None:
    """RFC 9562, section 4. What is answered is lower-case."""
    image_id = LETTERS
    await operator.create_image(image_id, data=DATA)
    await operator.confirm(image_id)
    image = f"{IMAGES}/{image_id.upper()}"
    await _knows_an_image(api)
    for path, key in ((image, "data"), (f"{UPLOADS}/{image_id.upper()}/status", "available_image")):
        answer = await api.client.get(path)
        assert answer.status_code == 200
        assert answer.json()[key]["id"] == image_id
        assert image_id.upper() not in answer.text
    for method in ("PUT", "PATCH"):
        answer = await api.client.request(method, image, json={"comment": method})
        assert answer.json()["data"]["comment"] == method
    for path in ("view", "download"):
        answer = await api.client.get(f"{image}/{path}")
        assert answer.content == DATA
        assert image_id.upper() not in str(answer.headers)
        assert (await api.client.head(f"{image}/{path}")).headers == answer.headers
    assert (await api.client.delete(image)).status_code == 204
    assert (await api.status(image_id.upper()))["status"] == "not_found"

    upload_id = (await api.upload())["id"]
    upload = f"{UPLOADS}/{upload_id.upper()}"
    assert (await api.client.get(upload)).json()["data"]["id"] == upload_id
    assert (await api.status(upload_id.upper()))["status"] == "processing"
    await operator.fail(upload_id, "StorageUnavailable")
    await eventually(lambda: _has_failed(api, upload_id), seconds=30)
    answer = await api.client.post(f"{upload}/retry")
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{UPLOADS}/{upload_id}/status"
    assert (await api.client.delete(upload)).status_code == 204


async def _knows_an_image(api: Api) -> None:
    await eventually(lambda: len(api.services.cache.ready_images) == 1, seconds=30)


async def _has_failed(api: Api, upload_id: str) -> bool:
    return bool((await api.status(upload_id))["status"] == "failed")


async def test_every_answer_says_who_may_keep_it(api: Api, operator: PlayedOperator) -> None:
    """Its value: that each answer has one is for the tests' client to see."""
    image_id = await operator.available(DATA)
    upload_id = (await api.upload())["id"]
    await _knows_an_image(api)
    json_of, errors, unknown = "private, no-cache", "no-store", f"{UPLOADS}/{UNKNOWN_ID}"
    for method, path, status, control in (
        ("GET", UPLOADS, 200, json_of),
        ("GET", IMAGES, 200, json_of),
        ("HEAD", IMAGES, 200, json_of),
        ("GET", f"{IMAGES}/{image_id}", 200, json_of),
        ("GET", f"{UPLOADS}/{upload_id}", 200, json_of),
        ("GET", f"{UPLOADS}/{upload_id}/status", 200, json_of),
        ("GET", f"{UPLOADS}/{image_id}/status", 200, json_of),
        ("GET", f"{IMAGES}/{image_id}/view", 200, "private, max-age=86400, immutable"),
        ("GET", f"{IMAGES}/{image_id}/view?variant=x", 404, errors),
        ("GET", f"{unknown}/status", 404, errors),
        ("GET", unknown, 404, errors),
        ("GET", f"{IMAGES}/{UNKNOWN_ID}/view", 404, errors),
        ("GET", f"{IMAGES}/x", 404, errors),
        ("GET", "/unknown", 404, errors),
        ("PUT", UPLOADS, 405, errors),
        ("GET", f"{IMAGES}?page=x", 422, errors),
        ("POST", UPLOADS, 415, errors),
        ("GET", "/healthz", 200, json_of),
        ("GET", "/readyz", 200, json_of),
        ("GET", OPENAPI, 200, "no-cache"),
        ("DELETE", f"{UPLOADS}/{upload_id}", 204, errors),
    ):
        answer = await api.client.request(method, path)
        assert (answer.status_code, answer.headers["cache-control"]) == (status, control), path
    api.client.headers = {}
    assert (await api.client.get(IMAGES)).headers["cache-control"] == errors


async def test_a_body_in_a_content_coding_is_refused(api: Api, operator: PlayedOperator) -> None:
    """RFC 9110, section 15.5.16: the answer says which coding would be taken."""
    image = f"{IMAGES}/{await operator.available(DATA)}"
    stored = operator.bucket.stored()
    form = api.client.build_request("POST", UPLOADS, files={"file": ("a.jpg", JPEG)})
    body, content_type = form.read(), form.headers["content-type"]
    comment = json.dumps({"comment": "x"}).encode()
    for coding in ("gzip", "GZIP", "br", "identity, gzip", "x-unknown"):
        for method, path, content, kind, field in (
            ("POST", UPLOADS, gzip.compress(body), content_type, "file"),
            ("PUT", image, gzip.compress(comment), "application/json", "comment"),
            ("PATCH", image, gzip.compress(comment), "application/json", "comment"),
        ):
            answer = await api.client.request(
                method,
                path,
                content=content,
                headers={"Content-Type": kind, "Content-Encoding": coding},
            )
            assert_problem(answer, 415, fields=[field])
            assert answer.headers["accept-encoding"] == "identity"
    assert operator.bucket.stored() == stored
    for coding in ("identity", "Identity", ""):
        headers = {"Content-Type": content_type, "Content-Encoding": coding}
        assert (await api.client.post(UPLOADS, content=body, headers=headers)).status_code == 201


def raw_form(disposition: str, *more: str, data: bytes = JPEG) -> dict[str, Any]:
    """Return the arguments of a request with a form of one part, written by hand."""
    head = "\r\n".join([f"Content-Disposition: {disposition}", *more])
    return {
        "content": b"--b\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n--b--\r\n",
        "headers": {"Content-Type": "multipart/form-data; boundary=b"},
    }


async def test_files_arrive_under_their_names(api: Api) -> None:
    for arguments, name in (
        (raw_form("form-data; name=file; filename*=utf-8''%E6%BC%A2.jpg"), "漢.jpg"),
        (raw_form('form-data; name="file"', "Content-Type: image/jpeg"), "image"),
        (raw_form('form-data; name="file"; filename=""'), "image"),
        (raw_form("form-data; name=file; filename*=utf-8''..%2F..%2Fetc%2Fpasswd"), "passwd"),
        (raw_form("form-data; name=file; filename*=utf-8''a%0D%0A%00%E2%80%AE.jpg"), "a.jpg"),
        (raw_form('form-data; name="file"; filename="=?utf-8?Q?..=2Fa.jpg?="'), "a.jpg"),
    ):
        answer = await api.client.post(UPLOADS, **arguments)
        assert answer.status_code == 201, answer.text
        assert answer.json()["data"]["name"] == name


async def test_fields_of_upload_components_are_ignored(api: Api, operator: PlayedOperator) -> None:
    fields = {"name": "a.jpg", "type": "image/jpeg", "_token": "x", "reference": "42", "file": "{}"}
    answer = await api.client.post(UPLOADS, data=fields, files={"file": ("a.jpg", JPEG)})
    assert answer.status_code == 201, answer.text
    assert answer.json()["data"]["name"] == "a.jpg"
    await api.client.delete(answer.headers["location"])
    for data, files, errors in (
        ({"id": "1"}, {"file": ("a.jpg", JPEG)}, ["id"]),
        ({"id": "1"}, {}, ["id", "file"]),
        ({"x": ["1"] * 101}, {"file": ("a.jpg", JPEG)}, ["form"]),
        ({"x": "1" * (64 * 1024 + 1)}, {"file": ("a.jpg", JPEG)}, ["form"]),
        ({}, {"photo": ("a.jpg", JPEG)}, ["file"]),
    ):
        sent: Any = files or {"file": (None, "a text")}
        answer = await api.client.post(UPLOADS, data=data, files=sent)
        assert_problem(answer, 422, fields=errors)
    await assert_nothing_is_left(api, operator)


async def test_the_limit_is_told_as_that_of_a_file(settings: Settings, token: str) -> None:
    """Whatever tells that the form is too large: Content-Length, what was counted, or the file."""
    limit, most = 100_000, 100_000 + MAX_OVERHEAD_BYTES
    patient = replace(settings, upload_idle_seconds=30, upload_total_seconds=60)
    start = b"--b\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n" + JPEG
    end = b"\r\n--b--\r\n"
    padding = bytes(most - len(start + end) + 1)

    async def pieces(body: bytes) -> AsyncIterator[bytes]:
        for position in range(0, len(body), 50_000):
            yield body[position : position + 50_000]

    async with started(replace(patient, max_upload_bytes=limit), token) as api:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        for content in (
            start + padding + end,
            pieces(start + padding + end),
            pieces(start + end + padding),
            start + padding[: limit - len(JPEG) + 1] + end,
        ):
            answer = await api.client.post(UPLOADS, content=content, headers=headers)
            assert f" {limit} bytes" in assert_problem(answer, 413)["detail"]


@pytest.fixture
def behind_proxies(settings: Settings) -> Settings:
    """Return settings that trust the tests' client: 127.0.0.1, as httpx has it."""
    return replace(
        settings, trusted_proxies=prefix.parse_networks(["127.0.0.0/8"]), path_prefix="/own"
    )


async def addresses(api: Api, image_id: str, base: str, headers: dict[str, str]) -> list[str]:
    """Return the addresses in all answers that have some, asked for at a base.

    Each is asked for again as it is, but for the prefix, if the base has none.
    """
    get = api.client.get
    upload = await api.client.post(base + UPLOADS, files={"file": ("a.jpg", JPEG)}, headers=headers)
    found = [upload.headers["location"]]
    for path in (IMAGES, UPLOADS):
        page = (await get(f"{base}{path}?page=2&per_page=1", headers=headers)).json()
        found += [page["links"][name] for name in ("first", "last", "prev")]
        found += [page["meta"]["path"]]
    image = (await get(f"{base}{IMAGES}/{image_id}", headers=headers)).json()["data"]
    status = (await get(f"{base}{UPLOADS}/{image_id}/status", headers=headers)).json()
    assert status["available_image"] == image
    listed = (await get(f"{base}{IMAGES}", headers=headers)).json()["data"]
    assert listed == [image]
    found += [image["url"], *(variant["url"] for variant in image["variants"])]
    view = await get(f"{base}{IMAGES}/{image_id}/view?variant=w320", headers=headers)
    found.append(view.headers["content-location"])
    description = (await get(base + OPENAPI, headers=headers)).json()
    found.append(description["servers"][0]["url"].rstrip("/") + IMAGES)
    return found


async def test_addresses_begin_with_the_prefix_of_a_trusted_proxy(
    behind_proxies: Settings, token: str, operator: PlayedOperator
) -> None:
    image_id = await operator.available(DATA, variants=FILES)
    async with started(behind_proxies, token) as api:
        await _knows_an_image(api)
        for told, expected in (
            (PREFIX, PREFIX),
            (f"{PREFIX}/", PREFIX),
            ("/photos, /v1", PREFIX),
            ("/", ""),
            (None, "/own"),
            ("//evil.example", "/own"),
            ("https://evil.example", "/own"),
            ("/a/../b", "/own"),
        ):
            headers = {} if told is None else {"X-Forwarded-Prefix": told}
            found = await addresses(api, image_id, "", headers)
            assert len(found) > 10
            for address in found:
                assert address.startswith(f"{expected}/api/"), (told, address)
                path = address.removeprefix(expected)
                assert (await api.client.get(path, headers=headers)).status_code == 200
        for path in (IMAGES, "/unknown", f"{IMAGES}/{image_id}/view", "/healthz"):
            vary = (await api.client.get(path)).headers.get_list("vary", split_commas=True)
            assert "x-forwarded-prefix" in vary, path


async def test_a_prefix_changes_the_tags_of_what_has_addresses(
    behind_proxies: Settings, token: str, operator: PlayedOperator
) -> None:
    image_id = await operator.available(DATA)
    async with started(behind_proxies, token) as api:
        await _knows_an_image(api)
        for path in (OPENAPI, f"{UPLOADS}/{image_id}/status"):
            tags = {}
            for told in ("/a", "/b", "/"):
                headers = {"X-Forwarded-Prefix": told}
                tags[told] = (await api.client.get(path, headers=headers)).headers["etag"]
                headers["If-None-Match"] = tags[told]
                assert (await api.client.get(path, headers=headers)).status_code == 304
                headers["X-Forwarded-Prefix"] = "/other"
                assert (await api.client.get(path, headers=headers)).status_code == 200
            assert len(set(tags.values())) == 3


async def test_strangers_tell_no_prefix(
    settings: Settings, token: str, operator: PlayedOperator
) -> None:
    image_id = await operator.available(DATA, variants=FILES)
    headers = {"X-Forwarded-Prefix": "/evil"}
    for networks in ((), ("192.0.2.0/24",)):
        trusted = prefix.parse_networks(networks)
        async with started(replace(settings, trusted_proxies=trusted), token) as api:
            await _knows_an_image(api)
            for address in await addresses(api, image_id, "", headers):
                assert address.startswith("/api/")


async def test_a_prefix_that_is_set_and_that_the_proxy_leaves(
    settings: Settings, token: str, operator: PlayedOperator
) -> None:
    image_id = await operator.available(DATA, variants=FILES)
    async with started(replace(settings, path_prefix=PREFIX), token) as api:
        await _knows_an_image(api)
        for base in ("", PREFIX):
            for address in await addresses(api, image_id, base, {}):
                assert address.startswith(f"{PREFIX}/api/")
                assert (await api.client.get(address)).status_code == 200
        assert_problem(await api.client.get(f"{PREFIX}/unknown"), 404)
        assert_problem(await api.client.get("/photos" + IMAGES), 404)
        api.client.headers = {}
        for path in (PREFIX + IMAGES, f"{PREFIX}x/healthz", PREFIX, "/api" + OPENAPI):
            assert_problem(await api.client.get(path), 401)
        for path in ("/healthz", "/readyz", OPENAPI):
            assert (await api.client.get(PREFIX + path)).status_code == 200


async def test_a_peer_without_an_address_tells_no_prefix(
    behind_proxies: Settings, token: str
) -> None:
    """A socket of Unix has none."""
    sent: list[Message] = []

    async def receive() -> Message:
        return await asyncio.Future[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": OPENAPI,
        "headers": [(b"x-forwarded-prefix", b"/evil")],
        "query_string": b"",
        "client": None,
    }
    async with started(behind_proxies, token) as api:
        await api.app(scope, receive, send)
    assert sent[0]["status"] == 200
    assert json.loads(sent[1]["body"])["servers"][0]["url"] == "/own"


async def test_downloads_are_saved_under_names_of_their_own(
    api: Api, operator: PlayedOperator
) -> None:
    ids = [await operator.available(DATA, name) for name in ("漢字一.png", "漢字二.png")]
    plain = set()
    for image_id in ids:
        answer = await api.client.get(f"{IMAGES}/{image_id}/download")
        plain.add(httpx.Headers(answer.headers)["content-disposition"].split(";")[1].strip())
    assert plain == {f'filename="image-{image_id[:8]}.jpg"' for image_id in ids}
