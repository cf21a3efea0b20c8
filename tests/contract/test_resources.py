"""The YAML in crds/ and the Python of the contract agree."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Any

import pytest

from safelight_contract import facts, keys, policy, resources
from safelight_contract.facts import Change, Facts, Removed
from safelight_contract.job import MAX_ATTEMPTS
from safelight_contract.recipe import MAX_FILES
from safelight_contract.resources import (
    AVAILABLE_IMAGE,
    FAILURE_MESSAGES,
    IMAGE_UPLOAD,
    AvailableImageSpec,
    Condition,
    Failure,
    ImageUploadSpec,
    Kind,
    Progress,
    StoredImage,
    StoredVariant,
)
from safelight_contract.stalls import STALL_MESSAGES, Stall
from tests.support.definitions import definition, schema, spec_schema

ID = "550e8400-e29b-41d4-a716-446655440000"
KINDS = [IMAGE_UPLOAD, AVAILABLE_IMAGE]
UPLOAD = ImageUploadSpec("holiday.jpg", "image/jpeg", 4_521_733, "0" * 64)
IMAGE = AvailableImageSpec(
    upload_uid="8ecdf378-7c62-45c4-b90b-e26d453bdfe9",
    file_name="holiday.jpg",
    image=StoredImage(
        key=keys.image(ID, 1, policy.JPEG),
        media_type="image/jpeg",
        size=821_733,
        width=3840,
        height=2160,
        sha256="1" * 64,
        etag="d41d8cd98f00b204e9800998ecf8427e",
    ),
    comment="In the mountains",
    variants=(
        StoredVariant(
            key=keys.image(ID, 1, policy.AVIF, "w640"),
            media_type="image/avif",
            size=41_733,
            width=640,
            height=360,
            sha256="2" * 64,
            etag="e2fc714c4727ee9395f324cd2e7f331f",
            name="w640",
        ),
    ),
    facts=Facts(
        original_media_type="image/heic",
        original_size=4_521_733,
        original_width=6000,
        original_height=4000,
        frames=1,
        thumbhash="1QcSHQRnh493V4dIh4eXh1h4kJUI",
        dominant_color="#2f4f6f",
        changes=tuple(Change),
        removed=tuple(Removed),
        warnings=tuple(facts.Warning),
        milliseconds={"decode": 41},
        cpu_milliseconds=120,
        peak_memory_bytes=60_000_000,
    ),
    processor="safelight/0.1.0 pillow/13.0.0",
)

kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.plural)


@kinds
def test_names_agree(kind: Kind) -> None:
    crd = definition(kind)
    assert crd["metadata"]["name"] == f"{kind.plural}.{resources.GROUP}"
    assert crd["spec"]["group"] == resources.GROUP
    assert crd["spec"]["scope"] == "Namespaced"
    assert crd["spec"]["names"] == {
        "kind": kind.kind,
        "listKind": f"{kind.kind}List",
        "singular": kind.singular,
        "plural": kind.plural,
        "shortNames": [kind.short_name],
        "categories": [resources.CATEGORY],
    }
    assert [version["name"] for version in crd["spec"]["versions"]] == [resources.VERSION]


@kinds
def test_uninstalling_the_chart_keeps_the_definition(kind: Kind) -> None:
    assert definition(kind)["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


@kinds
def test_the_name_is_an_id(kind: Kind) -> None:
    rules = [rule["rule"] for rule in schema(kind)["x-kubernetes-validations"]]
    assert f"self.metadata.name.matches('^{keys.ID_PATTERN}$')" in rules


@kinds
def test_every_text_is_bounded(kind: Kind) -> None:
    """A length and a pattern, an enumeration or a format; texts for people need only a length."""
    for path, text in _texts(schema(kind)["properties"]["spec"], "spec"):
        assert "maxLength" in text, path
        assert {"pattern", "enum", "format"} & set(text), path
    for path, text in _texts(schema(kind)["properties"]["status"], "status"):
        assert "maxLength" in text, path
        assert {"pattern", "enum", "format"} & set(text) or path.endswith(".message"), path


@kinds
def test_every_number_and_list_is_bounded(kind: Kind) -> None:
    unbounded = {"observedGeneration"}
    for path, node in _nodes(schema(kind), kind.kind):
        if node.get("type") == "integer":
            assert "minimum" in node, path
            assert "maximum" in node or path.rpartition(".")[2] in unbounded, path
        if node.get("type") == "array":
            assert "maxItems" in node, path


@kinds
def test_every_field_is_described(kind: Kind) -> None:
    for path, node in _nodes(schema(kind), kind.kind):
        if not path.endswith(("metadata", "[]")):
            assert node["description"], path
    for column in definition(kind)["spec"]["versions"][0]["additionalPrinterColumns"]:
        assert column["name"] == "Age" or column["description"], column["name"]


@kinds
def test_nothing_is_kept_unchecked(kind: Kind) -> None:
    for path, node in _nodes(schema(kind), kind.kind):
        assert "x-kubernetes-preserve-unknown-fields" not in node, path
        if "additionalProperties" in node:
            assert "maxProperties" in node, path
            assert {"minimum", "maximum"} <= set(node["additionalProperties"]), path


def test_an_upload_is_limited_as_the_policy_says() -> None:
    spec = spec_schema(IMAGE_UPLOAD)
    assert spec["size"]["maximum"] == policy.MAX_UPLOAD_BYTES
    assert spec["fileName"]["maxLength"] == policy.MAX_FILE_NAME_BYTES
    assert spec["mediaType"]["enum"] == [f.media_type for f in policy.FORMATS]
    status = schema(IMAGE_UPLOAD)["properties"]["status"]["properties"]
    assert status["attempt"]["maximum"] == status["retriedAttempts"]["maximum"] == MAX_ATTEMPTS
    assert status["observedRetry"]["pattern"] == resources.RETRY_PATTERN


def test_an_image_is_limited_as_the_policy_says() -> None:
    spec = spec_schema(AVAILABLE_IMAGE)
    image = spec["image"]["properties"]
    assert spec["comment"]["maxLength"] == policy.MAX_COMMENT_LENGTH
    assert spec["fileName"] == spec_schema(IMAGE_UPLOAD)["fileName"] | {
        "description": spec["fileName"]["description"],
    }
    assert image["width"]["maximum"] == policy.MAX_WIDTH
    assert image["height"]["maximum"] == policy.MAX_HEIGHT
    assert image["mediaType"]["enum"] == [f.media_type for f in policy.OUTPUTS]


def test_a_variant_is_limited_as_an_image_is() -> None:
    spec = spec_schema(AVAILABLE_IMAGE)
    assert spec["variants"]["maxItems"] == MAX_FILES
    variant = dict(spec["variants"]["items"]["properties"])
    name = variant.pop("name")
    assert name["pattern"] == f"^{keys.VARIANT_PATTERN}$"
    assert variant["key"]["pattern"] == (
        spec["image"]["properties"]["key"]["pattern"].replace(
            "/image\\", f"/{keys.VARIANT_PATTERN}\\"
        )
    )

    def bounds(fields: dict[str, Any]) -> dict[str, Any]:
        left_out = {"description", "pattern"}
        return {
            field: {key: value for key, value in node.items() if key not in left_out}
            for field, node in fields.items()
        }

    assert bounds(variant) == bounds(spec["image"]["properties"])


@pytest.mark.parametrize(
    ("field", "closed"),
    [("changes", Change), ("removed", Removed), ("warnings", facts.Warning)],
)
def test_what_is_told_is_from_the_same_closed_list(field: str, closed: type[StrEnum]) -> None:
    node = spec_schema(AVAILABLE_IMAGE)["facts"]["properties"][field]
    assert node["items"]["enum"] == list(closed)
    assert node["maxItems"] == len(closed)
    assert node["x-kubernetes-list-type"] == "set"


@pytest.mark.parametrize("image_format", policy.OUTPUTS, ids=lambda f: f.name)
@pytest.mark.parametrize("attempt", [1, MAX_ATTEMPTS])
def test_the_pattern_of_the_key_takes_our_keys(image_format: policy.Format, attempt: int) -> None:
    key = spec_schema(AVAILABLE_IMAGE)["image"]["properties"]["key"]
    ours = keys.image(ID, attempt, image_format)
    assert re.search(key["pattern"], ours)
    assert len(ours) <= key["maxLength"]
    assert not re.search(key["pattern"], keys.manifest(ID, attempt))
    assert not re.search(key["pattern"], keys.original(ID, image_format))
    assert not re.search(key["pattern"], keys.image(ID, attempt, image_format, "w640"))
    variants = spec_schema(AVAILABLE_IMAGE)["variants"]["items"]["properties"]["key"]
    longest = keys.image(ID, attempt, image_format, "a" * 16)
    assert re.search(variants["pattern"], longest)
    assert len(longest) <= variants["maxLength"]
    assert not re.search(variants["pattern"], keys.manifest(ID, attempt))


def test_an_extension_belongs_to_its_media_type_in_both() -> None:
    rules = schema(AVAILABLE_IMAGE)["properties"]["spec"]["x-kubernetes-validations"]
    pairs = re.findall(r"'(image/\w+)': '\.(\w+)'", " ".join(rule["rule"] for rule in rules))
    assert pairs == [(f.media_type, f.extension) for f in policy.OUTPUTS] * 2


@pytest.mark.parametrize("reason", sorted({*Failure, *Progress, *Stall}), ids=str)
def test_the_schema_takes_every_reason(reason: str) -> None:
    condition = schema(IMAGE_UPLOAD)["properties"]["status"]["properties"]["conditions"]["items"]
    assert re.search(condition["properties"]["reason"]["pattern"], reason)


@pytest.mark.parametrize("condition", Condition, ids=str)
def test_a_definition_describes_every_condition(condition: Condition) -> None:
    descriptions = [
        schema(kind)["properties"]["status"]["properties"]["conditions"]["description"]
        for kind in KINDS
    ]
    assert any(condition in text for text in descriptions)


@pytest.mark.parametrize(
    ("annotations", "asked"),
    [
        (None, None),
        ({}, None),
        ({resources.ANNOTATION_RETRY: ""}, None),
        ({resources.ANNOTATION_RETRY: "1"}, "1"),
        (
            {resources.ANNOTATION_RETRY: "2026-11-24T12:00:00Z, by hand"},
            "2026-11-24T12:00:00Z, by hand",
        ),
        ({resources.ANNOTATION_RETRY: "x" * 64}, "x" * 64),
        ({resources.ANNOTATION_RETRY: "x" * 65}, None),
        ({resources.ANNOTATION_RETRY: "1\n"}, None),
        ({resources.ANNOTATION_RETRY: "\u00e9"}, None),
        ({resources.ANNOTATION_UPDATED_AT: "1"}, None),
    ],
)
def test_only_a_value_that_the_status_can_repeat_asks_for_a_retry(
    annotations: dict[str, str] | None,
    asked: str | None,
) -> None:
    assert resources.asked_retry({"annotations": annotations}) == asked
    assert resources.asked_retry({}) is None


def test_every_failure_and_stall_says_something_that_fits_a_condition() -> None:
    assert set(FAILURE_MESSAGES) == set(Failure)
    assert set(STALL_MESSAGES) == set(Stall)
    conditions = schema(IMAGE_UPLOAD)["properties"]["status"]["properties"]["conditions"]
    longest = conditions["items"]["properties"]["message"]["maxLength"]
    texts = [*FAILURE_MESSAGES.values(), *STALL_MESSAGES.values()]
    assert all(0 < len(text) <= longest for text in texts)


def test_an_upload_comes_out_as_it_went_in() -> None:
    assert ImageUploadSpec.from_dict(UPLOAD.to_dict()) == UPLOAD
    assert set(UPLOAD.to_dict()) == set(spec_schema(IMAGE_UPLOAD))


@pytest.mark.parametrize("comment", [None, "", "In the mountains"])
def test_an_image_comes_out_as_it_went_in(comment: str | None) -> None:
    bare = AvailableImageSpec(IMAGE.upload_uid, IMAGE.file_name, IMAGE.image, comment)
    for spec in (bare, replace(IMAGE, comment=comment)):
        assert AvailableImageSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
        assert ("comment" in spec.to_dict()) is (comment is not None)


def test_an_image_has_the_fields_of_its_definition() -> None:
    assert set(IMAGE.to_dict()) == set(spec_schema(AVAILABLE_IMAGE))
    image = spec_schema(AVAILABLE_IMAGE)["image"]
    assert set(IMAGE.image.to_dict()) == set(image["properties"]) == set(image["required"])
    variant = spec_schema(AVAILABLE_IMAGE)["variants"]["items"]
    (ours,) = IMAGE.to_dict()["variants"]
    assert set(ours) == set(variant["properties"]) == set(variant["required"])
    assert set(IMAGE.to_dict()["facts"]) == set(spec_schema(AVAILABLE_IMAGE)["facts"]["properties"])


def _nodes(node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from _nodes(child, f"{path}.{name}")
    if "items" in node:
        yield from _nodes(node["items"], f"{path}[]")


def _texts(node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((p, n) for p, n in _nodes(node, path) if n.get("type") == "string")
