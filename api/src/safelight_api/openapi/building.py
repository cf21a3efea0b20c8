"""The pieces that a description is built of. They know OpenAPI, and nothing of this API."""

from collections.abc import Collection, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

Json = dict[str, Any]

JSON: Final = "application/json"
_NO_BODY: Final = ("content", "links")


def schema(name: str) -> Json:
    """Return a reference to a schema of the description."""
    return {"$ref": f"#/components/schemas/{name}"}


def header(name: str) -> Json:
    """Return a reference to a header of the description."""
    return {"$ref": f"#/components/headers/{name}"}


def parameter(name: str) -> Json:
    """Return a reference to a parameter of the description."""
    return {"$ref": f"#/components/parameters/{name}"}


def response(name: str) -> Json:
    """Return a reference to a response of the description."""
    return {"$ref": f"#/components/responses/{name}"}


def record(description: str, fields: Mapping[str, Json], *, optional: Collection[str] = ()) -> Json:
    """Return the schema of an object that has all of some fields, but for the optional ones.

    It does not forbid others: later versions may add some, and clients must bear that.
    """
    return {
        "type": "object",
        "description": description,
        "required": [name for name in fields if name not in optional],
        "properties": dict(fields),
    }


def text(description: str, **more: Any) -> Json:  # noqa: ANN401 - keywords of JSON Schema
    """Return the schema of a string."""
    return {"type": "string", "description": description, **more}


def count(description: str, least: int = 0, **more: Any) -> Json:  # noqa: ANN401 - the same
    """Return the schema of a whole number."""
    return {"type": "integer", "description": description, "minimum": least, **more}


def one_of_the_words(description: str, words: Iterable[str]) -> Json:
    """Return the schema of a string from a closed list."""
    return text(description, enum=[str(word) for word in words])


def explained(description: str, words: Mapping[Any, str]) -> Json:
    """Return the schema of a string from a closed list, each word with its meaning."""
    lines = [description, "", *(f"- `{word}`: {meaning}" for word, meaning in words.items())]
    return one_of_the_words("\n".join(lines), words)


def several(description: str, items: Json, **more: Any) -> Json:  # noqa: ANN401 - the same
    """Return the schema of a list."""
    return {"type": "array", "description": description, "items": items, **more}


def or_null(made: Json) -> Json:
    """Return a schema that allows null too."""
    if "$ref" in made:
        return {"anyOf": [made, {"type": "null"}]}
    return made | {"type": [made["type"], "null"]}


def samples(*names: str) -> Json:
    """Return references to examples of the description."""
    return {name: {"$ref": f"#/components/examples/{name}"} for name in names}


def answer(
    description: str,
    body: Json | None = None,
    *,
    media_type: str = JSON,
    shown: Json | None = None,
    headers: Mapping[str, str] | None = None,
) -> Json:
    """Return the description of an answer.

    Args:
        description: when it comes.
        body: its schema; None: it has no body.
        media_type: of the body.
        shown: examples of the body, by name.
        headers: by their names, the description's names of them.
    """
    made: Json = {"description": description}
    if headers:
        made["headers"] = {name: header(told) for name, told in headers.items()}
    if body is not None:
        made["content"] = {
            media_type: {"schema": body} | ({"examples": shown} if shown else {}),
        }
    return made


def titled(name: str, tag: str, summary: str, description: str) -> Json:
    """Return what an operation is called.

    Args:
        name: its operationId, which generators make a method's name of.
        tag: the group that it is in.
        summary: in a few words.
        description: in full.
    """
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "description": description,
    }


def operation(
    title: Json,
    answers: Mapping[HTTPStatus, Json],
    *,
    parameters: Iterable[Json] = (),
    body: Json | None = None,
    is_open: bool = False,
) -> Json:
    """Return the description of an operation.

    Args:
        title: as `titled` returns it.
        answers: by status; those that every operation has are added.
        parameters: of query and headers.
        body: the description of the request's body.
        is_open: it needs no token.
    """
    made = dict(title)
    if parameters := list(parameters):
        made["parameters"] = parameters
    if body is not None:
        made["requestBody"] = body
    if is_open:
        made["security"] = []
    everywhere: dict[HTTPStatus, Json] = {
        HTTPStatus.INTERNAL_SERVER_ERROR: response("InternalError"),
        HTTPStatus.SERVICE_UNAVAILABLE: response("Unavailable"),
    }
    if not is_open:
        everywhere[HTTPStatus.UNAUTHORIZED] = response("Unauthenticated")
        everywhere[HTTPStatus.TOO_MANY_REQUESTS] = response("TooManyRequests")
    made["responses"] = {
        str(int(status)): told for status, told in sorted({**everywhere, **answers}.items())
    }
    return made


def without_body(made: Json) -> Json:
    """Return an answer as HEAD gets it."""
    return {name: value for name, value in made.items() if name not in _NO_BODY}
