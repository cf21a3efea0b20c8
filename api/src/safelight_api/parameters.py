"""Header values with parameters: `type; name=value; name="value"`. Pure.

Read as RFC 9110, section 5.6.6 has it, and as clients write it: blanks around the equals sign, and
backslashes that escape nothing, which browsers leave as they are in names of files.
"""

import re
from typing import Final

_PARAMETER: Final = re.compile(
    r"""[ \t]*+;[ \t]*+(?:
        (?P<name>[^\s=;"]++)[ \t]*+=[ \t]*+
        (?:"(?P<escaped>(?:[^"\\]|\\.)*+)"[ \t]*+|"(?P<quoted>[^"]*+)"[ \t]*+|(?P<plain>[^;"]*+))
        (?=;|\Z)
    )?""",
    re.VERBOSE | re.DOTALL,
)
"""Nothing in it is tried twice (`*+`): a value may be as long as a head, and comes from anybody."""
_ESCAPED: Final = re.compile(r'\\(["\\])')


def parse(value: str) -> tuple[str, dict[str, str]]:
    """Return what stands before the parameters, and the parameters; names in lower case.

    Args:
        value: of a header, each character a byte.

    Raises:
        ValueError: it is malformed, or has a parameter twice, of which nobody can say which counts.
    """
    kind = value.partition(";")[0]
    found: dict[str, str] = {}
    position = len(kind)
    while position < len(value):
        match = _PARAMETER.match(value, position)
        if match is None:
            raise ValueError("a parameter is malformed")
        position = match.end()
        if match["name"] is None:
            continue
        name = match["name"].lower()
        if name in found:
            raise ValueError("a parameter is there twice")
        found[name] = _value(match)
    return kind.strip().lower(), found


def _value(match: re.Match[str]) -> str:
    if match["escaped"] is not None:
        return _ESCAPED.sub(r"\1", match["escaped"])
    if match["quoted"] is not None:
        return match["quoted"]
    return match["plain"].strip()
