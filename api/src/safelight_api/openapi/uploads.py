"""The operations on uploads."""

from http import HTTPStatus
from typing import Final

from safelight_api import errors, fields
from safelight_api.multipart import FIELD, FORM
from safelight_api.openapi.building import (
    Json,
    answer,
    operation,
    parameter,
    response,
    samples,
    schema,
    titled,
)
from safelight_api.openapi.problems import problem
from safelight_api.routes import uploads
from safelight_api.settings import Settings

TAG: Final = "uploads"
_PAGE: Final = ("Page", "PerPage")


def paths(settings: Settings) -> Json:
    """Return the paths with their operations."""
    of_one = {"parameters": [parameter("Id")]}
    return {
        uploads.PATH: {"get": _list(), "post": _create(settings)},
        f"{uploads.PATH}/{{id}}": of_one | {"get": _show(), "delete": _delete()},
        f"{uploads.PATH}/{{id}}/status": of_one | {"get": _status()},
        f"{uploads.PATH}/{{id}}/retry": of_one | {"post": _retry()},
    }


def form(settings: Settings) -> Json:
    """Return the schema of the form that an image is uploaded with."""
    names = ", ".join(image_format.word.upper() for image_format in settings.accepted_formats)
    return {
        "type": "object",
        "description": "One file. Text fields beside it are ignored, but for a few that are refused"
        f": {', '.join(fields.FORBIDDEN)}, and a `{fields.NAME}` that is not the file's. At most"
        f" {fields.MAX_FIELDS} of them, with {fields.MAX_TEXT_BYTES} bytes in all.",
        "required": [FIELD],
        "propertyNames": {"not": {"enum": list(fields.FORBIDDEN)}},
        "properties": {
            FIELD: {
                "type": "string",
                "format": "binary",
                "contentMediaType": "application/octet-stream",
                "description": f"The image: {names}, told from its first bytes, whatever its name"
                f" or declared type says. At most {settings.max_upload_bytes} bytes.",
                "maxLength": settings.max_upload_bytes,
            },
            fields.NAME: {"type": "string", "description": "The file's name, again."},
        },
    }


def _list() -> Json:
    return operation(
        titled(
            "listUploads",
            TAG,
            "List uploads",
            "Those that are under way and those that have failed, newest first.",
        ),
        {
            HTTPStatus.OK: answer(
                "A page; one beyond the last is empty.",
                schema("UploadPage"),
                shown=samples("UploadPage"),
            ),
            HTTPStatus.UNPROCESSABLE_ENTITY: response("InvalidPage"),
        },
        parameters=map(parameter, _PAGE),
    )


def _create(settings: Settings) -> Json:
    accepted = ", ".join(image_format.media_type for image_format in settings.accepted_formats)
    refused = (
        errors.invalid(FIELD, "The file field is required, once, with the image in it."),
        errors.not_accepted(FIELD, settings.accepted_formats),
    )
    return operation(
        titled(
            "uploadImage",
            TAG,
            "Upload an image",
            "After the 201 the upload is durable: it ends as an image or as `failed`, whatever"
            " restarts. Then poll its status. After a 4xx nothing is left behind. After a 503, or"
            " when the connection broke before the answer, the upload may exist nevertheless,"
            " under an id that you do not know; posting again is safe and makes another upload.",
        ),
        {
            HTTPStatus.CREATED: _upload_answer("It is stored, and will be processed."),
            HTTPStatus.REQUEST_TIMEOUT: response("TooSlow"),
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE: problem(
                "The file is too large, by `Content-Length` or as counted.",
                errors.too_large(settings.max_upload_bytes),
            ),
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE: problem(
                "The body is not `multipart/form-data`, or is in a content coding.",
                errors.unsupported(FIELD, "Send the image as multipart/form-data."),
                kind="InvalidProblem",
                headers={"Accept-Encoding": "AcceptEncoding"},
            ),
            HTTPStatus.UNPROCESSABLE_ENTITY: problem(
                "There is no file, an empty one, two, or one under another name; the form is"
                " malformed; the file is in no accepted format; a field is there that must not be;"
                f" or there are too many (`errors.{FORM}`). `errors.{FIELD}` is there whenever the"
                " file is what is missing.",
                *refused,
                kind="UploadProblem",
            ),
            HTTPStatus.TOO_MANY_REQUESTS: response("TooManyUploads"),
        },
        body={
            "description": "A form with one file.",
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": schema("UploadForm"),
                    "encoding": {FIELD: {"contentType": accepted}},
                }
            },
        },
    )


def _show() -> Json:
    return operation(
        titled(
            "getUpload",
            TAG,
            "Get an upload",
            "Once it has become an image it is an upload no more: ask for its status instead, which"
            " follows it.",
        ),
        {
            HTTPStatus.OK: answer("The upload.", schema("UploadAnswer"), shown=samples("Upload")),
            HTTPStatus.NOT_FOUND: response("NotFound"),
        },
    )


def _delete() -> Json:
    return operation(
        titled(
            "deleteUpload",
            TAG,
            "Delete an upload",
            "Also while it is being processed: it never becomes an image then. After a 503 the"
            " outcome is unknown; repeat the request, and take 404 as done.",
        ),
        {
            HTTPStatus.NO_CONTENT: answer("It is deleted."),
            HTTPStatus.NOT_FOUND: response("NotFound"),
        },
    )


def _status() -> Json:
    kept = {"ETag": "WeakTag", "Cache-Control": "CacheControl", "Retry-After": "PollAfter"}
    return operation(
        titled(
            "getUploadStatus",
            TAG,
            "Poll the status",
            "From the 201 of the upload on it is `processing` any number of times, then"
            " `processed` or `failed`; never `not_found` in between. Poll about once a second. A"
            " 503 says nothing about the upload: poll again.",
        ),
        {
            HTTPStatus.OK: answer(
                "Where it stands.",
                schema("Status"),
                shown=samples("Processing", "Processed", "Failed"),
                headers=kept,
            ),
            HTTPStatus.NOT_MODIFIED: answer("It stands where it stood.", headers=kept),
            HTTPStatus.NOT_FOUND: answer(
                "There is neither an upload nor an image of this id, or it is no id.",
                schema("StatusNotFound"),
                shown=samples("NotFound"),
                headers={"Cache-Control": "CacheControl"},
            ),
        },
        parameters=[parameter("IfNoneMatch")],
    )


def _retry() -> Json:
    return operation(
        titled(
            "retryUpload",
            TAG,
            "Process a failed upload again",
            "From the original that is still stored, without a new upload. A retry makes sense"
            " once the cause is gone. After a 503 the outcome is unknown: repeat the request, and"
            " take 409 as done.",
        ),
        {
            HTTPStatus.ACCEPTED: _upload_answer("It is under way again: poll its status."),
            HTTPStatus.NOT_FOUND: response("NotFound"),
            HTTPStatus.CONFLICT: problem(
                "It has not failed: it is under way, also because of an earlier retry; it is an"
                " image; or it failed so long ago that it is being removed.",
            ),
            HTTPStatus.TOO_MANY_REQUESTS: response("TooManyUploads"),
        },
    )


def _upload_answer(description: str) -> Json:
    made = answer(
        description,
        schema("UploadAnswer"),
        shown=samples("Upload"),
        headers={"Location": "Location"},
    )
    poll = {"operationId": "getUploadStatus", "parameters": {"id": "$response.body#/data/id"}}
    return made | {"links": {"status": poll}}
