import json
from typing import Any

import pytest

from safelight_api import representations
from safelight_api.projections import Image
from safelight_api.representations import Page
from safelight_api.routes.common import encode
from safelight_contract.resources import FAILURE_MESSAGES, Failure
from tests.api import making
from tests.api.making import an_id, condition

ID = an_id()
SPECIFIED = ["id", "path", "comment", "created_at", "updated_at"]
"""The fields that the specification has, in its order."""


def test_upload_is_the_specification_s_to_the_field() -> None:
    later = condition("Succeeded", "Unknown", "Running", "2025-01-01T13:00:00.9+00:30")
    assert representations.upload(making.upload(ID, 1, later)) == {
        "id": ID,
        "path": f"image_uploads/{ID}.jpg",
        "name": "example.jpg",
        "extension": "jpg",
        "mime_type": "image/jpeg",
        "size": 1048576,
        "created_at": "2025-01-01T12:00:00Z",
        "updated_at": "2025-01-01T12:30:00Z",
    }


def test_image_has_the_specification_s_fields_and_more() -> None:
    made = making.image(ID, 1, annotations={"safelight.dev/updated-at": "2025-01-02T00:00:00Z"})
    assert representations.image(made) == {
        "id": ID,
        "path": f"images/{ID}/1/image.jpg",
        "comment": None,
        "created_at": "2025-01-01T12:00:00Z",
        "updated_at": "2025-01-02T00:00:00Z",
        "name": "example.jpg",
        "mime_type": "image/jpeg",
        "size": 1000,
        "width": 640,
        "height": 480,
        "sha256": "cd" * 32,
        "url": f"/api/available-image/{ID}/view",
        "variants": [],
        "thumbhash": None,
        "dominant_color": None,
        "frames": None,
        "original": None,
        "bytes_saved": None,
        "changes": None,
        "removed": None,
        "warnings": None,
    }
    assert list(representations.image(made))[:5] == SPECIFIED


def test_image_has_all_that_a_page_needs_to_show_it() -> None:
    resource = making.image_resource(ID, 1, making.full_image_spec(ID, "u"))
    told = json.loads(encode(representations.image(Image.of(resource))))
    assert list(told)[:5] == SPECIFIED
    assert told["variants"][:2] == [
        {
            "name": "w320",
            "url": f"/api/available-image/{ID}/view?variant=w320&format=avif",
            "format": "avif",
            "mime_type": "image/avif",
            "width": 320,
            "height": 240,
            "size": 22400,
        },
        {
            "name": "w320",
            "url": f"/api/available-image/{ID}/view?variant=w320&format=jpeg",
            "format": "jpeg",
            "mime_type": "image/jpeg",
            "width": 320,
            "height": 240,
            "size": 28800,
        },
    ]
    assert [variant["width"] for variant in told["variants"][::2]] == [320, 640, 1280, 1920]
    facts = list(told)[list(told).index("variants") + 1 :]
    assert {name: told[name] for name in facts} == {
        "thumbhash": "1QcSHQRnh493V4dIh4eXh1h4kJUI",
        "dominant_color": "#c8d0d8",
        "frames": 1,
        "original": {"mime_type": "image/heic", "size": 5000, "width": 4000, "height": 3000},
        "bytes_saved": 4000,
        "changes": ["Rotated", "FormatChanged"],
        "removed": ["Exif", "Gps"],
        "warnings": ["HdrGainMapDropped"],
    }


@pytest.mark.parametrize(
    "change",
    [{"warnings": ["SomethingNew"]}, {"somethingNew": 1}, {"thumbhash": 5}, {"frames": None}],
)
def test_facts_of_another_version_do_not_hide_an_image(change: dict[str, Any]) -> None:
    resource = making.image_resource(ID, 1, making.full_image_spec(ID, "u"))
    resource["spec"]["facts"] |= change
    resource["spec"]["somethingNew"] = 1
    told = representations.image(Image.of(resource))
    assert (told["thumbhash"], told["original"]) == (None, None)
    assert len(told["variants"]) == 8


def test_an_annotation_that_is_no_time_counts_as_absent() -> None:
    made = making.image(ID, 1, annotations={"safelight.dev/updated-at": "yesterday"})
    assert made.updated_at == made.created_at


@pytest.mark.parametrize(
    ("conditions", "phase", "ahead"),
    [
        ([], "queued", 3),
        ([condition("Succeeded", "Unknown", "Queued")], "queued", 3),
        ([condition("Succeeded", "Unknown", "Running")], "running", 0),
        ([condition("Succeeded", "Unknown", "Publishing")], "publishing", 0),
        ([condition("Stalled", "True", "Unschedulable")], "queued", 3),
        ([condition("Succeeded", "Unknown", "SomethingNew")], "running", 0),
    ],
)
def test_processing(conditions: list[dict[str, Any]], phase: str, ahead: int) -> None:
    assert representations.status(making.upload(ID, 1, *conditions), 3) == {
        "status": "processing",
        "available_image": None,
        "created_at": "2025-01-01T12:00:00Z",
        "progress": {"phase": phase, "queued_ahead": ahead},
    }


@pytest.mark.parametrize("reason", [*Failure, "SomethingNew"])
def test_failed_tells_a_reason_of_the_closed_list_and_our_own_words(reason: str) -> None:
    code = reason if reason in set(Failure) else "InternalError"
    made = making.upload(ID, 1, condition("Succeeded", "False", reason))
    assert representations.status(made, 0) == {
        "status": "failed",
        "available_image": None,
        "error": {"code": code, "message": FAILURE_MESSAGES[Failure(code)]},
    }


def test_processed_and_not_found() -> None:
    made = making.image(ID, 1)
    assert representations.status(made, 0) == {
        "status": "processed",
        "available_image": representations.image(made),
    }
    assert representations.status(None, 0) == {"status": "not_found", "available_image": None}


def numbers(body: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a page says of itself."""
    meta = body["meta"]
    return tuple(meta[name] for name in ("current_page", "from", "to", "last_page", "total"))


@pytest.mark.parametrize(
    ("number", "count", "total", "expected", "prev", "next_page"),
    [
        (1, 0, 0, (1, None, None, 1, 0), None, None),
        (1, 20, 41, (1, 1, 20, 3, 41), None, 2),
        (2, 20, 41, (2, 21, 40, 3, 41), 1, 3),
        (3, 1, 41, (3, 41, 41, 3, 41), 2, None),
        (9, 0, 41, (9, None, None, 3, 41), 3, None),
        (1, 20, 20, (1, 1, 20, 1, 20), None, None),
    ],
)
def test_pages(  # noqa: PLR0917 - columns of a table
    number: int,
    count: int,
    total: int,
    expected: tuple[Any, ...],
    prev: int | None,
    next_page: int | None,
) -> None:
    body = representations.page_of(
        "/p", Page(number, 20, size_was_given=False), [{}] * count, total
    )
    assert numbers(body) == expected
    assert body["meta"]["path"] == "/p"
    assert body["meta"]["per_page"] == 20
    assert body["links"] == {
        "first": "/p?page=1",
        "last": f"/p?page={expected[3]}",
        "prev": prev and f"/p?page={prev}",
        "next": next_page and f"/p?page={next_page}",
    }
    assert list(body) == ["data", "links", "meta"]


def test_links_repeat_a_size_that_was_given() -> None:
    body = representations.page_of("/p", Page(1, 2, size_was_given=True), [{}] * 2, 3)
    assert body["links"]["next"] == "/p?page=2&per_page=2"
