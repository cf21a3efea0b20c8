"""The description as a whole."""

from importlib import metadata
from typing import Final

from safelight_api.openapi import (
    examples,
    headers,
    images,
    problems,
    schemas,
    service,
    statuses,
    uploads,
)
from safelight_api.openapi.building import Json
from safelight_api.serving.connection import MAX_HEAD_BYTES
from safelight_api.settings import Settings

OPENAPI: Final = "3.1.1"
BEARER: Final = "bearer"
_TEXT: Final = f"""\
Post a photo, poll until it is available, then view or download it.

- JSON is UTF-8. Times are RFC 3339 in UTC. Ids are lower-case UUIDs.
- Unknown query parameters are ignored, unknown form fields and JSON fields are refused.
- Addresses in answers are paths without a host: resolve them against the address that you use.
- `HEAD` works wherever `GET` does, also where this description does not list it.
- Every answer has `X-Content-Type-Options: nosniff`.
- Later versions may add fields to answers, and words to `changes`, `removed` and `warnings`: ignore
  what you do not know.
- Before any operation: what is no HTTP is answered with 400, and a head of more than
  {MAX_HEAD_BYTES // 1024} KiB with 431. An unknown path is 404, and a method that a path does not
  have 405 with `Allow`; without a token both are 401. All of them have the body `Problem`.
"""


def describe(settings: Settings) -> Json:
    """Return the description of the API as these settings make it."""
    responses = problems.responses(settings) | images.responses()
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Safelight",
            "summary": "Takes in images for other applications, and makes safe copies of them.",
            "description": _TEXT,
            "version": metadata.version("safelight-api"),
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "Where this description came from."}],
        "security": [{BEARER: []}],
        "tags": [
            {"name": uploads.TAG, "description": "Files on their way to become images."},
            {"name": images.TAG, "description": "Processed images, their comments and bytes."},
            {"name": service.TAG, "description": "The service itself; without a token."},
        ],
        "paths": uploads.paths(settings) | images.paths(responses) | service.paths(),
        "components": {
            "securitySchemes": {
                BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token from whoever runs the service: `safelight_…`.",
                }
            },
            "schemas": {
                **schemas.made(settings),
                **statuses.made(),
                **problems.schemas(settings),
                "UploadForm": uploads.form(settings),
                **images.bodies(),
                **service.schemas(),
            },
            "parameters": headers.parameters(),
            "headers": headers.made(),
            "responses": responses,
            "examples": examples.made(settings),
        },
    }
