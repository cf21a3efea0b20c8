"""The schemas of the status: one for each of its four values, so that a client can tell by it."""

from typing import Final

from safelight_api.openapi import words
from safelight_api.openapi.building import (
    Json,
    count,
    explained,
    one_of_the_words,
    record,
    schema,
    text,
)
from safelight_contract.resources import FAILURE_MESSAGES

_NONE: Final[Json] = {"type": "null", "description": "There is no image, or not yet."}


def made() -> Json:
    """Return the schemas by name."""
    found = {"processing": "Processing", "processed": "Processed", "failed": "Failed"}
    return {
        "Status": {
            "description": "Where an upload stands: `status` tells which of the three it is."
            " Poll on while it is `processing`.",
            "oneOf": [schema(f"Status{name}") for name in found.values()],
            "discriminator": {
                "propertyName": "status",
                "mapping": {
                    value: schema(f"Status{name}")["$ref"] for value, name in found.items()
                },
            },
        },
        "StatusProcessing": record(
            "It waits, or is being processed.",
            {
                "status": _value("processing"),
                "available_image": _NONE,
                "created_at": schema("Time"),
                "progress": schema("Progress"),
            },
        ),
        "StatusProcessed": record(
            "View and download work now, and until the image is deleted.",
            {"status": _value("processed"), "available_image": schema("Image")},
        ),
        "StatusFailed": record(
            "It cannot become an image, unless it is retried.",
            {
                "status": _value("failed"),
                "available_image": _NONE,
                "error": schema("ProcessingError"),
            },
        ),
        "StatusNotFound": record(
            "There is neither an upload nor an image of this id, or it is no id.",
            {"status": _value("not_found"), "available_image": _NONE},
        ),
        "Progress": record(
            "How far an upload is.",
            {
                "phase": explained("The step that it is at.", words.PHASES),
                "queued_ahead": count(
                    "How many uploads get their turn before; 0 once it is not queued any more. It"
                    " can grow when a client comes that has nothing being processed yet."
                ),
            },
        ),
        "ProcessingError": record(
            "Why an upload has failed.",
            {
                "code": explained("For programs.", FAILURE_MESSAGES),
                "message": text("For people, in English."),
            },
        ),
    }


def _value(value: str) -> Json:
    return one_of_the_words("What has become of it.", [value])
