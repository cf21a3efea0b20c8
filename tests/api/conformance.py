"""Holds answers against the description of the API: what it does not promise is refused."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

EVERYWHERE: Final = frozenset(
    {"content-type", "content-length", "x-content-type-options", "cache-control"}
)
"""Headers that need no description of their own."""
_NOT_FOR_ALL: Final = frozenset({"private", "no-cache", "no-store"})
"""Of which every answer's Cache-Control has one (RFC 9111, section 5.2.2)."""
_URI: Final = "urn:safelight:openapi"
_PROBLEM: Final = "#/components/schemas/Problem"
_TEXT: Final = {"required": True, "schema": {"type": "string"}}
_OUTSIDE: Final[Mapping[int, Mapping[str, Any]]] = {
    401: {"WWW-Authenticate": _TEXT},
    404: {},
    405: {"Allow": _TEXT},
}
"""What requests may get for which there is no operation, with the headers."""


class UndocumentedError(AssertionError):
    """An answer is not as the description says."""


class Conformance:
    """Checks answers against one description.

    Clients must bear fields that they do not know, so the description allows them; a test does not:
    here objects have no other fields than those that are described.

    Args:
        document: the description, as it was read from JSON.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document: dict[str, Any] = closed(document)
        resource = DRAFT202012.create_resource(self._document)
        self._registry: Registry[Any] = Registry().with_resource(_URI, resource)
        self._paths = {
            re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))): path
            for path in self._document["paths"]
        }

    async def hook(self, answer: httpx.Response) -> None:
        """Check every answer that a client gets, before the test has it."""
        await answer.aread()
        self.check(answer)

    def check(self, answer: httpx.Response) -> None:
        """Check one answer.

        Raises:
            UndocumentedError: it is not as described.
        """
        try:
            self._check(answer)
        except UndocumentedError as error:
            error.add_note(f"{answer.request.method} {answer.request.url}: {answer.status_code}")
            error.add_note(f"{answer.headers}\n{answer.content[:2000]!r}")
            raise

    def invalid(self, schema: Mapping[str, Any], value: object) -> list[str]:
        """Return what is wrong with a value.

        Args:
            schema: of the description; its references lead into it.
            value: of JSON's types.
        """
        validator = Draft202012Validator(
            {"$id": _URI + ":at", **_absolute(schema)},
            registry=self._registry,
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]

    def resolved(self, told: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow a reference, if it is one."""
        if "$ref" not in told:
            return told
        found: Mapping[str, Any] = self._registry.resolver(_URI).lookup(told["$ref"]).contents
        return found

    def _check(self, answer: httpx.Response) -> None:
        described = self._described(answer)
        self._check_headers(described.get("headers", {}), answer.headers)
        is_head = answer.request.method == "HEAD"
        content = described.get("content", {})
        media_type = answer.headers.get("content-type")
        _demand(not (is_head and answer.content), "HEAD has a body")
        if content:
            _demand(media_type in content, f"{media_type} is none of {list(content)}")
        elif not is_head:
            _demand(media_type is None and not answer.content, "there should be no body")
        if not content or is_head or not media_type.endswith("json"):
            return
        body = json.loads(answer.content)
        wrong = self.invalid(content[media_type]["schema"], body)
        _demand(not wrong, "; ".join(wrong))
        if media_type == "application/problem+json":
            _demand(body["status"] == answer.status_code, "the body tells of another status")

    def _described(self, answer: httpx.Response) -> Mapping[str, Any]:
        """Return the description of an answer: of its operation, or of what has none."""
        prefix = self._document["servers"][0]["url"].rstrip("/")
        url_path = answer.request.url.path.removeprefix(prefix)
        method = answer.request.method.lower()
        path = next((path for regex, path in self._paths.items() if regex.fullmatch(url_path)), "")
        item = self._document["paths"].get(path, {})
        # HEAD works wherever GET does, whether it is listed or not.
        operation = item.get(method) or (item.get("get") if method == "head" else None)
        status = answer.status_code
        if operation is not None:
            responses = operation["responses"]
            _demand(str(status) in responses, f"{status} is none of {list(responses)}")
            return self.resolved(responses[str(status)])
        _demand(status in _OUTSIDE, f"{status} without an operation")
        _demand(item == {} or status != HTTPStatus.NOT_FOUND, "405 was expected")
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            _demand(item != {}, "a path that is not described has methods")
            methods = set(item) - {"parameters"} | ({"head"} if "get" in item else set())
            allowed = set(answer.headers.get("allow", "").lower().split(", "))
            _demand(allowed == methods, f"{allowed} are allowed, and {methods} described")
        return {
            "content": {"application/problem+json": {"schema": {"$ref": _PROBLEM}}},
            "headers": _OUTSIDE[status],
        }

    def _check_headers(self, described: Mapping[str, Any], headers: httpx.Headers) -> None:
        _demand(headers.get("x-content-type-options") == "nosniff", "nosniff is missing")
        control = set(headers.get("cache-control", "").split(", "))
        _demand(bool(control & _NOT_FOR_ALL), f"caches may keep it: {control}")
        unknown = {name.lower() for name in headers} - {name.lower() for name in described}
        if headers.get("vary") == "x-forwarded-prefix":
            unknown -= {"vary"}
        _demand(unknown <= EVERYWHERE, f"headers that are not described: {unknown - EVERYWHERE}")
        for name, told in described.items():
            header = self.resolved(told)
            text = headers.get(name)
            if text is None:
                _demand(not header["required"], f"{name} is missing")
                continue
            is_number = header["schema"]["type"] == "integer" and text.isdigit()
            wrong = self.invalid(header["schema"], int(text) if is_number else text)
            _demand(not wrong, f"{name}: {'; '.join(wrong)}")


def closed(value: Any) -> Any:  # noqa: ANN401 - any value of JSON
    """Return a description whose objects have no other fields than those that it names."""
    if isinstance(value, list):
        return [closed(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {name: closed(item) for name, item in value.items()}
    if made.get("type") == "object" and "properties" in made:
        made["additionalProperties"] = False
    return made


def _absolute(value: Any) -> Any:  # noqa: ANN401 - any value of JSON
    """Return a schema whose references name the description."""
    if isinstance(value, list):
        return [_absolute(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _URI + item if name == "$ref" else _absolute(item) for name, item in value.items()
    }


def _demand(is_so: bool, why: str) -> None:  # noqa: FBT001 - what is demanded
    if not is_so:
        raise UndocumentedError(why)
