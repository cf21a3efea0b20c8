"""The tests' own judge: it can refuse, or it would be worth nothing."""

import json
from typing import Any

import httpx
import pytest

from tests.api.asking import IMAGES, UPLOADS, Api
from tests.api.conformance import Conformance, UndocumentedError
from tests.api.making import SETTINGS, description


@pytest.fixture(scope="module")
def conformance() -> Conformance:
    return Conformance(description(SETTINGS))


NOSNIFF = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
JSON = {**NOSNIFF, "content-type": "application/json"}
ID = "550e8400-e29b-41d4-a716-446655440000"
UPLOAD = {
    "id": ID,
    "path": f"image_uploads/{ID}.jpg",
    "name": "a.jpg",
    "extension": "jpg",
    "mime_type": "image/jpeg",
    "size": 1,
    "created_at": "2025-01-01T12:00:00Z",
    "updated_at": "2025-01-01T12:00:00Z",
}
PROBLEM = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "There is nothing at this address.",
    "message": "There is nothing at this address.",
}
SHOWN = f"{UPLOADS}/{ID}"
BYTES = {
    **NOSNIFF,
    "content-type": "image/jpeg",
    "etag": '"0123"',
    "cache-control": "private",
    "vary": "Authorization",
    "accept-ranges": "bytes",
    "content-disposition": "inline",
    "content-security-policy": "sandbox",
    "cross-origin-resource-policy": "same-origin",
}
STATUS = {**NOSNIFF, "etag": 'W/"01"', "cache-control": "no-cache"}


def made(
    method: str, path: str, status: int, headers: dict[str, str], body: object
) -> httpx.Response:
    """Return an answer made by hand; a body of JSON gets its media type."""
    request = httpx.Request(method, f"http://api.test{path}")
    if isinstance(body, bytes):
        return httpx.Response(status, headers=headers, content=body, request=request)
    media_type = "application/problem+json" if status >= 400 else "application/json"
    return httpx.Response(
        status,
        headers={"content-type": media_type, **headers},
        content=json.dumps(body).encode(),
        request=request,
    )


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """Return all fields but one."""
    return {other: value for other, value in fields.items() if other != name}


RIGHT = {
    "an upload": ("GET", SHOWN, 200, NOSNIFF, {"data": UPLOAD}),
    "HEAD where it is not listed": ("HEAD", SHOWN, 200, JSON, b""),
    "no such upload": ("GET", SHOWN, 404, NOSNIFF, PROBLEM),
    "an unknown path": ("GET", "/api/unknown", 404, NOSNIFF, PROBLEM),
    "bytes": ("GET", f"{IMAGES}/{ID}/view", 200, BYTES, b"bytes"),
    "the status of nothing": (
        "GET",
        f"{SHOWN}/status",
        404,
        {**NOSNIFF, "content-type": "application/json", "cache-control": "no-store"},
        {"status": "not_found", "available_image": None},
    ),
    "deleted": ("DELETE", SHOWN, 204, NOSNIFF, b""),
    "a method that is not there": (
        "PUT",
        SHOWN,
        405,
        {**NOSNIFF, "allow": "GET, HEAD, DELETE"},
        {**PROBLEM, "status": 405},
    ),
}

WRONG = {
    "a status that its operation does not have": ("GET", SHOWN, 409, NOSNIFF, PROBLEM),
    "a success that its operation does not have": ("GET", SHOWN, 201, NOSNIFF, {"data": UPLOAD}),
    "a status without an operation": ("GET", "/api/unknown", 200, NOSNIFF, {}),
    "a body for a status that has none": ("DELETE", SHOWN, 204, NOSNIFF, b"x"),
    "a media type for no body": (
        "DELETE",
        SHOWN,
        204,
        JSON,
        b"",
    ),
    "another media type": (
        "GET",
        SHOWN,
        200,
        {**NOSNIFF, "content-type": "text/html"},
        {"data": UPLOAD},
    ),
    "an error as plain JSON": (
        "GET",
        SHOWN,
        404,
        JSON,
        PROBLEM,
    ),
    "a field more": ("GET", SHOWN, 200, NOSNIFF, {"data": {**UPLOAD, "colour": "red"}}),
    "a field more outside": ("GET", SHOWN, 200, NOSNIFF, {"data": UPLOAD, "meta": {}}),
    "an error with a field more": ("GET", SHOWN, 404, NOSNIFF, {**PROBLEM, "known": ["image"]}),
    "another type": ("GET", SHOWN, 200, NOSNIFF, {"data": {**UPLOAD, "size": "1"}}),
    "null where it is not allowed": (
        "GET",
        SHOWN,
        200,
        NOSNIFF,
        {"data": {**UPLOAD, "name": None}},
    ),
    "a word of no list": ("GET", SHOWN, 200, NOSNIFF, {"data": {**UPLOAD, "extension": "bmp"}}),
    "no time": ("GET", SHOWN, 200, NOSNIFF, {"data": {**UPLOAD, "created_at": "2025-13-01Z"}}),
    "a time elsewhere": (
        "GET",
        SHOWN,
        200,
        NOSNIFF,
        {"data": {**UPLOAD, "created_at": "2025-01-01T12:00:00+01:00"}},
    ),
    "an id in capitals": ("GET", SHOWN, 200, NOSNIFF, {"data": {**UPLOAD, "id": ID.upper()}}),
    "an error that tells of another status": (
        "GET",
        SHOWN,
        404,
        NOSNIFF,
        {**PROBLEM, "status": 410},
    ),
    "no nosniff": ("GET", SHOWN, 200, {"cache-control": "no-store"}, {"data": UPLOAD}),
    "no Cache-Control": (
        "GET",
        SHOWN,
        200,
        {"x-content-type-options": "nosniff"},
        {"data": UPLOAD},
    ),
    "an answer that caches may keep": (
        "GET",
        SHOWN,
        200,
        {**NOSNIFF, "cache-control": "max-age=60"},
        {"data": UPLOAD},
    ),
    "another Vary": ("GET", SHOWN, 200, {**NOSNIFF, "vary": "Cookie"}, {"data": UPLOAD}),
    "a header that is not described": (
        "GET",
        SHOWN,
        200,
        {**NOSNIFF, "x-powered-by": "x"},
        {"data": UPLOAD},
    ),
    "no Location": ("POST", UPLOADS, 201, NOSNIFF, {"data": UPLOAD}),
    "no Retry-After": ("GET", SHOWN, 503, NOSNIFF, {**PROBLEM, "status": 503}),
    "a Retry-After that is no number": (
        "GET",
        SHOWN,
        503,
        {**NOSNIFF, "retry-after": "soon"},
        {**PROBLEM, "status": 503},
    ),
    "no WWW-Authenticate": ("GET", SHOWN, 401, NOSNIFF, {**PROBLEM, "status": 401}),
    "bytes of a type that is never written": (
        "GET",
        f"{IMAGES}/{ID}/view",
        200,
        {**BYTES, "content-type": "image/heic"},
        b"bytes",
    ),
    "bytes with a weak tag": (
        "GET",
        f"{IMAGES}/{ID}/view",
        200,
        {**BYTES, "etag": 'W/"0123"'},
        b"bytes",
    ),
    "a part without its place": ("GET", f"{IMAGES}/{ID}/view", 206, BYTES, b"bytes"),
    "HEAD with a body": ("HEAD", f"{IMAGES}/{ID}/view", 200, BYTES, b"bytes"),
    "405 that lacks a method": (
        "PUT",
        SHOWN,
        405,
        {**NOSNIFF, "allow": "GET, HEAD"},
        {**PROBLEM, "status": 405},
    ),
    "404 for a method that is not there": ("PUT", SHOWN, 404, NOSNIFF, PROBLEM),
    "a fifth status": (
        "GET",
        f"{SHOWN}/status",
        200,
        STATUS,
        {"status": "expired", "available_image": None},
    ),
    "a status with the fields of another": (
        "GET",
        f"{SHOWN}/status",
        200,
        STATUS,
        {"status": "failed", "available_image": None, "created_at": UPLOAD["created_at"]},
    ),
    "a failure of no known reason": (
        "GET",
        f"{SHOWN}/status",
        200,
        STATUS,
        {"status": "failed", "available_image": None, "error": {"code": "Bored", "message": "x"}},
    ),
    **{
        f"no {name}": ("GET", SHOWN, 200, NOSNIFF, {"data": without(UPLOAD, name)})
        for name in UPLOAD
    },
    **{
        f"an error without {name}": ("GET", SHOWN, 404, NOSNIFF, without(PROBLEM, name))
        for name in PROBLEM
    },
}


@pytest.mark.parametrize("case", RIGHT)
def test_an_answer_as_described_passes(case: str, conformance: Conformance) -> None:
    conformance.check(made(*RIGHT[case]))


@pytest.mark.parametrize("case", WRONG)
def test_an_answer_that_is_not_as_described_is_refused(case: str, conformance: Conformance) -> None:
    with pytest.raises(UndocumentedError):
        conformance.check(made(*WRONG[case]))


async def test_the_tests_client_refuses_what_is_not_described(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hook is in place: one field more in what the application itself answers is noticed."""
    monkeypatch.setattr(
        "safelight_api.representations.upload", lambda _: {**UPLOAD, "colour": "red"}
    )
    upload = api.client.post(UPLOADS, files={"file": ("a.jpg", b"\xff\xd8\xff\xe0" * 20)})
    with pytest.raises(UndocumentedError, match="colour"):
        await upload
