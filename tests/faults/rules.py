"""When which fault happens: rules are data, and a book of them counts the calls."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.faults.calls import Call

Callback = Callable[[Call], Awaitable[None]]


class Fault(StrEnum):
    """What happens to a call instead of an answer."""

    REFUSE = "refuse"
    """The connection is cut, nothing is done."""
    CUT_REQUEST = "cut in the request"
    """The server gets half of the body, then both connections are cut."""
    CUT_AFTER = "do, then cut"
    """The server does it and answers, but the answer is lost."""
    CUT_ANSWER = "cut in the answer"
    """Half of the answer's body arrives."""
    SLOW = "slow"
    """It takes `SLOW_SECONDS` longer."""
    HOLE = "black hole"
    """Nothing is done, nothing is said; the connection stays."""
    HOLE_AFTER = "do, then black hole"
    """It is done, nothing is said; the connection stays."""
    CONFLICT = "409"
    EXPIRED = "410"
    PRECONDITION = "412"
    BUSY = "429"
    """With Retry-After."""
    ERROR = "500"
    UNAVAILABLE = "503"


SLOW_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault, for one call."""

    caller: str
    verb: str
    path: str
    number: int | None = 1
    """Which of the calls that match, counted for each upload from 1; None: the next one."""
    fault: Fault | None = None
    """None: the call passes; for the sake of a callback."""
    before: Callback | None = None
    """Is awaited before anything happens."""
    after: Callback | None = None
    """Is awaited when the server has answered, before the caller gets to know."""

    def fits(self, call: Call, number: int) -> bool:
        """Say whether it is for a call."""
        same = (self.caller, self.verb, self.path) == (call.caller, call.verb, call.path)
        return same and self.number in {None, number}


class Rules:
    """The rules that wait for their call. Each happens once."""

    def __init__(self) -> None:
        self._general: list[Rule] = []
        self._of_upload: dict[str, list[Rule]] = {}
        self._marks: dict[str, str] = {}
        self._counts: Counter[tuple[str, str, str, str | None]] = Counter()

    def add(self, rule: Rule, mark: str | None = None) -> None:
        """Let a rule wait.

        Args:
            rule: what is to happen.
            mark: SHA-256 of the file whose upload it is for; None: for any call.
        """
        waiting = self._general if mark is None else self._of_upload.setdefault(mark, [])
        waiting.append(rule)

    def waiting(self, mark: str | None) -> list[Rule]:
        """Return the rules for the upload of a file (None: for any call) that still wait."""
        return self._general if mark is None else self._of_upload.get(mark, [])

    def take(self, call: Call) -> tuple[int, Rule | None]:
        """Count a call; return its number, and the rule whose turn it is."""
        if call.mark is not None and call.upload_id is not None:
            self._marks[call.upload_id] = call.mark
        key = (call.caller, call.verb, call.path, call.upload_id)
        self._counts[key] += 1
        number = self._counts[key]
        own = self._of_upload.get(self._marks.get(call.upload_id or "", ""), [])
        for waiting in (own, self._general):
            for rule in waiting:
                if rule.fits(call, number):
                    waiting.remove(rule)
                    return number, rule
        return number, None
