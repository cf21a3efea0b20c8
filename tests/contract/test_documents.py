"""docs/resources.md leaves nothing out: it is read at night."""

import re
from enum import StrEnum

import pytest

from safelight_contract import facts
from safelight_contract.facts import Change, Removed
from safelight_contract.resources import (
    AVAILABLE_IMAGE,
    CATEGORY,
    IMAGE_UPLOAD,
    Condition,
    Failure,
    Kind,
    Progress,
)
from safelight_contract.stalls import Stall
from safelight_local import paths
from safelight_operator.endings import MAX_ATTEMPTS_BEFORE
from tests.support.definitions import fields, schema

PAGE = (paths.ROOT / "docs" / "resources.md").read_text()


def chapter(kind: Kind) -> str:
    """Return the part of the page about one kind."""
    return PAGE.partition(f"\n## {kind.kind}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("kind", [IMAGE_UPLOAD, AVAILABLE_IMAGE], ids=lambda k: k.plural)
def test_exactly_the_fields_are_described(kind: Kind) -> None:
    described = re.findall(r"^\| `((?:spec|status)\.[^`]+)` \|", chapter(kind), re.MULTILINE)
    assert described == [field for field in fields(schema(kind)) if "." in field]


def test_exactly_the_reasons_are_explained() -> None:
    explained = re.findall(r"^\| `([A-Z]\w+)` \|", chapter(IMAGE_UPLOAD), re.MULTILINE)
    assert explained == [*Failure, *Stall]
    under_way = re.findall(r"^\| Unknown \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert under_way == list(Progress)


@pytest.mark.parametrize(
    ("field", "closed"),
    [("changes", Change), ("removed", Removed), ("warnings", facts.Warning)],
)
def test_exactly_the_words_of_the_facts_are_explained(field: str, closed: type[StrEnum]) -> None:
    rows = re.findall(rf"^\| {field} \| ([^|]+) \|", chapter(AVAILABLE_IMAGE), re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(closed)


@pytest.mark.parametrize("condition", Condition, ids=str)
def test_every_condition_is_explained(condition: Condition) -> None:
    assert f"`{condition}`" in PAGE


@pytest.mark.parametrize("failure", Failure, ids=str)
def test_the_number_of_further_attempts_is_right(failure: Failure) -> None:
    row = re.search(rf"^\| `{failure}` \|[^|]*\| (\w+) \|", PAGE, re.MULTILINE)
    assert row is not None
    further = MAX_ATTEMPTS_BEFORE.get(failure, 1) - 1
    assert row[1] == (str(further) if further else "no")


def test_short_names_and_the_category_are_told() -> None:
    for name in (IMAGE_UPLOAD.short_name, AVAILABLE_IMAGE.short_name, CATEGORY):
        assert f"`{name}`" in PAGE
