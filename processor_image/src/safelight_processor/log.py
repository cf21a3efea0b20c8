"""One JSON line for each event, with what identifies the attempt in every line.

Not the `logging` module: a Job writes about four lines in its life, all of them from one thread.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Log:
    """Writes events, and measures the phases between them.

    Args:
        stream: where the lines go.
        **context: fields of every line. Never a URL: its query is a credential.
    """

    def __init__(self, stream: TextIO, **context: str | int) -> None:
        self._stream = stream
        self._context = context
        self.milliseconds: dict[str, float] = {}
        """How long each phase took, by the clock on the wall."""

    def event(self, name: str, **fields: object) -> None:
        """Write one line."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = json.dumps({"time": now, "event": name, **self._context, **fields})
        print(line, file=self._stream, flush=True)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure the body, also when it fails."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.milliseconds[name] = round((time.perf_counter() - start) * 1000, 1)
