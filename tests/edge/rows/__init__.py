"""The table of hostile requests, row by row."""

from typing import Final

from tests.edge.rows import chunks, flows, framing, heads, upgrades
from tests.edge.rows.row import Row

ROWS: Final[tuple[Row, ...]] = tuple(
    row for kind in (upgrades, framing, chunks, heads, flows) for row in kind.rows()
)
