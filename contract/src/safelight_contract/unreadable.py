"""The one door for objects that cannot be read: whatever is odd about one becomes one error.

An object comes from other people, other versions and other programs. The one that cannot be read
is set aside and told of; all others go on. So each reader of an object is `readable`, and takes
what it reads with the functions here, which look at the type, not only at whether it is there.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from safelight_contract import times

P = ParamSpec("P")
T = TypeVar("T")

_MAX_REASON: Final = 200
_NOTHING: Final[Mapping[str, Any]] = {}


class UnreadableError(Exception):
    """An object cannot be read: it is to be set aside until it changes.

    Args:
        reason: for the log and the Event; short, printable, without the object's own values.
    """


def readable(read: Callable[P, T]) -> Callable[P, T]:
    """Let a reader of an object end in an `UnreadableError` whatever goes wrong in it."""

    @wraps(read)
    def guarded(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return read(*arguments, **named)
        except UnreadableError:
            raise
        except Exception as error:
            raise UnreadableError(_reason(error)) from error

    return guarded


def document(value: object, what: str) -> Mapping[str, Any]:
    """Return a value that must be an object of JSON; one that is absent (null) is empty.

    Raises:
        UnreadableError: it is something else; the same holds for all functions below.
    """
    if value is None:
        return _NOTHING
    if not isinstance(value, Mapping):
        raise UnreadableError(f"{what} is no object")
    return value


def part(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a member that is an object; empty where there is none."""
    return document(of.get(name), name)


def items(of: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """Return a member that is a list of objects; empty where there is none."""
    value = of.get(name)
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(one, Mapping) for one in value):
        raise UnreadableError(f"{name} is no list of objects")
    return value


def text(of: Mapping[str, Any], name: str) -> str:
    """Return a member that is a text which can be written as UTF-8."""
    value = of.get(name)
    if not isinstance(value, str):
        raise UnreadableError(f"{name} is no text")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise UnreadableError(f"{name} holds half a character") from error
    return value


def optional_text(of: Mapping[str, Any], name: str) -> str | None:
    """Return a member that is a text; None where there is none."""
    return None if of.get(name) is None else text(of, name)


def integer(of: Mapping[str, Any], name: str, otherwise: int | None = None) -> int:
    """Return a member that is a whole number of at most 64 bits, or what stands for its absence."""
    value = otherwise if of.get(name) is None else of[name]
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise UnreadableError(f"{name} is no number")
    return value


def time(of: Mapping[str, Any], name: str) -> datetime:
    """Return a member that is a time, in UTC; see `times.parse`."""
    try:
        return times.parse(of.get(name))
    except ValueError as error:
        raise UnreadableError(f"{name}: {error}") from error


def annotation(metadata: Mapping[str, Any], name: str) -> str:
    """Return an annotation; empty where there is none, and where it is no usable text.

    Anybody may have written it, so nonsense in it counts as absent.
    """
    annotations = metadata.get("annotations")
    value = annotations.get(name) if isinstance(annotations, Mapping) else None
    if not isinstance(value, str):
        return ""
    try:
        value.encode()
    except UnicodeEncodeError:
        return ""
    return value


def name_of(resource: object) -> str:
    """Return the name of an object for whoever tells of it; empty where it has none."""
    metadata = resource.get("metadata") if isinstance(resource, Mapping) else None
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return name if isinstance(name, str) and name.isascii() else ""


def version_of(resource: object) -> int:
    """Return the resourceVersion of an object as a number; 0 where it has none."""
    metadata = resource.get("metadata") if isinstance(resource, Mapping) else None
    version = metadata.get("resourceVersion") if isinstance(metadata, Mapping) else None
    if not isinstance(version, str) or not version.isascii() or not version.isdecimal():
        return 0
    return int(version) if len(version) < _MAX_DIGITS else 0


_MAX_DIGITS: Final = 20
"""A resourceVersion has 64 bits."""


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError) and error.args:
        return f"{str(error.args[0])[:_MAX_REASON]} is missing"
    return type(error).__name__
