import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from safelight_contract import keys, policy
from safelight_contract.facts import Change, Facts, Removed, Warning  # noqa: A004 - see there
from safelight_contract.job import JobError, Manifest, Variant
from safelight_contract.recipe import MAX_FILES

ID = "550e8400-e29b-41d4-a716-446655440000"
FACTS = Facts("image/png", 4_521_733, 6000, 4000)
VARIANT = Variant("w640", "image/avif", 20_733, 640, 360, "3" * 64)
MANIFEST = Manifest(
    upload_id=ID,
    upload_uid="8ecdf378-7c62-45c4-b90b-e26d453bdfe9",
    attempt=3,
    file_name="Straße \u4e2d\u6587 \U0001f4f7.jpg",
    source_sha256="1" * 64,
    media_type="image/png",
    size=821_733,
    width=policy.MAX_WIDTH,
    height=policy.MAX_HEIGHT,
    sha256="2" * 64,
    processor="safelight/0.1.0 pillow/13.0.0",
    facts=FACTS,
    variants=(VARIANT, replace(VARIANT, media_type="image/png")),
)


def told(manifest: Manifest = MANIFEST) -> dict[str, Any]:
    """Return a manifest as JSON's types."""
    fields: dict[str, Any] = json.loads(manifest.encode())
    return fields


def test_a_manifest_comes_out_as_it_went_in() -> None:
    assert Manifest.decode(MANIFEST.encode()) == MANIFEST
    assert len(MANIFEST.encode()) < keys.MAX_MANIFEST_BYTES


def test_a_manifest_fits_its_limit_with_the_longest_names() -> None:
    longest = replace(
        MANIFEST,
        file_name="\x01" * policy.MAX_FILE_NAME_BYTES,
        processor="x" * 200,
        facts=replace(
            FACTS,
            changes=tuple(Change),
            removed=tuple(Removed),
            warnings=tuple(Warning),
            thumbhash="x" * 64,
            milliseconds={f"a_phase_with_name_{c}": 2**31 for c in "abcdefghijklmnop"},
        ),
        variants=tuple(
            replace(VARIANT, name=f"variant-{n:08}", size=2**31, width=3840, height=2160)
            for n in range(MAX_FILES)
        ),
    )
    assert len(longest.encode()) <= keys.MAX_MANIFEST_BYTES
    assert Manifest.decode(longest.encode()) == longest


def test_the_key_of_the_image_is_derived() -> None:
    assert MANIFEST.key == keys.image(ID, 3, policy.PNG)
    assert MANIFEST.variant_key(VARIANT) == keys.image(ID, 3, policy.AVIF, "w640")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("upload_id", ID.upper()),
        ("upload_id", "../" + ID),
        ("upload_id", ID + "\n"),
        ("upload_id", None),
        ("upload_uid", ""),
        ("upload_uid", "a/b"),
        ("upload_uid", "x" * 65),
        ("attempt", 0),
        ("attempt", 100),
        ("attempt", True),
        ("attempt", 1.0),
        ("attempt", "1"),
        ("file_name", ""),
        ("file_name", "x" * 256),
        ("file_name", 7),
        ("source_sha256", "1" * 63),
        ("source_sha256", "G" * 64),
        ("media_type", "image/gif"),
        ("media_type", "image/jpeg; charset=x"),
        ("media_type", "imageXjpeg"),
        ("media_type", ["image/jpeg"]),
        ("size", 0),
        ("size", -1),
        ("size", 2**31 + 1),
        ("size", 10**400),
        ("width", policy.MAX_WIDTH + 1),
        ("width", 0),
        ("height", policy.MAX_HEIGHT + 1),
        ("height", False),
        ("sha256", ""),
        ("processor", ""),
        ("processor", "x" * 201),
        ("processor", "line\nbreak"),
        ("processor", "caf\u00e9"),
    ],
)
def test_each_field_of_a_hostile_manifest_is_checked(field: str, value: object) -> None:
    data = json.dumps(told() | {field: value}).encode()
    with pytest.raises(JobError, match=f"^the manifest's field {field} is malformed$"):
        Manifest.decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b"\xff\xfe{",
        b'{"upload_id": NaN',
        json.dumps(told() | {"extra": 1}).encode(),
        json.dumps(told() | {"__class__": "x"}).encode(),
        json.dumps({k: v for k, v in told().items() if k != "width"}).encode(),
        json.dumps(told() | {"facts": {}}).encode(),
        json.dumps(told() | {"facts": FACTS.to_dict() | {"warnings": ["other"]}}).encode(),
        json.dumps(told() | {"variants": {}}).encode() + b" " * keys.MAX_MANIFEST_BYTES,
        json.dumps(told() | {"variants": [1]}).encode(),
        json.dumps(told() | {"variants": [{"name": "w320"}]}).encode(),
        b'{"size": ' + b"9" * 5000 + b"}",
        b" " * (keys.MAX_MANIFEST_BYTES + 1),
        b"[" * keys.MAX_MANIFEST_BYTES,
    ],
)
def test_a_hostile_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(JobError, match=r"^the manifest is (too long|malformed: \w+)$"):
        Manifest.decode(data)


def test_a_manifest_of_a_version_that_told_no_facts_is_read() -> None:
    """A Job may end after an upgrade, and a rebuild reads what is years old."""
    old = {name: value for name, value in told().items() if name not in {"facts", "variants"}}
    expected = replace(MANIFEST, facts=None, variants=())
    assert Manifest.decode(json.dumps(old).encode()) == expected
    assert Manifest.decode(expected.encode()) == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "../w640"),
        ("name", "W640"),
        ("name", None),
        ("media_type", "image/gif"),
        ("media_type", "text/html"),
        ("size", 0),
        ("width", policy.MAX_WIDTH + 1),
        ("height", 1.5),
        ("sha256", "x" * 64),
    ],
)
def test_each_field_of_a_hostile_variant_is_checked(field: str, value: object) -> None:
    bad = asdict(VARIANT) | {field: value}
    data = json.dumps(told() | {"variants": [asdict(VARIANT), bad]}).encode()
    with pytest.raises(JobError, match=f"^the manifest has a variant whose {field} is malformed$"):
        Manifest.decode(data)


@pytest.mark.parametrize(
    "variants",
    [
        (VARIANT, VARIANT),
        (VARIANT, replace(VARIANT, size=1)),
        (VARIANT, replace(VARIANT, name=keys.MAIN, media_type=MANIFEST.media_type)),
        tuple(replace(VARIANT, name=f"v{n}") for n in range(MAX_FILES + 1)),
    ],
    ids=["twice", "twice, with other sizes", "the image itself", "too many"],
)
def test_variants_are_few_and_each_is_there_once(variants: tuple[Variant, ...]) -> None:
    with pytest.raises(JobError, match="too many variants, or one twice"):
        Manifest.decode(replace(MANIFEST, variants=variants).encode())
