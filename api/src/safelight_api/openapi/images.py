"""The operations on available images."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from safelight_api import comments, errors
from safelight_api.openapi.building import (
    JSON,
    Json,
    answer,
    operation,
    parameter,
    record,
    response,
    samples,
    schema,
    text,
    titled,
    without_body,
)
from safelight_api.openapi.problems import problem
from safelight_api.routes import images
from safelight_contract import keys, policy

TAG: Final = "images"
_FILE: Final = ("Variant", "Format", "IfNoneMatch", "Range", "IfRange")
_FILE_HEADERS: Final[Mapping[str, str]] = {
    "ETag": "StrongTag",
    "Cache-Control": "CacheControl",
    "Vary": "Vary",
    "Accept-Ranges": "AcceptRanges",
    "Content-Disposition": "ContentDisposition",
    "Content-Security-Policy": "ContentSecurityPolicy",
    "Cross-Origin-Resource-Policy": "CrossOriginResourcePolicy",
}
_CHOSEN: Final = (
    "Where a variant is there in several formats and the query names none, the format is the one"
    " with the highest weight in `Accept`, and among equal ones the file with the fewest bytes; a"
    " format that is only covered by a wildcard comes after that of the image itself."
    " `Content-Location` then has the address of the file that was chosen."
)


def paths(responses: Json) -> Json:
    """Return the paths with their operations.

    Args:
        responses: those that operations share.
    """
    of_one = {"parameters": [parameter("Id")]}
    return {
        images.PATH: {"get": _list()},
        f"{images.PATH}/{{id}}": of_one
        | {
            "get": _show(),
            "put": _change("setImageComment", "Set or remove the comment", "NewComment"),
            "patch": _change("updateImage", "Change what can be changed", "CommentChange"),
            "delete": _delete(),
        },
        f"{images.PATH}/{{id}}/view": of_one
        | _file(
            "viewImage",
            "View",
            f"The bytes of the image or of one of its variants, to be shown. {_CHOSEN}",
            {**_FILE_HEADERS, "Content-Location": "ContentLocation"},
            responses,
        ),
        f"{images.PATH}/{{id}}/download": of_one
        | _file(
            "downloadImage",
            "Download",
            "The bytes of the image or of one of its variants, to be saved under the original name."
            " The format is that of the image itself, unless the query names another one.",
            _FILE_HEADERS,
            responses,
        ),
    }


def bodies() -> Json:
    """Return the schemas of the requests' bodies by name."""
    comment = text(
        "Null removes it.", maxLength=policy.MAX_COMMENT_LENGTH, examples=["the harbour at night"]
    )
    fields = {"comment": comment | {"type": ["string", "null"]}}
    closed = {"additionalProperties": False}
    return {
        "NewComment": record("The new comment.", fields) | closed,
        "CommentChange": record("What is to change.", fields, optional=fields) | closed,
    }


def responses() -> Json:
    """Return the answers that these operations share, by name."""
    return {
        "Image": answer("The image, as it is now.", schema("ImageAnswer"), shown=samples("Image")),
        "TooLarge": problem("The body is too large.", errors.too_large(comments.MAX_BODY_BYTES)),
        "NoJson": problem(
            "The body is not JSON by its type, or is in a content coding.",
            errors.unsupported(comments.FIELD, "Send the comment as application/json."),
            kind="InvalidProblem",
            headers={"Accept-Encoding": "AcceptEncoding"},
        ),
        "NoComment": problem(
            "There is another field, or a comment that is none.",
            errors.invalid("comment", "The comment must be a string or null."),
            kind="InvalidProblem",
        ),
        "NoSuchFile": problem(
            "There is no such image, or it has no such variant or format.",
            errors.not_found(),
            errors.no_such_file("variant", [keys.MAIN, "w320", "w640"]),
            kind="FileProblem",
        ),
        "NoSuchRange": problem(
            "No byte of the range exists.", headers={"Content-Range": "SizeRange"}
        ),
    }


def _list() -> Json:
    return operation(
        titled(
            "listImages",
            TAG,
            "List images",
            "Newest first.",
        ),
        {
            HTTPStatus.OK: answer(
                "A page; one beyond the last is empty.",
                schema("ImagePage"),
                shown=samples("ImagePage"),
            ),
            HTTPStatus.UNPROCESSABLE_ENTITY: response("InvalidPage"),
        },
        parameters=[parameter("Page"), parameter("PerPage")],
    )


def _show() -> Json:
    return operation(
        titled(
            "getImage",
            TAG,
            "Get an image",
            "All that is known of it, with the addresses of its files.",
        ),
        {HTTPStatus.OK: response("Image"), HTTPStatus.NOT_FOUND: response("NotFound")},
    )


def _change(name: str, summary: str, body: str) -> Json:
    return operation(
        titled(
            name,
            TAG,
            summary,
            "Only the comment can be changed. The last writer wins.",
        ),
        {
            HTTPStatus.OK: response("Image"),
            HTTPStatus.NOT_FOUND: response("NotFound"),
            HTTPStatus.REQUEST_TIMEOUT: response("TooSlow"),
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE: response("TooLarge"),
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE: response("NoJson"),
            HTTPStatus.UNPROCESSABLE_ENTITY: response("NoComment"),
        },
        body={
            "description": "JSON with a comment, and nothing else.",
            "required": True,
            "content": {JSON: {"schema": schema(body)}},
        },
    )


def _delete() -> Json:
    return operation(
        titled(
            "deleteImage",
            TAG,
            "Delete an image",
            "With its bytes and its variants. After a 503 the outcome is unknown; repeat the"
            " request, and take 404 as done.",
        ),
        {
            HTTPStatus.NO_CONTENT: answer("It is deleted."),
            HTTPStatus.NOT_FOUND: response("NotFound"),
        },
    )


def _file(
    name: str, summary: str, description: str, headers: Mapping[str, str], responses: Json
) -> Json:
    """Return GET and HEAD of a file."""
    answers = {
        HTTPStatus.OK: _bytes("The bytes.", headers),
        HTTPStatus.PARTIAL_CONTENT: _bytes(
            "The bytes of the range.", {**headers, "Content-Range": "ContentRange"}
        ),
        HTTPStatus.NOT_MODIFIED: answer("The bytes are those that you have.", headers=headers),
        HTTPStatus.NOT_FOUND: response("NoSuchFile"),
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: response("NoSuchRange"),
    }
    parameters = [parameter(each) for each in _FILE]
    get = operation(titled(name, TAG, summary, description), answers, parameters=parameters)
    head = operation(
        titled(
            f"{name}Headers",
            TAG,
            f"{summary}: headers alone",
            "As GET, without the bytes; a range changes nothing, unless none of its bytes exists.",
        ),
        {},
        parameters=parameters,
    )
    head["responses"] = {
        status: without_body(responses[told["$ref"].rpartition("/")[2]] if "$ref" in told else told)
        for status, told in get["responses"].items()
        if status != str(int(HTTPStatus.PARTIAL_CONTENT))
    }
    return {"get": get, "head": head}


def _bytes(description: str, headers: Mapping[str, str]) -> Json:
    content = {"schema": schema("Bytes")}
    made = answer(description, headers=headers)
    made["content"] = {image_format.media_type: content for image_format in policy.OUTPUTS}
    return made
