"""/api/image-upload: uploads, and the status that clients poll."""

import hashlib
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from safelight_api import errors, prefixing, representations, services
from safelight_api.body import BodyLimits, check_coding, check_length, chunks
from safelight_api.conditions import matches
from safelight_api.multipart import FIELD, MAX_OVERHEAD_BYTES
from safelight_api.projections import Upload
from safelight_api.routes.common import (
    JsonResponse,
    encode,
    id_of,
    no_content,
    page_of,
    resource,
)
from safelight_api.settings import Settings
from safelight_contract import keys, line

PATH: Final = "/api/image-upload"
POLL_SECONDS: Final = "1"
"""When to poll again, as the specification advises."""
_JSON: Final = JsonResponse.media_type


async def create(request: Request) -> Response:
    """Take an image in."""
    service = services.of(request)
    settings = service.settings
    limits = BodyLimits(
        max_bytes=settings.max_upload_bytes + MAX_OVERHEAD_BYTES,
        idle_seconds=settings.upload_idle_seconds,
        total_seconds=settings.upload_total_seconds,
        least_rate=settings.upload_least_rate,
        told_bytes=settings.max_upload_bytes,
    )
    length = check_length(request.headers.get("content-length"), limits)
    check_coding(request.headers.getlist("content-encoding"), FIELD)
    if not service.are_synced:
        raise errors.unavailable()
    client = _client(request)
    with service.admission.admitted(client):
        async with service.receiver.receive(
            request.headers.get("content-type"), chunks(request.receive, limits), length
        ) as received:
            upload = await service.uploads.create(received, client)
            service.metrics.upload_bytes.inc(received.size)
    return JsonResponse(
        {"data": representations.upload(upload)},
        status_code=HTTPStatus.CREATED,
        headers={"Location": f"{_path(request)}/{upload.id}"},
    )


async def index(request: Request) -> Response:
    """List uploads, newest first: those under way and those that have failed."""
    service = services.of(request)
    if not service.are_synced:
        raise errors.unavailable()
    page = page_of(request)
    found = service.cache.all_uploads.newest(page.start, page.size)
    items = [service.cache.uploads.get(name) for name in found]
    body = representations.page_of(
        _path(request),
        page,
        [representations.upload(item) for item in items if item is not None],
        len(service.cache.all_uploads),
    )
    body["meta"] |= accepted(service.settings)
    return JsonResponse(body)


def accepted(settings: Settings) -> dict[str, list[str]]:
    """Return what a list of uploads says beside its place: what can be uploaded."""
    return {"accepted": [each.media_type for each in settings.accepted_formats]}


async def show(request: Request) -> Response:
    """Return one upload."""
    return JsonResponse({"data": representations.upload(await _found(request))})


async def retry(request: Request) -> Response:
    """Have a failed upload processed again, without a new one."""
    service = services.of(request)
    with service.admission.admitted(_client(request)):
        upload = await service.uploads.retry(id_of(request), _client(request))
    return JsonResponse(
        {"data": representations.upload(upload)},
        status_code=HTTPStatus.ACCEPTED,
        headers={"Location": f"{_path(request)}/{upload.id}/status"},
    )


async def delete(request: Request) -> Response:
    """Delete an upload, also while it is being processed."""
    if not await services.of(request).uploads.delete(await _found(request)):
        raise errors.not_found()
    return no_content()


async def status(request: Request) -> Response:
    """Answer a poll; the cache answers nearly all."""
    service = services.of(request)
    named: str = request.path_params["id"]
    item = service.cache.state(named)
    if item is None and (upload_id := keys.id_of(named)) is not None:
        item = await service.reader.state(upload_id)
    ahead = service.cache.pending.ahead(item) if isinstance(item, Upload) else 0
    body = encode(representations.status(item, ahead, prefixing.of(request.scope)))
    if item is None:
        return Response(body, HTTPStatus.NOT_FOUND, {"cache-control": errors.NOT_STORED}, _JSON)
    etag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"etag": etag, "cache-control": errors.ASKED_AGAIN}
    if isinstance(item, Upload) and item.failure is None:
        headers["retry-after"] = POLL_SECONDS
    if matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, headers=headers, media_type=_JSON)


def _path(request: Request) -> str:
    """Return the path of uploads as the client sees it."""
    return f"{prefixing.of(request.scope)}{PATH}"


def _client(request: Request) -> str:
    return line.client_name(request.scope["client_name"])


async def _found(request: Request) -> Upload:
    upload = await services.of(request).reader.upload(id_of(request))
    if upload is None:
        raise errors.not_found()
    return upload


ROUTES: Final[Sequence[BaseRoute]] = (
    resource(f"{PATH}/{{id}}/status", {"GET": status}),
    resource(f"{PATH}/{{id}}/retry", {"POST": retry}),
    resource(f"{PATH}/{{id}}", {"GET": show, "DELETE": delete}),
    resource(PATH, {"GET": index, "POST": create}),
)
