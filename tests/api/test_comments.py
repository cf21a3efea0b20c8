import json

import pytest

from safelight_api import comments
from safelight_api.errors import ApiError

JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "comment"),
    [
        ('{"comment": "a text"}', "a text"),
        ('{"comment": ""}', ""),
        ('{"comment": null}', None),
        (json.dumps({"comment": "🌍" * 2000}), "🌍" * 2000),
    ],
)
@pytest.mark.parametrize(
    "content_type", [JSON, "Application/JSON; charset=utf-8", "application/merge-patch+json"]
)
def test_a_comment(body: str, comment: str | None, content_type: str) -> None:
    assert len(body.encode()) <= comments.MAX_BODY_BYTES
    assert comments.parse(content_type, body.encode(), is_required=True) == comment


def test_a_patch_may_leave_everything_as_it_is() -> None:
    assert comments.parse(JSON, b"{}", is_required=False) is comments.NO_CHANGE


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"{}", ["comment"]),
        (b'{"comment": "a", "id": "x", "path": "y"}', ["id", "path"]),
        (b'{"name": "x"}', ["name"]),
        (b'{"comment": 1}', ["comment"]),
        (b'{"comment": ["a"]}', ["comment"]),
        (json.dumps({"comment": "x" * 2001}).encode(), ["comment"]),
        (b'{"comment": "a\\u0000"}', ["comment"]),
        (b'{"comment": "\\ud800"}', ["comment"]),
        (b"", ["comment"]),
        (b"{", ["comment"]),
        (b"[]", ["comment"]),
        (b'"comment"', ["comment"]),
        (b"\xff", ["comment"]),
        (b"[" * 60_000, ["comment"]),
        (json.dumps({str(n): n for n in range(5000)}).encode(), [str(n) for n in range(20)]),
    ],
)
def test_what_is_refused_names_the_field(body: bytes, fields: list[str]) -> None:
    with pytest.raises(ApiError) as refused:
        comments.parse(JSON, body, is_required=True)
    assert refused.value.status == 422
    assert list(refused.value.errors or {}) == fields


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded"]
)
def test_only_json(content_type: str | None) -> None:
    with pytest.raises(ApiError) as refused:
        comments.parse(content_type, b'{"comment": "a"}', is_required=True)
    assert refused.value.status == 415
