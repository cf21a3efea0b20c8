"""The history of a run: one JSON object per line, written while it happens, judged afterwards.

`op` says what a line is. Times are Unix seconds. Client calls have `start` and `end`: what a call
did happened somewhere between the two. All else has `time`. A call that got no answer has code 0.
"""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final, Self

Line = dict[str, Any]

_CALL: Final = frozenset({"client", "start", "end", "code"})

FIELDS: Final[Mapping[str, frozenset[str]]] = {
    # Client calls, one line for each that has ended.
    "upload": _CALL | {"id", "sha256", "expected"},
    "status": _CALL | {"id", "status", "reason"},
    "delete": _CALL | {"id", "of"},
    "retry": _CALL | {"id"},
    "view": _CALL | {"id", "sha256", "complete"},
    "download": _CALL | {"id", "sha256", "complete"},
    "list": _CALL | {"of", "ids"},
    # What an observer's watch saw; fields that do not fit a kind are absent.
    "object": frozenset({"kind", "event", "name", "uid"}),
    # A request of a program that passed through the proxy.
    "call": frozenset({"caller", "verb", "path", "id", "number", "fault"}),
    # What was done to the system, and where the run stands: start, faults-over, drained.
    "fault": frozenset({"what", "target"}),
    "mark": frozenset({"name"}),
    # Once, after the drain.
    "rest": frozenset({"swept", "bucket", "uploads", "images", "jobs", "pods", "finalizers"}),
    # One line for each image, and for each of its variants.
    "variant": frozenset({"id", "key", "decodes", "width", "height", "metadata", "media_type"}),
    "output": frozenset({"id", "decodes", "width", "height", "metadata", "media_type", "sha256"}),
    "secrets": frozenset({"where", "found"}),
    "metrics": frozenset({"accepted", "available", "failed", "deleted", "in_flight"}),
}
"""What every line of an op has, beside `op` and its time; more may be there."""

CALLS: Final = frozenset(op for op, fields in FIELDS.items() if fields >= _CALL)
"""The ops that are calls of a client."""


class HistoryError(ValueError):
    """A line is not what `FIELDS` says: nothing could be judged by it."""


class Recorder:
    """Writes a history. Threads may share one; processes may share a file.

    Each line is in the file when `write` returns, so that a killed run leaves what it saw.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Unbuffered and appending: a line is one write, which other processes cannot split.
        self._file = path.open("ab", buffering=0)
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write no more."""
        self._file.close()

    def write(self, op: str, **fields: Any) -> None:  # noqa: ANN401 - fields of any type
        """Add a line; one that is no call gets the present `time` unless it brings its own.

        Raises:
            HistoryError: the op is unknown, or one of its fields is missing.
        """
        line = {"op": op, **fields}
        if op not in CALLS:
            line.setdefault("time", time.time())
        _check(line)
        text = json.dumps(line, separators=(",", ":")) + "\n"
        with self._lock:
            self._file.write(text.encode())


def read(path: Path) -> list[Line]:
    """Return the lines of a history as they stand in the file.

    Raises:
        HistoryError: a line is none of a history.
    """
    return parse(path.read_text(encoding="utf-8").splitlines())


def parse(lines: Iterable[str]) -> list[Line]:
    """Return lines of a history that are given as text.

    Raises:
        HistoryError: a line is none of a history.
    """
    found: list[Line] = []
    for number, text in enumerate(lines, start=1):
        try:
            line = json.loads(text)
        except ValueError as error:
            raise HistoryError(f"line {number}: {error}") from error
        _check(line, f"line {number}: ")
        found.append(line)
    return found


def _check(line: Line, where: str = "") -> None:
    op = line.get("op", "")
    if op not in FIELDS:
        raise HistoryError(f"{where}unknown op {op!r}")
    missing = FIELDS[op] - line.keys() | ({"time"} - line.keys() if op not in CALLS else set())
    if missing:
        raise HistoryError(f"{where}{op} without {', '.join(sorted(missing))}")
