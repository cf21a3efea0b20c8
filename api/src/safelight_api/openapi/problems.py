"""Errors: their schemas, and the answers that several operations share.

The examples are made of the very errors that the routes raise.
"""

from collections.abc import Mapping

from safelight_api import errors
from safelight_api.openapi.building import (
    Json,
    answer,
    count,
    one_of_the_words,
    record,
    schema,
    several,
    text,
)
from safelight_api.routes.common import MAX_PAGE_SIZE
from safelight_api.settings import Settings
from safelight_api.shares import ShareError


def schemas(settings: Settings) -> Json:
    """Return the schemas by name."""
    media_types = [image_format.media_type for image_format in settings.accepted_formats]
    fields = {
        "errors": {
            "type": "object",
            "description": "For each field or parameter that was refused, the reasons.",
            "minProperties": 1,
            "additionalProperties": several("Reasons.", text("One of them."), minItems=1),
        },
        "accepted": several(
            "The media types that are accepted.",
            one_of_the_words("One of them.", media_types),
            minItems=1,
        ),
        "known": several("The values for which there is a file.", text("One of them."), minItems=1),
    }
    return {
        "Problem": record("An error (RFC 9457).", _members()),
        "InvalidProblem": record(
            "What was sent cannot be accepted (RFC 9457).",
            {**_members(), "errors": fields["errors"]},
        ),
        "UploadProblem": record(
            "A form that cannot be accepted (RFC 9457). `accepted` is there if the file is in none"
            " of the accepted formats.",
            {**_members(), "errors": fields["errors"], "accepted": fields["accepted"]},
            optional={"accepted"},
        ),
        "FileProblem": record(
            "There is no such file (RFC 9457). `known` is there if the image is, but not in this"
            " variant or format.",
            {**_members(), "known": fields["known"]},
            optional={"known"},
        ),
    }


def responses(settings: Settings) -> Json:
    """Return the answers that operations share, by name."""
    seconds = f"{settings.upload_idle_seconds:g} s"
    total = f"{settings.upload_total_seconds:g} s"
    page = errors.invalid("per_page", f"The per_page must be a number from 1 to {MAX_PAGE_SIZE}.")
    return {
        "Unauthenticated": problem(
            "There is no token, or not a known one. Nothing of a body was read.",
            errors.unauthenticated(),
            headers={"WWW-Authenticate": "Challenge"},
        ),
        "NotFound": problem("There is none of this id, or it is no id.", errors.not_found()),
        "TooSlow": problem(f"The body was silent for {seconds}, or took longer than {total}."),
        "InvalidPage": problem(
            "`page` or `per_page` is no number, or out of bounds.", page, kind="InvalidProblem"
        ),
        "TooManyUploads": problem(
            "Too many uploads are being processed, in all or with this token, or too much else is"
            " under way with it: `detail` says which. Wait for `Retry-After` seconds, then ask"
            " again.",
            errors.busy(),
            headers={"Retry-After": "RetryAfter"},
        ),
        "TooManyRequests": problem(
            "Too much is under way with this token, so that others are answered too. Wait for"
            " `Retry-After` seconds, then ask again.",
            errors.of_share(ShareError("", is_over=True)),
            headers={"Retry-After": "RetryAfter"},
        ),
        "InternalError": problem(
            "A fault of the service, in its log. A further try hardly helps.", errors.internal()
        ),
        "Unavailable": problem(
            "Something that the service needs cannot be reached, or it has too much to do. Whether"
            " a change was made is unknown. Try again after `Retry-After` seconds.",
            errors.unavailable(),
            headers={"Retry-After": "RetryAfter"},
        ),
    }


def problem(
    description: str,
    *errors_shown: errors.ApiError,
    kind: str = "Problem",
    headers: Mapping[str, str] | None = None,
) -> Json:
    """Return the description of an error's answer.

    Args:
        description: when it comes.
        errors_shown: as examples.
        kind: name of the schema.
        headers: as for `building.answer`.
    """
    shown = {
        f"example{number}": {"summary": error.detail, "value": errors.members(error)}
        for number, error in enumerate(errors_shown, 1)
    }
    return answer(
        description,
        schema(kind),
        media_type=errors.MEDIA_TYPE,
        shown=shown,
        headers=headers,
    )


def _members() -> Json:
    return {
        "type": text("Always `about:blank`: the status says all.", const="about:blank"),
        "title": text("The status in words."),
        "status": count("The status.", least=400, maximum=599),
        "detail": text("What is wrong, for people, in English."),
        "message": text("The same as `detail`, for clients of the system before."),
    }
