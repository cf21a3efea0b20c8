import json
from dataclasses import replace
from typing import Any

import pytest

from safelight_contract import keys
from safelight_operator import output
from safelight_operator.output import ObjectHead
from tests.operator.making import ID, OTHER_UID, STORED, manifest, running, upload

UPLOAD = upload(running())
HEAD = ObjectHead(500, "image/jpeg", "etag")


def test_a_good_output_is_the_image() -> None:
    assert output.check(UPLOAD, manifest().encode(), HEAD) == STORED


@pytest.mark.parametrize(
    "fields",
    [
        {"upload_id": ID.replace("1", "2")},
        {"upload_uid": OTHER_UID},
        {"attempt": 2},
        {"source_sha256": "c" * 64},
        {"media_type": "image/png"},
        {"size": 501},
        {"size": 0},
        {"width": 3841},
        {"width": True},
        {"height": -1},
        {"sha256": "B" * 64},
        {"file_name": ""},
    ],
    ids=str,
)
def test_a_manifest_of_another_upload_or_of_a_wrong_form_is_no_output(
    fields: dict[str, Any],
) -> None:
    assert output.check(UPLOAD, manifest(**fields).encode(), HEAD) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 5000,
        json.dumps(json.loads(manifest().encode()) | {"key": "images/other"}).encode(),
        b" " * keys.MAX_MANIFEST_BYTES + manifest().encode(),
    ],
    ids=["empty", "object", "list", "null", "bytes", "deep", "extra", "long"],
)
def test_bytes_that_are_no_manifest_are_no_output(data: bytes) -> None:
    assert output.check(UPLOAD, data, HEAD) is None


@pytest.mark.parametrize(
    "head",
    [None, replace(HEAD, size=499), replace(HEAD, media_type="text/html")],
    ids=["absent", "size", "type"],
)
def test_an_image_that_is_not_as_the_manifest_says_is_no_output(head: ObjectHead | None) -> None:
    assert output.check(UPLOAD, manifest().encode(), head) is None


def test_no_manifest_is_no_output() -> None:
    assert output.check(UPLOAD, None, HEAD) is None


def test_the_key_is_that_of_the_current_attempt() -> None:
    assert output.image_key(upload(running(3))) == f"images/{ID}/3/image.jpg"
    assert output.original_key(UPLOAD) == f"image_uploads/{ID}.jpg"
