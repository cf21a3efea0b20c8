import json
from dataclasses import replace
from typing import Any

import pytest

from safelight_contract import keys
from safelight_contract.job import Variant
from safelight_operator import output
from safelight_operator.output import StoredObject
from safelight_operator.world import Output
from tests.operator.making import (
    FACTS,
    ID,
    NOW,
    OTHER_UID,
    PUBLISHED,
    SPEC,
    STORED,
    VARIANT,
    manifest,
    running,
    upload,
)

UPLOAD = upload(running())
IMAGE = StoredObject(STORED.key, 500, NOW, "etag")
SMALL = StoredObject(VARIANT.key, 90, NOW, "small")
RECORD = StoredObject(keys.manifest(ID, 1), 1234, NOW, "record")
ALL = (IMAGE, RECORD, SMALL)
NOTHING = Output(None)


def test_a_good_output_is_published_as_it_is() -> None:
    assert output.check(UPLOAD, manifest().encode(), ALL) == Output(PUBLISHED)


@pytest.mark.parametrize(
    "fields",
    [
        {"upload_id": ID.replace("1", "2")},
        {"upload_uid": OTHER_UID},
        {"attempt": 2},
        {"source_sha256": "c" * 64},
        {"media_type": "image/png"},
        {"media_type": "image/gif"},
        {"size": 501},
        {"size": 0},
        {"width": 3841},
        {"width": True},
        {"height": -1},
        {"sha256": "B" * 64},
        {"file_name": ""},
        {"facts": replace(FACTS, original_media_type="image/png")},
        {"facts": replace(FACTS, original_size=SPEC.size + 1)},
        {"facts": replace(FACTS, thumbhash="<script>")},
        {"variants": (Variant("w20", "image/avif", 91, 20, 15, "c" * 64),)},
        {"variants": (Variant("w21", "image/avif", 90, 20, 15, "c" * 64),)},
        {"variants": (Variant("../w20", "image/avif", 90, 20, 15, "c" * 64),)},
        {"variants": (Variant("w20", "image/avif", 90, 20, 15, "c" * 64),) * 2},
    ],
    ids=str,
)
def test_a_manifest_of_another_upload_or_of_a_wrong_form_is_no_output(
    fields: dict[str, Any],
) -> None:
    assert output.check(UPLOAD, manifest(**fields).encode(), ALL) == NOTHING


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
    assert output.check(UPLOAD, data, ALL) == NOTHING


@pytest.mark.parametrize(
    "stored",
    [
        (),
        (RECORD, SMALL),
        (IMAGE, RECORD),
        (replace(IMAGE, size=499), RECORD, SMALL),
        (IMAGE, RECORD, replace(SMALL, size=0)),
        (IMAGE, RECORD, replace(SMALL, key=SMALL.key.replace("/1/", "/2/"))),
    ],
    ids=["nothing", "no image", "no variant", "size", "a variant's size", "another attempt's"],
)
def test_files_that_are_not_as_the_manifest_says_are_no_output(
    stored: tuple[StoredObject, ...],
) -> None:
    assert output.check(UPLOAD, manifest().encode(), stored) == NOTHING


def test_no_manifest_is_no_output() -> None:
    assert output.check(UPLOAD, None, ALL) == NOTHING


def test_what_the_manifest_does_not_name_is_spare() -> None:
    keyed = [keys.attempt_prefix(ID, 1) + name for name in ("odd", "w640.webp")]
    stored = (*ALL, *(StoredObject(key, 7, NOW, "x") for key in keyed))
    assert output.check(UPLOAD, manifest().encode(), stored) == Output(PUBLISHED, tuple(keyed))


def test_the_image_may_be_in_another_format_than_the_original() -> None:
    """The recipe may have changed since the attempt began: any format that is written will do."""
    key = STORED.key.replace(".jpg", ".webp")
    stored = (replace(IMAGE, key=key), RECORD, SMALL)
    found = output.check(UPLOAD, manifest(media_type="image/webp").encode(), stored)
    assert found.spec is not None
    assert (found.spec.image.key, found.spec.image.media_type) == (key, "image/webp")


def test_a_manifest_of_the_last_version_is_published() -> None:
    """Its Job may have ended after the operator was replaced."""
    old = json.loads(manifest().encode())
    del old["facts"], old["variants"]
    found = output.check(UPLOAD, json.dumps(old).encode(), (IMAGE, RECORD))
    assert found == Output(replace(PUBLISHED, facts=None, variants=()))


def test_without_all_its_variants_an_image_can_be_had_if_nothing_else_is_left() -> None:
    assert output.to_publish(manifest(), (IMAGE, RECORD)) is None
    left = output.to_publish(manifest(), (IMAGE, RECORD), whole=False)
    assert left == replace(PUBLISHED, variants=())
    assert output.to_publish(manifest(), (RECORD, SMALL), whole=False) is None


def test_the_original_lies_under_its_id() -> None:
    assert output.original_key(UPLOAD) == f"image_uploads/{ID}.jpg"
