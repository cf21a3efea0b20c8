"""Headers of answers, and the parameters of requests."""

from safelight_api.openapi.building import Json, count, one_of_the_words, text
from safelight_api.openapi.schemas import identifier
from safelight_api.routes.common import DEFAULT_PAGE_SIZE, MAX_PAGE, MAX_PAGE_SIZE
from safelight_contract import keys, policy


def made() -> Json:
    """Return the headers by their names in the description."""
    return {
        "Location": _header(text("The address of what was made.", format="uri-reference")),
        "RetryAfter": _header(count("Seconds after which to try again.", least=1)),
        "RetryLater": _header(
            count("Seconds after which to try again, if it has too much to do.", least=1),
            required=False,
        ),
        "PollAfter": _header(
            count("Seconds after which to poll again, while it is `processing`.", least=1),
            required=False,
        ),
        "Challenge": _header(text("How to authenticate.", pattern="^Bearer ")),
        "WeakTag": _header(
            text("Tag of this answer, for `If-None-Match`.", pattern='^W/"[0-9a-f]+"$')
        ),
        "StrongTag": _header(
            text("Tag of the bytes, for `If-None-Match` and `If-Range`.", pattern='^"[0-9a-f]+"$')
        ),
        "CacheControl": _header(text("Who may keep the answer, and for how long.")),
        "AcceptEncoding": _header(
            text(
                "The content coding that is taken, where another one was the reason.",
                const="identity",
            ),
            required=False,
        ),
        "AcceptRanges": _header(text("`Range` can be used.", const="bytes")),
        "ContentDisposition": _header(
            text(
                "`inline` to show it, `attachment` with a file name to save it.",
                pattern="^(inline|attachment; filename=.+)$",
            )
        ),
        "ContentRange": _header(
            text("Which bytes these are, and of how many.", pattern=r"^bytes [0-9]+-[0-9]+/[0-9]+$")
        ),
        "SizeRange": _header(text("How many bytes there are.", pattern=r"^bytes \*/[0-9]+$")),
        "Vary": _header(
            text(
                "Request headers that the answer depends on: with `Accept` where the format was"
                " chosen by it.",
                pattern="^(Accept, )?Authorization(, x-forwarded-prefix)?$",
            )
        ),
        "ContentLocation": _header(
            text(
                "The address of exactly this file, where the format was chosen by `Accept`.",
                format="uri-reference",
            ),
            required=False,
        ),
        "ContentSecurityPolicy": _header(text("Nothing in the bytes is ever run.")),
        "CrossOriginResourcePolicy": _header(text("Which pages may show them.")),
    }


def parameters() -> Json:
    """Return the parameters by their names in the description."""
    return {
        "Id": {
            "name": "id",
            "in": "path",
            "required": True,
            "description": "Of the upload, and of the image that is made of it.",
            "schema": identifier(),
        },
        "Page": _query("page", count("Which page, from 1.", least=1, maximum=MAX_PAGE, default=1)),
        "PerPage": _query(
            "per_page",
            count(
                "How many items on a page.",
                least=1,
                maximum=MAX_PAGE_SIZE,
                default=DEFAULT_PAGE_SIZE,
            ),
        ),
        "Variant": _query(
            "variant",
            text(
                f"Name of a variant, or `{keys.MAIN}` for the image itself.",
                pattern=f"^{keys.VARIANT_PATTERN}$",
                default=keys.MAIN,
                examples=["w640"],
            ),
        ),
        "Format": _query(
            "format",
            one_of_the_words(
                "Exactly this format, whatever `Accept` says.",
                [image_format.word for image_format in policy.OUTPUTS],
            ),
        ),
        "IfNoneMatch": _request_header(
            "If-None-Match",
            "The `ETag` of an earlier answer: if nothing has changed, the answer is 304.",
            '"9f86d081884c7d659a2feaa0c55ad015"',
        ),
        "Range": _request_header(
            "Range",
            "One range of bytes. Several, or a malformed one, give the whole.",
            "bytes=0-1023",
        ),
        "IfRange": _request_header(
            "If-Range",
            "An `ETag`: `Range` counts only if the bytes are still these.",
            '"9f86d081884c7d659a2feaa0c55ad015"',
        ),
    }


def _header(schema: Json, *, required: bool = True) -> Json:
    description = schema.pop("description")
    return {"description": description, "required": required, "schema": schema}


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", **_header(schema, required=False)}


def _request_header(name: str, description: str, example: str) -> Json:
    schema = {"type": "string", "examples": [example]}
    return {
        "name": name,
        "in": "header",
        "description": description,
        "required": False,
        "schema": schema,
    }
