import json
from typing import Any

import pytest

from safelight_contract import unreadable
from safelight_contract.unreadable import UnreadableError, readable


@pytest.mark.parametrize(
    "error",
    [
        KeyError("spec"),
        KeyError(),
        TypeError("x"),
        OverflowError("x"),
        RecursionError("x"),
        AttributeError("x"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "x"),
    ],
    ids=repr,
)
def test_whatever_goes_wrong_is_one_error(error: Exception) -> None:
    @readable
    def read() -> None:
        raise error

    with pytest.raises(UnreadableError) as unreadable_error:
        read()
    assert 0 < len(str(unreadable_error.value)) < 250
    assert str(unreadable_error.value).isascii()


def test_the_first_reason_is_kept() -> None:
    @readable
    def inner() -> None:
        raise UnreadableError("inside")

    with pytest.raises(UnreadableError, match=r"^inside$"):
        readable(inner)()


def test_what_can_be_read_is_returned() -> None:
    assert readable(int)("7") == 7


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (unreadable.text, None),
        (unreadable.text, 1),
        (unreadable.text, "a\ud800"),
        (unreadable.optional_text, []),
        (unreadable.integer, None),
        (unreadable.integer, "1"),
        (unreadable.integer, True),
        (unreadable.integer, 1.5),
        (unreadable.integer, json.loads("1e400")),
        (unreadable.integer, 2**63),
        (unreadable.part, []),
        (unreadable.part, "x"),
        (unreadable.items, {}),
        (unreadable.items, [1]),
        (unreadable.items, "text"),
        (unreadable.time, 5),
        (unreadable.time, "0000-00-00T00:00:00Z"),
    ],
)
def test_a_member_of_another_type_is_unreadable(reader: Any, value: object) -> None:  # noqa: ANN401 - readers of several types
    with pytest.raises(UnreadableError, match="member"):
        reader({"member": value}, "member")


def test_what_may_be_absent_is_empty() -> None:
    for absent in ({}, {"member": None}):
        assert unreadable.part(absent, "member") == {}
        assert unreadable.items(absent, "member") == ()
        assert unreadable.optional_text(absent, "member") is None
        assert unreadable.integer(absent, "member", 3) == 3


@pytest.mark.parametrize("annotations", [None, [], "x", {"a": 1}, {"a": "\ud800"}, {"b": "x"}])
def test_an_annotation_that_is_nonsense_is_absent(annotations: object) -> None:
    assert unreadable.annotation({"annotations": annotations}, "a") == ""


@pytest.mark.parametrize(
    "resource",
    [
        None,
        [],
        {},
        {"metadata": []},
        {"metadata": {"name": 1, "resourceVersion": 1}},
        {"metadata": {"name": "\ud800", "resourceVersion": "1" * 5000}},
        {"metadata": {"name": "\xe4", "resourceVersion": "\N{SUPERSCRIPT TWO}"}},
    ],
)
def test_a_name_and_a_version_are_told_of_anything(resource: object) -> None:
    assert unreadable.name_of(resource) == ""
    assert unreadable.version_of(resource) == 0
