"""The schemas of uploads, images and their lists."""

from collections.abc import Mapping
from typing import Final

from safelight_api.openapi import words
from safelight_api.openapi.building import (
    Json,
    count,
    explained,
    one_of_the_words,
    or_null,
    record,
    schema,
    several,
    text,
)
from safelight_api.routes.common import MAX_PAGE_SIZE
from safelight_api.settings import Settings
from safelight_contract import keys, policy
from safelight_contract.recipe import MAX_FILES

_LATER: Final = "Later versions may add words."
_UNKNOWN: Final = "Null where the version that made the image did not tell."
_ADDRESS: Final = "A path without a host: resolve it against the address that you use."
_SHA256_PATTERN: Final = "^[0-9a-f]{64}$"


def made(settings: Settings) -> Json:
    """Return the schemas by name."""
    return {
        "Id": identifier(),
        "Time": text("RFC 3339, in UTC, to the second.", format="date-time", pattern="Z$"),
        "Bytes": {
            "type": "string",
            "format": "binary",
            "contentMediaType": "application/octet-stream",
            "description": "Bytes as they are.",
        },
        "Upload": _upload(),
        "UploadAnswer": _wrapped("An upload.", schema("Upload")),
        "UploadPage": _page("A page of uploads.", "Upload", "UploadPageMeta"),
        "UploadPageMeta": _upload_page_meta(settings),
        "Image": _image(),
        "ImageAnswer": _wrapped("An image.", schema("Image")),
        "ImagePage": _page("A page of images.", "Image", "PageMeta"),
        "Variant": _variant(),
        "Original": _original(),
        "PageLinks": _page_links(),
        "PageMeta": record("Where the page stands in the list.", _meta()),
    }


def identifier() -> Json:
    """Return the schema of an id."""
    return text(
        "A lower-case UUID. An image has the id of the upload that it was made of.",
        format="uuid",
        pattern=f"^{keys.ID_PATTERN}$",
    )


def _wrapped(description: str, inner: Json) -> Json:
    return record(description, {"data": inner})


def _upload() -> Json:
    return record(
        "An upload that is under way or has failed; once it is an image, it is an upload no more.",
        {
            "id": schema("Id"),
            "path": text(
                "Key of the file in the object storage, for people who look into it; no address."
            ),
            "name": text(
                "The file's name without path, control and bidirectional characters, at most"
                f" {policy.MAX_FILE_NAME_BYTES} bytes."
            ),
            "extension": one_of_the_words(
                "That of the format, told from the file's bytes.",
                [image_format.extension for image_format in policy.FORMATS],
            ),
            "mime_type": _media_type("Told from the file's bytes.", policy.FORMATS),
            "size": count("Bytes.", least=1, maximum=policy.MAX_UPLOAD_BYTES),
            "created_at": schema("Time"),
            "updated_at": schema("Time"),
        },
    )


def _image() -> Json:
    return record(
        "A processed image. What is said of size, width, height and sha256 is that of the image"
        " itself, not of the uploaded file.",
        {
            "id": schema("Id"),
            "path": text(
                "Key of the image in the object storage, for people who look into it; no address."
            ),
            "comment": or_null(_comment("Can be changed; null for none.")),
            "created_at": schema("Time"),
            "updated_at": schema("Time"),
            "name": text("The name of the uploaded file."),
            "mime_type": _media_type("That of the image.", policy.OUTPUTS),
            **_size(),
            "sha256": text("Of the image's bytes, hexadecimal.", pattern=_SHA256_PATTERN),
            "url": _address("The address of the image itself."),
            "variants": several(
                "Smaller images, and the same in other formats; empty for a small or an animated"
                " image.",
                schema("Variant"),
                maxItems=MAX_FILES,
            ),
            "thumbhash": or_null(
                text(
                    "A ThumbHash in base64: a blurred picture in some 25 bytes, to show while the"
                    f" image loads. {_UNKNOWN}",
                    pattern="^[A-Za-z0-9+/=]{8,64}$",
                )
            ),
            "dominant_color": or_null(
                text(
                    f"The most frequent colour, as CSS writes it. {_UNKNOWN}",
                    pattern="^#[0-9a-f]{6}$",
                )
            ),
            "frames": or_null(
                count(
                    f"How many pictures the animation has; 1 for a still. {_UNKNOWN}",
                    least=1,
                    maximum=policy.MAX_FRAMES,
                )
            ),
            "original": or_null(schema("Original")),
            "bytes_saved": {
                "type": ["integer", "null"],
                "description": "The bytes of the uploaded file less those of the image; negative"
                f" where the image is larger. {_UNKNOWN}",
            },
            "changes": _facts("What was done to the pixels.", words.CHANGES),
            "removed": _facts("What was in the file and is not in the images.", words.REMOVED),
            "warnings": _facts("What somebody may miss.", words.WARNINGS),
        },
    )


def _variant() -> Json:
    return record(
        "A smaller image beside the image itself, or the same in another format.",
        {
            "name": text(
                "As the installation calls it; several formats may have the same name.",
                pattern=f"^{keys.VARIANT_PATTERN}$",
            ),
            "url": _address("The address of exactly this file."),
            "format": one_of_the_words(
                "The word for `format` in a query.",
                [image_format.word for image_format in policy.OUTPUTS],
            ),
            "mime_type": _media_type("That of the file.", policy.OUTPUTS),
            **_size(),
        },
    )


def _original() -> Json:
    return record(
        f"What was uploaded. {_UNKNOWN}",
        {
            "mime_type": _media_type("That of the uploaded file.", policy.FORMATS),
            "size": count("Bytes.", least=1),
            "width": count("Pixels, as it is seen: the right way up.", least=1),
            "height": count("Pixels, as it is seen: the right way up.", least=1),
        },
    )


def _size() -> Json:
    return {
        "size": count("Bytes.", least=1),
        "width": count("Pixels.", least=1, maximum=policy.MAX_WIDTH),
        "height": count("Pixels.", least=1, maximum=policy.MAX_HEIGHT),
    }


def _comment(description: str) -> Json:
    return text(description, maxLength=policy.MAX_COMMENT_LENGTH)


def _media_type(description: str, formats: tuple[policy.Format, ...]) -> Json:
    return one_of_the_words(description, [image_format.media_type for image_format in formats])


def _address(description: str) -> Json:
    return text(f"{description} {_ADDRESS}", format="uri-reference")


def _facts(description: str, meanings: Mapping[str, str]) -> Json:
    return or_null(
        several(f"{description} {_UNKNOWN}", explained(_LATER, meanings), uniqueItems=True)
    )


def _page(description: str, item: str, meta: str) -> Json:
    return record(
        description,
        {
            "data": several("Newest first.", schema(item), maxItems=MAX_PAGE_SIZE),
            "links": schema("PageLinks"),
            "meta": schema(meta),
        },
    )


def _page_links() -> Json:
    return record(
        "Addresses of other pages.",
        {
            "first": _address("The first page."),
            "last": _address("The last page."),
            "prev": or_null(_address("The page before; null on the first one.")),
            "next": or_null(_address("The page after; null on the last one.")),
        },
    )


def _meta() -> Json:
    return {
        "current_page": count("Counted from 1.", least=1),
        "from": or_null(count("Number of the first item on this page; null: none.", least=1)),
        "last_page": count("How many pages there are, at least 1.", least=1),
        "path": _address("The list."),
        "per_page": count("Items on a full page.", least=1, maximum=MAX_PAGE_SIZE),
        "to": or_null(count("Number of the last item on this page; null: none.", least=1)),
        "total": count("Items on all pages together."),
    }


def _upload_page_meta(settings: Settings) -> Json:
    accepted = several(
        'What this installation takes in, fit for `<input type="file" accept>`.',
        _media_type("A media type.", settings.accepted_formats),
        minItems=len(settings.accepted_formats),
        uniqueItems=True,
    )
    return record(
        "Where the page stands in the list, and what can be uploaded.",
        {**_meta(), "accepted": accepted},
    )
