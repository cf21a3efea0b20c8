"""The body that changes an image: JSON with a comment, and nothing else. Pure."""

import json
from http import HTTPStatus
from typing import Any, Final

from safelight_api.errors import ApiError, invalid, unsupported
from safelight_contract import policy

FIELD: Final = "comment"
MAX_BODY_BYTES: Final = 64 * 1024
"""Room for the longest comment with every character escaped, twelve bytes each."""
_MAX_SHOWN_NAME: Final = 64


class NoChange:
    """The body leaves the comment as it is."""


NO_CHANGE: Final = NoChange()


def parse(content_type: str | None, body: bytes, *, is_required: bool) -> str | NoChange | None:
    """Return the new comment; None removes it.

    Args:
        content_type: of the request.
        body: as it came.
        is_required: whether the comment must be there (PUT) or may be left out (PATCH).

    Raises:
        ApiError: 415 for another media type; 422 for another field, or a comment that is none.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise unsupported(FIELD, "Send the comment as application/json.")
    try:
        fields: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise invalid(FIELD, "The body is no valid JSON.") from None
    if not isinstance(fields, dict):
        raise invalid(FIELD, "The body must be a JSON object with a comment.")
    others = [name for name in fields if name != FIELD]
    if others:
        text = "Only the comment can be changed."
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            text,
            errors={_shown(name): [text] for name in others[:20]},
        )
    if FIELD not in fields:
        if is_required:
            raise invalid(FIELD, "The comment field is required.")
        return NO_CHANGE
    return _comment(fields[FIELD])


def _comment(value: object) -> str | None:
    """Check a comment as the CRD does: its length in characters, and no NUL."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid(FIELD, "The comment must be a string or null.")
    if len(value) > policy.MAX_COMMENT_LENGTH:
        raise invalid(
            "comment", f"The comment may have at most {policy.MAX_COMMENT_LENGTH} characters."
        )
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise invalid(FIELD, "The comment has characters that are no text.")
    return value


def _shown(name: str) -> str:
    return "".join(c for c in name if c.isprintable())[:_MAX_SHOWN_NAME]
