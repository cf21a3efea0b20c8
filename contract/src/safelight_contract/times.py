"""Times as Kubernetes and clients write them (RFC 3339): one reader for all, and one writer.

What is read here may have been written by anybody. So the reader takes each text, and refuses in
one way; and what it returns can be moved by a year, compared and written without further care.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

FIRST_YEAR: Final = 1970
"""Nothing of a cluster is older. Go's zero time, the year 1, says that there is no time."""
LAST_YEAR: Final = 9998
"""Python's calendar ends a year later: room for every retention and every time zone."""

_FORM: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(?:\.(\d{1,30}))?(?:[Zz]|([+-])(\d\d):(\d\d))?",
    re.ASCII,
)
_LEAP: Final = 60
_MICROSECOND_DIGITS: Final = 6


def parse(text: object) -> datetime:
    """Return the moment that a text names, in UTC; a text without an offset is in UTC.

    A leap second (RFC 3339, section 5.6) is the second after it.

    Raises:
        ValueError: it is no text, no time, or a time outside the years that are taken.
    """
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("it is no time")
    day, minute, second, fraction, sign, hours, minutes = found.groups()
    is_leap = int(second) == _LEAP
    offset = timedelta()
    if sign is not None:
        offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    digits = (fraction or "0")[:_MICROSECOND_DIGITS]
    try:
        moment = datetime.fromisoformat(f"{day}T{minute}:{'59' if is_leap else second}")
        moment = moment.replace(
            microsecond=int(digits.ljust(_MICROSECOND_DIGITS, "0")), tzinfo=timezone(offset)
        ).astimezone(UTC)
        moment += timedelta(seconds=is_leap)
    except (OverflowError, ValueError) as error:
        raise ValueError("the time is outside the calendar") from error
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError("the time is outside the years that are taken")
    return moment


def write(moment: datetime) -> str:
    """Return a moment in whole seconds of UTC, as Kubernetes writes its own; it sorts as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
