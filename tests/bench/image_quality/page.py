"""Puts tables into a page between two comments, so that the text around them stays a person's."""

import re
from collections.abc import Iterable


def filled(page: str, tables: Iterable[tuple[str, Iterable[str]]]) -> str:
    """Return the page with these tables.

    Args:
        page: with `<!-- table: NAME -->` and `<!-- end of table -->` around the place of each.
        tables: the name and the lines of each.

    Raises:
        ValueError: the page has no place for a table, or more than one.
    """
    for name, lines in tables:
        begin, end = f"<!-- table: {name} -->", "<!-- end of table -->"
        place = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        text = "\n".join((begin, *lines, end))
        page, count = place.subn(text.replace("\\", r"\\"), page)
        if count != 1:
            raise ValueError(f"the page has {count} places for the table {name}")
    return page
