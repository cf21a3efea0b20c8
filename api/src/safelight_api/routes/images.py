"""/api/available-image: processed images, their comments and their bytes."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from safelight_api import (
    comments,
    errors,
    names,
    negotiation,
    prefixing,
    representations,
    services,
)
from safelight_api.body import BodyLimits, check_coding, check_length, chunks
from safelight_api.conditions import UnsatisfiableRangeError, byte_range, matches
from safelight_api.objects import ObjectStream, StorageError
from safelight_api.projections import Image
from safelight_api.routes.common import JsonResponse, id_of, no_content, page_of, resource
from safelight_contract import keys, policy
from safelight_contract.resources import StoredImage

logger = logging.getLogger(__name__)

PATH: Final = representations.IMAGES_PATH
SEND_SECONDS: Final = 30
"""How long a client may take to accept the next piece of an image."""
_MAX_AGE: Final = 24 * 60 * 60

_VARY: Final = "Authorization"

_BYTES_HEADERS: Final[Mapping[str, str]] = {
    "accept-ranges": "bytes",
    # The bytes of an id never change. They are for whoever has the token that they were got with.
    "cache-control": f"private, max-age={_MAX_AGE}, immutable",
    "vary": _VARY,
    # Nothing in them is ever run, whatever a browser takes them for.
    "content-security-policy": "sandbox; default-src 'none'",
    "cross-origin-resource-policy": "same-origin",
}


async def index(request: Request) -> Response:
    """List images, newest first."""
    service = services.of(request)
    if not service.are_synced:
        raise errors.unavailable()
    page = page_of(request)
    prefix = prefixing.of(request.scope)
    found = service.cache.ready_images.newest(page.start, page.size)
    items = [service.cache.images.get(name) for name in found]
    return JsonResponse(
        representations.page_of(
            f"{prefix}{PATH}",
            page,
            [representations.image(item, prefix) for item in items if item is not None],
            len(service.cache.ready_images),
        )
    )


async def show(request: Request) -> Response:
    """Return one image."""
    return _answer(request, await _found(request))


async def update(request: Request) -> Response:
    """Set or remove the comment."""
    service = services.of(request)
    image = await _found(request)
    limits = BodyLimits(
        max_bytes=comments.MAX_BODY_BYTES,
        idle_seconds=service.settings.upload_idle_seconds,
        total_seconds=service.settings.upload_total_seconds,
        least_rate=service.settings.upload_least_rate,
    )
    check_length(request.headers.get("content-length"), limits)
    check_coding(request.headers.getlist("content-encoding"), comments.FIELD)
    body = b"".join([chunk async for chunk in chunks(request.receive, limits)])
    comment = comments.parse(
        request.headers.get("content-type"), body, is_required=request.method == "PUT"
    )
    if isinstance(comment, comments.NoChange):
        return _answer(request, image)
    changed = await service.images.comment(image, comment)
    if changed is None:
        raise errors.not_found()
    return _answer(request, changed)


def _answer(request: Request, image: Image) -> Response:
    return JsonResponse({"data": representations.image(image, prefixing.of(request.scope))})


async def delete(request: Request) -> Response:
    """Delete an image and its objects."""
    if not await services.of(request).images.delete(await _found(request)):
        raise errors.not_found()
    return no_content()


async def view(request: Request) -> Response:
    """Send one of the image's files, to be shown: in the format that suits the client best."""
    image = await _found(request)
    name, files = _files(request, image)
    file = negotiation.choose(
        ", ".join(request.headers.getlist("accept")), files, image.format.media_type
    )
    headers = {"content-disposition": "inline"}
    if len(files) > 1:
        image_format = policy.format_of(file.media_type)
        headers["vary"] = f"Accept, {_VARY}"
        headers["content-location"] = representations.variant_url(
            image.id, name, image_format.word, prefixing.of(request.scope)
        )
    return await _send(request, image, file, headers)


async def download(request: Request) -> Response:
    """Send one of the image's files, to be saved under the original name.

    What browsers accept says nothing of the programs that files are saved for, so the format is
    that of the image itself, unless another one is asked for.
    """
    image = await _found(request)
    name, files = _files(request, image)
    file = negotiation.choose(None, files, image.format.media_type)
    file_name = names.for_download(
        image.spec.file_name,
        policy.format_of(file.media_type),
        None if name == keys.MAIN else name,
    )
    disposition = names.attachment(file_name, image.id)
    return await _send(request, image, file, {"content-disposition": disposition})


def _files(request: Request, image: Image) -> tuple[str, list[StoredImage]]:
    """Return the name that the query asks for, and the files of that name that it may mean.

    Raises:
        ApiError: 404, the image has none such.
    """
    name = request.query_params.get("variant", keys.MAIN)
    files = image.files(name)
    if not files:
        known = dict.fromkeys([keys.MAIN, *(variant.name for variant in image.variants())])
        raise errors.no_such_file("variant", list(known))
    word = request.query_params.get("format")
    if word is None:
        return name, files
    by_word = {policy.format_of(file.media_type).word: file for file in files}
    if word not in by_word:
        raise errors.no_such_file("format", list(by_word))
    return name, [by_word[word]]


async def _send(
    request: Request, image: Image, stored: StoredImage, more: Mapping[str, str]
) -> Response:
    """Answer with the bytes of one of an image's files, or why not."""
    etag = f'"{stored.sha256}"'
    headers = {**_BYTES_HEADERS, "etag": etag, **more}
    if matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    try:
        part = byte_range(
            request.headers.get("range"), request.headers.get("if-range"), etag, stored.size
        )
    except UnsatisfiableRangeError:
        raise errors.ApiError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"The image has {stored.size} bytes.",
            headers={"Content-Range": f"bytes */{stored.size}"},
        ) from None
    if request.method == "HEAD":
        # A range is defined for GET alone, and the record tells the rest.
        return Response(
            headers=headers | {"content-length": str(stored.size)}, media_type=stored.media_type
        )
    service = services.of(request)
    stream = await service.images.open(image, stored, part)
    if stream is None:
        raise errors.not_found()
    service.metrics.images_sent.labels(policy.format_of(stored.media_type).word).inc()
    if part is None:
        return StreamResponse(stream, HTTPStatus.OK, headers, stored.media_type, stored.size)
    headers["content-range"] = f"bytes {part.first}-{part.last}/{stored.size}"
    return StreamResponse(stream, HTTPStatus.PARTIAL_CONTENT, headers, stored.media_type, len(part))


class StreamResponse(Response):
    """Sends the bytes of an object as they come from the object storage.

    When the storage breaks off, or the client takes nothing for `SEND_SECONDS`, the answer is left
    incomplete, which closes the connection: the client sees that bytes are missing.
    """

    def __init__(
        self,
        stream: ObjectStream,
        status_code: int,
        headers: Mapping[str, str],
        media_type: str,
        size: int,
    ) -> None:
        super().__init__(
            status_code=status_code,
            headers={**headers, "content-length": str(size)},
            media_type=media_type,
        )
        self._stream = stream

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send everything."""
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            async with contextlib.aclosing(self._stream.pieces()) as pieces:
                async for piece in pieces:
                    async with asyncio.timeout(SEND_SECONDS):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (StorageError, TimeoutError) as error:
            logger.warning("an image was not sent whole", extra={"error": repr(error)})
        finally:
            self._stream.close()


async def _found(request: Request) -> Image:
    image = await services.of(request).reader.image(id_of(request))
    if image is None:
        raise errors.not_found()
    return image


ROUTES: Final[Sequence[BaseRoute]] = (
    resource(f"{PATH}/{{id}}/view", {"GET": view}),
    resource(f"{PATH}/{{id}}/download", {"GET": download}),
    resource(f"{PATH}/{{id}}", {"GET": show, "PUT": update, "PATCH": update, "DELETE": delete}),
    resource(PATH, {"GET": index}),
)
