"""The file that tells scripts and tests where everything is: one shell assignment on a line."""

import shlex
from collections.abc import Mapping


def render(variables: Mapping[str, str]) -> str:
    """Return lines that a shell can source, `NAME=value`, quoted where that is needed."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())


def parse(text: str) -> dict[str, str]:
    """Read what `render` wrote.

    Raises:
        ValueError: a line is no assignment.
    """
    assignments = (word.partition("=") for word in shlex.split(text, comments=True))
    variables = {}
    for name, equals, value in assignments:
        if not equals:
            raise ValueError(f"{name!r} is no assignment")
        variables[name] = value
    return variables
