"""The description of the API: valid, complete, and held against wrong answers."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from openapi_spec_validator import validate

from safelight_api.app import create_app
from safelight_api.authentication import Authentication
from safelight_api.openapi.document import describe
from safelight_api.shares import Shares
from safelight_contract import facts, policy
from safelight_contract.facts import Change, Removed
from safelight_contract.resources import Failure, Progress
from tests.api.asking import IMAGES, UNKNOWN_ID, UPLOADS, Api
from tests.api.conformance import Conformance
from tests.api.making import DATA, SETTINGS, description
from tests.api.playing import PlayedOperator
from tests.api.test_app import OPEN

PATH = "/api/openapi.json"
MAX_BYTES = 64 * 1024
LISTED_HEAD = {f"{IMAGES}/{{id}}/view", f"{IMAGES}/{{id}}/download"}
"""Where HEAD is an operation of its own; elsewhere it is GET without a body."""
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return description(SETTINGS)


@pytest.fixture(scope="module")
def conformance(document: dict[str, Any]) -> Conformance:
    return Conformance(document)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the path, the method and the description of each operation."""
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield path, method, item[method]


def nodes(value: object) -> Iterator[dict[str, Any]]:
    """Yield every object within a value of JSON."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from nodes(item)


async def test_it_is_served_to_anybody(api: Api) -> None:
    api.client.headers = {}
    answer = await api.client.get(PATH)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == description(api.services.settings)
    assert len(answer.content) <= MAX_BYTES
    etag = answer.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{64}"', etag)
    for tag, status in ((etag, 304), (f"W/{etag}", 304), ("*", 304), ('"other"', 200)):
        again = await api.client.get(PATH, headers={"If-None-Match": tag})
        assert again.status_code == status
        assert again.headers["etag"] == etag
        assert again.headers["cache-control"] == "no-cache"
    head = await api.client.head(PATH)
    assert head.status_code == 200
    assert head.headers == answer.headers
    assert head.content == b""


def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    validate(document)


def test_it_has_exactly_the_operations_that_the_application_has(
    document: dict[str, Any],
) -> None:
    routes = {
        (getattr(route, "path", ""), method.lower())
        for route in create_app(SETTINGS).routes
        for method in getattr(route, "methods", set())
    }
    listed = {(path, method) for path, method, _ in operations(document)}
    implied = {(path, "head") for path, method in listed if method == "get"}
    assert {path for path, method in listed if method == "head"} == LISTED_HEAD
    assert listed | implied == routes


def test_exactly_the_open_paths_need_no_token(document: dict[str, Any]) -> None:
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for path, method, operation in operations(document):
        assert operation.get("security") == ([] if path in OPEN else None), (path, method)
        assert ("401" in operation["responses"]) == (path not in OPEN), (path, method)


def test_every_operation_has_a_name_of_its_own_and_words(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z]+([A-Z][a-z]+)*", name) for name in names)
    tags = {tag["name"] for tag in document["tags"]}
    for _, _, operation in operations(document):
        assert set(operation["tags"]) <= tags
        assert operation["summary"]
        assert operation["description"].endswith(".")


def test_everything_is_described_and_every_component_is_used(document: dict[str, Any]) -> None:
    used = {node["$ref"] for node in nodes(document) if "$ref" in node}
    for kind, components in document["components"].items():
        if kind != "securitySchemes":
            assert {f"#/components/{kind}/{name}" for name in components} <= used
    for node in nodes(document["components"]["schemas"]):
        for name, field in node.get("properties", {}).items():
            inner = field.get("anyOf", [field])[0]
            assert "$ref" in inner or inner["description"], name
    for kind in ("parameters", "headers", "responses"):
        for name, component in document["components"][kind].items():
            assert component["description"].endswith("."), name


def test_every_example_is_valid(document: dict[str, Any], conformance: Conformance) -> None:
    checked = 0
    for node in nodes(document):
        shown = node.get("examples", {})
        schema = node.get("schema", node)
        values = (
            shown
            if isinstance(shown, list)
            else [conformance.resolved(each)["value"] for each in shown.values()]
        )
        for value in values:
            assert conformance.invalid(schema, value) == [], value
            checked += 1
    assert checked > 20


def test_every_answer_with_json_has_an_example_unless_it_is_plain(
    document: dict[str, Any], conformance: Conformance
) -> None:
    plain = {"Health", "Readiness"}
    for path, method, operation in operations(document):
        for status, told in operation["responses"].items():
            body = conformance.resolved(told).get("content", {}).get("application/json")
            if body is not None and path != PATH:
                name = body["schema"]["$ref"].rpartition("/")[2]
                assert name in plain or body["examples"], (path, method, status)


def test_closed_lists_are_those_of_the_contract(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    image = schemas["Image"]["properties"]
    for field, words in (("changes", Change), ("removed", Removed), ("warnings", facts.Warning)):
        assert image[field]["items"]["enum"] == list(words)
    assert schemas["ProcessingError"]["properties"]["code"]["enum"] == list(Failure)
    phases = schemas["Progress"]["properties"]["phase"]["enum"]
    assert phases == [progress.lower() for progress in Progress]


def test_settings_are_in_it() -> None:
    changed = replace(
        SETTINGS,
        max_upload_bytes=12345,
        accepted_formats=(policy.PNG, policy.HEIF),
        upload_idle_seconds=7.5,
    )
    document = description(changed)
    schemas = document["components"]["schemas"]
    file = schemas["UploadForm"]["properties"]["file"]
    assert file["maxLength"] == 12345
    assert "12345 bytes" in file["description"]
    post = document["paths"][UPLOADS]["post"]
    encoding = post["requestBody"]["content"]["multipart/form-data"]["encoding"]
    assert encoding["file"]["contentType"] == "image/png, image/heic"
    accepted = schemas["UploadPageMeta"]["properties"]["accepted"]
    assert accepted["items"]["enum"] == ["image/png", "image/heic"]
    problem = schemas["UploadProblem"]["properties"]["accepted"]
    assert problem["items"]["enum"] == ["image/png", "image/heic"]
    assert "7.5 s" in document["components"]["responses"]["TooSlow"]["description"]
    assert describe(SETTINGS) != describe(changed)
    assert describe(changed) == describe(changed)


@pytest.mark.parametrize("kind", ["view", "download"])
async def test_a_file_and_its_head_are_as_described(
    api: Api, operator: PlayedOperator, kind: str
) -> None:
    path = f"{IMAGES}/{await operator.available(DATA)}/{kind}"
    etag = (await api.client.head(path)).headers["etag"]
    for method in ("GET", "HEAD"):
        for headers, status in (
            ({}, 200),
            ({"If-None-Match": etag}, 304),
            ({"Authorization": "Bearer wrong"}, 401),
            ({"Range": f"bytes={len(DATA)}-"}, 416),
        ):
            answer = await api.client.request(method, path, headers=headers)
            assert answer.status_code == status
        for query in ("?variant=w1", "?format=avif"):
            assert (await api.client.request(method, path + query)).status_code == 404


async def test_what_refuses_a_body_is_as_described(api: Api, operator: PlayedOperator) -> None:
    image = f"{IMAGES}/{await operator.available(DATA)}"

    async def slow() -> AsyncIterator[bytes]:
        await asyncio.sleep(60)
        yield b""

    for method, path in (("POST", UPLOADS), ("PUT", image), ("PATCH", image)):
        form = {"Content-Type": "multipart/form-data; boundary=x"}
        for headers, content, status in (
            (form, slow(), 408),
            ({**form, "Content-Length": str(2**40)}, b"", 413),
            ({"Content-Type": "text/plain"}, b"x", 415),
        ):
            answer = await api.client.request(method, path, headers=headers, content=content)
            assert answer.status_code == status


async def test_every_operation_may_end_with_500_or_503(
    api: Api, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(Authentication, "__call__", fail)
        await _all_are(api, document, 500)
    monkeypatch.setattr(Shares, "take", lambda *_arguments: False)
    await _all_are(api, document, 503)


async def _all_are(api: Api, document: dict[str, Any], status: int) -> None:
    for path, method, told in operations(document):
        if status == 503 and told.get("security") == []:
            continue  # Nothing that clients hold takes a place from what needs no token.
        answer = await api.client.request(method, path.replace("{id}", UNKNOWN_ID))
        assert answer.status_code == status, (path, method)
