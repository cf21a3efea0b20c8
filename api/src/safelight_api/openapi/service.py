"""The operations that need no token: health, and the description itself."""

from http import HTTPStatus
from typing import Final

from safelight_api import errors, health
from safelight_api.openapi.building import (
    Json,
    answer,
    one_of_the_words,
    operation,
    parameter,
    record,
    schema,
    titled,
)
from safelight_api.openapi.problems import problem
from safelight_api.routes import description

TAG: Final = "service"


def schemas() -> Json:
    """Return the schemas by name."""
    check = {"type": "boolean", "description": "Whether it is so."}
    return {
        "Health": record("How it is.", {"status": one_of_the_words("Always `ok`.", ["ok"])}),
        "Readiness": record(
            "How it is.",
            {
                "status": one_of_the_words("Whether requests may come.", ["ok", "unready"]),
                "checks": record(
                    "What it takes.",
                    {
                        "cache": check | {"description": "All uploads and images were listed."},
                        "tokens": check | {"description": "There is a token."},
                    },
                ),
            },
        ),
    }


def paths() -> Json:
    """Return the paths with their operations."""
    unready = answer(
        "Not yet; or it has too much to do.",
        schema("Readiness"),
        headers={"Retry-After": "RetryLater"},
    )
    unready["content"] |= problem("", errors.unavailable())["content"]
    tagged = {"ETag": "StrongTag", "Cache-Control": "CacheControl"}
    return {
        health.ALIVE: {
            "get": operation(
                titled(
                    "checkHealth",
                    TAG,
                    "Say that the process answers",
                    "For whoever restarts it. It needs no token.",
                ),
                {HTTPStatus.OK: answer("It answers.", schema("Health"))},
                is_open=True,
            )
        },
        health.READY: {
            "get": operation(
                titled(
                    "checkReadiness",
                    TAG,
                    "Say whether requests may come",
                    "For whoever sends it requests. It needs no token.",
                ),
                {
                    HTTPStatus.OK: answer("They may.", schema("Readiness")),
                    HTTPStatus.SERVICE_UNAVAILABLE: unready,
                },
                is_open=True,
            )
        },
        description.PATH: {
            "get": operation(
                titled(
                    "getDescription",
                    TAG,
                    "This description",
                    "In OpenAPI 3.1, with the limits and formats of this installation. It needs no"
                    " token, and changes only when the installation does.",
                ),
                {
                    HTTPStatus.OK: answer(
                        "The description.",
                        {"type": "object", "description": "In OpenAPI 3.1."},
                        headers=tagged,
                    ),
                    HTTPStatus.NOT_MODIFIED: answer("It is the one that you have.", headers=tagged),
                },
                parameters=[parameter("IfNoneMatch")],
                is_open=True,
            )
        },
    }
