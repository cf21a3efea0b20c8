"""The tables of settings are true: variables, bounds, defaults, values."""

import json
import re
from pathlib import Path

import pytest
import yaml

from safelight_contract.job import REQUEST_VARIABLE
from safelight_local import paths
from tests.support.chart import REQUIRED, flat
from tests.support.settings import UNITS, Variable, allowed, variables
from tests.support.values_table import DOCUMENTS, VALUES, described_values, with_table

PAGE = (paths.ROOT / "docs" / "settings.md").read_text()
SOURCES = (
    "contract/src",
    "adapters/src",
    "api/src",
    "operator/src",
    "processor_image/src",
    "local/src",
)


def documented() -> dict[str, list[str]]:
    """Return the rows of the table of variables by name: unit, default, allowed, value, meaning."""
    rows = re.findall(r"^\| `(SAFELIGHT_\w+)` \|(.*)\|$", PAGE, re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in rows}


def read_by_units() -> dict[str, tuple[list[str], Variable]]:
    """Return all variables that units read, with the units."""
    result: dict[str, tuple[list[str], Variable]] = {}
    for unit in UNITS:
        for variable in variables(unit).values():
            result.setdefault(variable.name, ([], variable))[0].append(unit)
    return result


def test_exactly_the_variables_that_units_read_are_documented() -> None:
    assert set(documented()) == set(read_by_units())


@pytest.mark.parametrize("name", sorted(read_by_units()))
def test_a_variable_is_documented_as_it_is_read(name: str) -> None:
    units, variable = read_by_units()[name]
    read_by, default, may_be, value, meaning = documented()[name]
    assert read_by == ", ".join(units)
    assert default == ("required" if variable.default is None else f"`{variable.default}`")
    assert may_be == allowed(variable)
    assert value.strip("`") in {"", *(v.name for v in described_values())}
    assert meaning.endswith(".")


def test_the_chart_takes_no_number_that_a_unit_refuses() -> None:
    schema = json.loads((paths.CHART / "values.schema.json").read_text())
    checked = set()
    for name, (_, default, _, value, _) in documented().items():
        _, variable = read_by_units()[name]
        if variable.least is None or variable.most is None or not value:
            continue
        node = schema
        for key in value.strip("`").split("."):
            node = node["properties"][key]
        assert node["minimum"] >= variable.least, name
        assert node["maximum"] <= variable.most, name
        assert default, name
        checked.add(name)
    assert len(checked) > 10


def test_no_source_reads_a_variable_that_the_page_does_not_name() -> None:
    ours = {
        name
        for folder in SOURCES
        for path in (paths.ROOT / folder).rglob("*.py")
        for name in re.findall(r"\bSAFELIGHT_[A-Z][A-Z0-9_]*[A-Z0-9]\b", path.read_text())
    }
    assert REQUEST_VARIABLE in ours
    unnamed = {name for name in ours if name not in PAGE}
    assert unnamed <= PRIVATE


PRIVATE = {
    "SAFELIGHT_URL",  # written to local/state/env for scripts
    "SAFELIGHT_TOKEN",
    "SAFELIGHT_LOCAL_PROCESS",  # marks the processes of the local cluster
}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_table_of_values_is_up_to_date(document: Path) -> None:
    text = document.read_text()
    assert text == with_table(text), "run: python -m tests.support.values_table"


def test_every_value_has_a_description() -> None:
    described = [value.name for value in described_values()]
    for name in flat(yaml.safe_load(VALUES.read_text())):
        assert any(name == d or name.startswith(f"{d}.") for d in described), name
    assert len(described) == len(set(described))
    for value in described_values():
        assert value.description.endswith("."), value.name
    assert set(REQUIRED) <= set(described)
