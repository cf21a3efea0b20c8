"""The errors that clients see, and their one shape: RFC 9457 problem details.

Existing clients read `message`, and `errors` on 422; new ones read `status` and `detail`.
No text from inside (a host, key, path, class or stack) ever enters an error.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from safelight_api.shares import ShareError
from safelight_contract.policy import Format

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 5
"""When to try again after a 503 or 429, in seconds."""
NOT_STORED: Final = "no-store"
"""Cache-Control of an error: what is not there now may be there in a moment."""
ASKED_AGAIN: Final = "private, no-cache"
"""Cache-Control of JSON: it is for whoever asked, and may have changed when it is asked for again.

A cache that adds the token itself would else keep it as it likes (RFC 9111, section 4.2.2)."""


class ApiError(Exception):
    """Ends a request with an error answer."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Mapping[str, Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.more = dict(more or {})
        self.headers = dict(headers or {})


def invalid(field: str, text: str) -> ApiError:
    """Return a 422: what was sent cannot be accepted, because of one field."""
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, text, errors={field: [text]})


def not_accepted(field: str, formats: Sequence[Format]) -> ApiError:
    """Return a 422: a file is in none of the accepted formats; `accepted` lists their types."""
    names = ", ".join(image_format.word.upper() for image_format in formats)
    text = f"The file is not an image in an accepted format ({names})."
    return ApiError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        text,
        errors={field: [text]},
        more={"accepted": [image_format.media_type for image_format in formats]},
    )


def not_found() -> ApiError:
    """Return a 404."""
    return ApiError(HTTPStatus.NOT_FOUND, "There is nothing at this address.")


def no_such_file(parameter: str, known: Sequence[str]) -> ApiError:
    """Return a 404: the image is there, but not as the query asks for it; `known` says how.

    Args:
        parameter: of the query, for which there is nothing.
        known: the values for which there is something.
    """
    return ApiError(
        HTTPStatus.NOT_FOUND,
        f"There is no such {parameter} of this image. There is: {', '.join(known)}.",
        more={"known": known},
    )


def unauthenticated() -> ApiError:
    """Return a 401; the words are those that existing clients know."""
    return ApiError(
        HTTPStatus.UNAUTHORIZED,
        "Unauthenticated.",
        headers={"WWW-Authenticate": 'Bearer realm="safelight"'},
    )


def conflict(detail: str) -> ApiError:
    """Return a 409: what was asked for does not fit the state that it is in."""
    return ApiError(HTTPStatus.CONFLICT, detail)


def unsupported(field: str, text: str, *, headers: Mapping[str, str] | None = None) -> ApiError:
    """Return a 415: the body is of another kind than what is taken."""
    return ApiError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text, errors={field: [text]}, headers=headers
    )


def too_large(most: int) -> ApiError:
    """Return a 413: more than `most` bytes."""
    return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {most} bytes are accepted.")


def busy(detail: str = "Too many uploads are being processed. Try again.") -> ApiError:
    """Return a 429: refused for now, so that those who came before are served."""
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS, detail, headers={"Retry-After": str(RETRY_SECONDS)}
    )


def of_share(error: ShareError) -> ApiError:
    """Return a 429 for a client that has its share already, else a 503."""
    if not error.is_over:
        return unavailable()
    return busy("Too much is under way with this token. Try again when some of it has ended.")


def unavailable() -> ApiError:
    """Return a 503: something that the API needs cannot be reached."""
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The service cannot answer at the moment. Try again.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def internal() -> ApiError:
    """Return a 500: a fault of ours; the log has the reason."""
    return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "An internal error occurred.")


def members(error: ApiError) -> dict[str, object]:
    """Return the members of the JSON object that tells of an error."""
    status = HTTPStatus(error.status)
    body: dict[str, object] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": error.detail,
        "message": error.detail,
    }
    if error.errors is not None:
        body["errors"] = error.errors
    return body | error.more


def problem(error: ApiError) -> Response:
    """Return the answer for an error."""
    return Response(
        json.dumps(members(error), ensure_ascii=False),
        status_code=error.status,
        headers={"cache-control": NOT_STORED, **error.headers},
        media_type=MEDIA_TYPE,
    )
