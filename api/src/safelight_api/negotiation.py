"""Which of several files a client gets: negotiation by Accept (RFC 9110, section 12.5.1). Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, Protocol, TypeVar

MAX_LENGTH: Final = 2048
"""Of the header, in characters; a longer one counts as absent. Browsers send at most 200."""
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110's word for a word
_QUOTED: Final = r'"(?:[^"\\]|\\.)*+"'
_ELEMENT = re.compile(rf"(?:[^,\"]|{_QUOTED}?+)++")
"""One of a list's elements; a comma within quotes does not end it."""
_RANGE = re.compile(rf"\s*+({_TOKEN})/({_TOKEN})\s*+(.*)", re.DOTALL)
_PARAMETER = re.compile(rf"\s*+;\s*+(?:({_TOKEN})=({_TOKEN}|{_QUOTED}))?+\s*+")
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_ANY: Final = "*"


class File(Protocol):
    """What is offered."""

    @property
    def media_type(self) -> str:
        """Its media type, without parameters."""

    @property
    def size(self) -> int:
        """Its bytes."""


F = TypeVar("F", bound=File)


def choose(accept: str | None, files: Sequence[F], usual: str) -> F:
    """Return the file that suits a client best; never none, since 406 helps nobody.

    The highest weight wins, then the fewest bytes. But a type that the client does not name, only
    covers by a wildcard, comes after the usual one: programs that know neither WebP nor AVIF say
    that they accept `*/*`.

    Args:
        accept: the header's value, if there is one.
        files: one or more, of different media types.
        usual: the media type that all clients can be expected to show.
    """
    header = "" if accept is None or len(accept) > MAX_LENGTH else accept
    ranges = list(_ranges(header)) or [(_ANY, _ANY, 1.0)]
    named = {f"{kind}/{subtype}" for kind, subtype, _ in ranges} | {usual}
    weights = {file.media_type: _weight(file.media_type, ranges) for file in files}
    if not any(weights.values()):
        return next((file for file in files if file.media_type == usual), files[0])
    return max(
        files,
        key=lambda file: (weights[file.media_type], file.media_type in named, -file.size),
    )


def _weight(media_type: str, ranges: Sequence[tuple[str, str, float]]) -> float:
    """Return the weight that the most specific of the matching ranges gives; 0: not acceptable."""
    kind, _, subtype = media_type.partition("/")
    for wanted in ((kind, subtype), (kind, _ANY), (_ANY, _ANY)):
        weights = [weight for *media_range, weight in ranges if tuple(media_range) == wanted]
        if weights:
            return max(weights)
    return 0.0


def _ranges(accept: str) -> Iterator[tuple[str, str, float]]:
    """Yield the type, subtype and weight of each media range; what is malformed is left out.

    So is a range with a parameter before its weight: no file has any, so it matches none.
    """
    for element in _ELEMENT.findall(accept):
        found = _RANGE.fullmatch(element)
        if found is None:
            continue
        weight = _weight_in(found[3])
        if weight is not None:
            yield found[1].lower(), found[2].lower(), weight


def _weight_in(parameters: str) -> float | None:
    """Return the weight among the parameters of a range; None: it is malformed, or not for us."""
    position = 0
    while position < len(parameters):
        found = _PARAMETER.match(parameters, position)
        if found is None:
            return None
        name, value = found.groups()
        if name is not None:
            is_weight = name.lower() == "q" and _WEIGHT.fullmatch(value) is not None
            # What follows the weight means something else (RFC 7231's accept-ext), and nothing.
            return float(value) if is_weight else None
        position = found.end()
    return 1.0
