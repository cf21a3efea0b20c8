"""The application within the test's process, and what every answer of it must be like."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
from starlette.applications import Starlette

from safelight_api.app import create_app
from safelight_api.services import Services
from safelight_api.settings import Settings
from safelight_contract.resources import IMAGE_UPLOAD
from tests.api import making
from tests.api.conformance import Conformance
from tests.api.playing import PlayedOperator
from tests.support.waiting import connections_closed, descriptors

UPLOADS = "/api/image-upload"
IMAGES = "/api/available-image"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
UPLOAD_FIELDS = [
    "id",
    "path",
    "name",
    "extension",
    "mime_type",
    "size",
    "created_at",
    "updated_at",
]
"""Of an upload in an answer, in their order."""

JPEG = b"\xff\xd8\xff\xe0" + b"no picture, but nobody looks further" * 10
PNG = b"\x89PNG\r\n\x1a\n" + b"more"
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 "
AVIF = b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avifmiaf" + b"more" * 20
GIF = b"GIF89a" + b"\x01\x00\x01\x00\x80\x00\x00"
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + b"more" * 20


@dataclass(frozen=True, slots=True)
class Api:
    """A started application and a client of it."""

    app: Starlette
    client: httpx.AsyncClient
    services: Services

    async def upload(self, data: bytes = JPEG, name: str = "a.jpg") -> dict[str, Any]:
        """Upload a file and return the answer's data."""
        answer = await self.client.post(UPLOADS, files={"file": (name, data)})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()["data"]
        return found

    async def status(self, upload_id: str) -> dict[str, Any]:
        """Poll once."""
        answer = await self.client.get(f"{UPLOADS}/{upload_id}/status")
        assert answer.status_code in {200, 404}, answer.text
        body: dict[str, Any] = answer.json()
        assert (answer.status_code == 404) == (body["status"] == "not_found")
        return body


@asynccontextmanager
async def started(
    settings: Settings, token: str, *, watch_silence: float = 5
) -> AsyncIterator[Api]:
    """Start the application; its watches have listed when the block begins.

    Every answer is held against the description of the API, whatever the test looks at.
    """
    before = descriptors()
    app = create_app(settings, watch_silence=watch_silence)
    conformance = Conformance(making.description(settings))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://api.test",
            headers={"Authorization": f"Bearer {token}"},
            event_hooks={"response": [conformance.hook]},
        ) as client,
    ):
        services: Services = app.state.services
        await eventually(lambda: services.are_synced)
        yield Api(app, client, services)
    await connections_closed(before)


async def eventually(
    is_so: Callable[[], bool | Awaitable[bool]], seconds: float = 10, every: float = 0.01
) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while True:
            answer = is_so()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(every)


INSIDE = ("127.0.0", "localhost", "Traceback", "safelight_api", "image_uploads/", "versitygw")
"""What no error may tell: hosts, keys, classes, stacks."""


def assert_problem(
    answer: httpx.Response,
    status: int,
    *,
    fields: list[str] | None = None,
    more: str | None = None,
) -> dict[str, Any]:
    """Check that an answer is an error of the one shape that all errors have.

    Args:
        answer: to check.
        status: that it must have.
        fields: that `errors` must name, on 422.
        more: a further member that this error has.
    """
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not any(text in answer.text for text in INSIDE), answer.text
    body: dict[str, Any] = answer.json()
    assert body["type"] == "about:blank"
    assert body["title"] == HTTPStatus(status).phrase
    assert body["status"] == status
    assert body["detail"]
    assert body["message"] == body["detail"]
    expected = {"type", "title", "status", "detail", "message"}
    if fields is not None:
        expected |= {"errors"}
        assert list(body["errors"]) == fields
        assert all(texts and all(texts) for texts in body["errors"].values())
    assert set(body) == expected | ({more} if more else set())
    if status in {429, 503}:
        assert int(answer.headers["retry-after"]) > 0
    if status == 401:
        assert body["message"] == "Unauthenticated."
        assert answer.headers["www-authenticate"].startswith("Bearer")
    return body


def assert_safe(headers: httpx.Headers) -> None:
    """Check that a browser runs nothing of what it gets."""
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["cross-origin-resource-policy"] == "same-origin"


async def assert_nothing_is_left(api: Api, operator: PlayedOperator) -> None:
    """Check that a refused upload has left neither bytes nor a resource."""
    assert operator.bucket.stored() == []
    assert await operator.names(IMAGE_UPLOAD) == []
    assert api.services.receiver.held_bytes == 0
    directory = api.services.settings.temporary_directory
    assert directory is not None
    assert list(directory.iterdir()) == []
