"""The table of the chart's values, made from the comments in its values.yaml.

`python -m tests.support.values_table` writes it into the documents that hold it; a test says when
that has to be done.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from safelight_local import paths
from tests.support.chart import REQUIRED

VALUES: Final = paths.CHART / "values.yaml"
DOCUMENTS: Final = (paths.CHART / "README.md", paths.ROOT / "docs" / "settings.md")
BEGIN: Final = "<!-- The table is made from values.yaml: python -m tests.support.values_table -->"
END: Final = "<!-- The end of the table. -->"

_LINE = re.compile(r"(?P<indent> *)(?:# (?P<comment>.*)|(?P<key>[A-Za-z0-9]+):.*|.*)")
_STEP: Final = 2


@dataclass(frozen=True)
class Value:
    """One value of the chart that has a description."""

    name: str
    default: Any
    description: str

    def row(self) -> str:
        """Return its line of the table."""
        default = "required" if self.name in REQUIRED else f"`{json.dumps(self.default)}`"
        return f"| `{self.name}` | {default} | {self.description} |"


def described_values() -> list[Value]:
    """Return all values that have a description, in the order of the file."""
    values = yaml.safe_load(VALUES.read_text())
    return [Value(name, _at(values, name), text) for name, text in _descriptions()]


def table() -> str:
    """Return the table."""
    rows = [value.row() for value in described_values()]
    return "\n".join(["| value | default | meaning |", "| --- | --- | --- |", *rows])


def with_table(document: str) -> str:
    """Return a document with the table between its two markers renewed.

    Raises:
        ValueError: it has no markers.
    """
    before, found, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not found or not end:
        raise ValueError("the document has no place for the table")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _descriptions() -> Iterator[tuple[str, str]]:
    parents: list[str] = []
    description: list[str] | None = None
    for line in VALUES.read_text().splitlines():
        found = _LINE.fullmatch(line)
        assert found is not None
        comment, key = found["comment"], found["key"]
        if comment is not None and comment.startswith("-- "):
            description = [comment.removeprefix("-- ")]
        elif comment is not None and description is not None:
            description.append(comment)
        elif key is not None:
            parents[len(found["indent"]) // _STEP :] = [key]
            if description is not None:
                yield ".".join(parents), " ".join(description)
            description = None


def _at(values: Any, name: str) -> Any:  # noqa: ANN401 - a value of YAML
    for key in name.split("."):
        values = values[key]
    return values


def _write(document: Path) -> None:
    document.write_text(with_table(document.read_text()))


if __name__ == "__main__":
    for path in DOCUMENTS:
        _write(path)
