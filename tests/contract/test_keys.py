import pytest

from safelight_contract import keys, policy
from safelight_contract.job import MAX_ATTEMPTS

ID = "550e8400-e29b-41d4-a716-446655440000"


def test_the_keys_are_what_documents_and_buckets_show() -> None:
    assert keys.original(ID, policy.JPEG) == f"image_uploads/{ID}.jpg"
    assert keys.image(ID, 1, policy.PNG) == f"images/{ID}/1/image.png"
    assert keys.image(ID, 1, policy.AVIF, "w640") == f"images/{ID}/1/w640.avif"
    assert keys.manifest(ID, 2) == f"images/{ID}/2/manifest.json"
    assert keys.attempt_prefix(ID, 2) == f"images/{ID}/2/"
    assert keys.images_prefix(ID) == f"images/{ID}/"


@pytest.mark.parametrize("image_format", policy.FORMATS, ids=lambda f: f.name)
def test_the_owner_of_each_key_is_found_again(image_format: policy.Format) -> None:
    original = keys.owner(keys.original(ID, image_format))
    assert original is not None
    assert original.is_original
    assert original == keys.Owner(ID, None)


@pytest.mark.parametrize("image_format", policy.OUTPUTS, ids=lambda f: f.name)
def test_the_owner_of_each_result_is_found_again(image_format: policy.Format) -> None:
    for attempt in (1, MAX_ATTEMPTS):
        expected = keys.Owner(ID, attempt)
        assert keys.owner(keys.image(ID, attempt, image_format)) == expected
        assert keys.owner(keys.image(ID, attempt, image_format, "a-1-longest-name")) == expected
        assert keys.owner(keys.manifest(ID, attempt)) == expected


@pytest.mark.parametrize(
    "key",
    [
        "",
        "image_uploads/",
        f"image_uploads/{ID}",
        f"image_uploads/{ID}.tif",
        f"image_uploads/{ID.upper()}.jpg",
        f"image_uploads/../{ID}.jpg",
        f"image_uploads/{ID}.jpg\n",
        f"image_uploads/{ID}.jpg/x",
        f"/image_uploads/{ID}.jpg",
        f"images/{ID}/0/image.jpg",
        f"images/{ID}/01/image.jpg",
        f"images/{ID}/100/image.jpg",
        f"images/{ID}/1/image.heic",
        f"images/{ID}/1/1st.jpg",
        f"images/{ID}/1/Image.jpg",
        f"images/{ID}/1/a-name-that-is-too-long.jpg",
        f"images/{ID}/1/other.json",
        f"images/{ID}/1/manifest.json.tmp",
        f"images/{ID}/image.jpg",
        f"backup/images/{ID}/1/image.jpg",
    ],
)
def test_keys_that_are_none_of_ours_have_no_owner(key: str) -> None:
    """Whoever sweeps the bucket deletes by owner: it must never take another's object for ours."""
    assert keys.owner(key) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ID, True),
        (ID.upper(), False),
        (ID.replace("-", ""), False),
        ("{" + ID + "}", False),
        (ID + "\n", False),
        ("\u0665" + ID[1:], False),
        ("", False),
    ],
)
def test_an_id_is_a_lower_case_uuid(text: str, *, expected: bool) -> None:
    assert keys.is_id(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ID, ID),
        (ID.upper(), ID),
        (ID[:10].upper() + ID[10:], ID),
        (ID.replace("-", ""), None),
        ("{" + ID + "}", None),
        ("urn:uuid:" + ID, None),
        (ID + "\n", None),
        ("\u0665" + ID[1:], None),
        ("", None),
    ],
)
def test_ids_from_outside_come_in_either_case(text: str, expected: str | None) -> None:
    assert keys.id_of(text) == expected
