"""The table of hostile requests, row by row."""

from typing import Final

from tests.edge.rows import chunks, flows, framing, heads, upgrades
from tests.edge.rows.row import Row

_BODIES: Final = tuple(row for kind in (upgrades, framing, chunks, flows) for row in kind.rows())
ROWS: Final[tuple[Row, ...]] = (*_BODIES, *heads.rows())


def through(way: str) -> tuple[Row, ...]:
    """Return the rows for a way to the API.

    Oddities of heads end at a proxy mostly: they go through one of each make. Requests with bodies
    go through all.
    """
    if way == "direct":
        return ROWS
    rows = ROWS if way in {"nginx", "haproxy-safe", "caddy"} else _BODIES
    return tuple(row for row in rows if not row.is_variant)
