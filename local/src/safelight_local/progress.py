"""Tells a person what is going on: one line for each step, and a sign of life in long ones."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

PATIENCE: Final = 2.0
"""Seconds after which a step that has not ended announces itself."""
_TERMINAL_INTERVAL: Final = 1.0
_LOG_INTERVAL: Final = 15.0
_MAX_WIDTH: Final = 100
_TAIL_BYTES: Final = 4096


def duration(seconds: float) -> str:
    """Return a duration as people write it: `0.4 s`, `42 s`, `8 min 40 s`."""
    if seconds < 10:  # noqa: PLR2004 - two digits are enough for a person
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def last_line(log: Path) -> str:
    """Return the last line of a log that says something; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


class Progress:
    """Writes the steps to a stream; rewrites the current line if the stream is a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._is_terminal = self._stream.isatty()

    def say(self, text: str = "") -> None:
        """Write a line."""
        print(text, file=self._stream, flush=True)

    @contextmanager
    def step(self, title: str, log: Path | None = None) -> Iterator[None]:
        """Report what happens inside the block, and how long it took.

        Args:
            title: what is being done, as `Build the images`.
            log: a file that grows meanwhile; its last line is shown as a sign of life.
        """
        begin = time.monotonic()
        ended = threading.Event()
        reporter = threading.Thread(target=self._report, args=(title, log, ended), daemon=True)
        reporter.start()
        mark = "x"
        try:
            yield
            mark = "+"
        finally:
            ended.set()
            reporter.join()
            clear = "\r\033[K" if self._is_terminal else ""
            self.say(f"{clear}{mark} {title} ({duration(time.monotonic() - begin)})")

    def _report(self, title: str, log: Path | None, ended: threading.Event) -> None:
        begin = time.monotonic()
        pause = PATIENCE
        while not ended.wait(pause):
            pause = _TERMINAL_INTERVAL if self._is_terminal else _LOG_INTERVAL
            text = f"  {title}: {duration(time.monotonic() - begin)}"
            detail = last_line(log) if log else ""
            text = f"{text} | {detail}"[:_MAX_WIDTH] if detail else text
            print(
                f"\r\033[K{text}" if self._is_terminal else text,
                end="" if self._is_terminal else "\n",
                file=self._stream,
                flush=True,
            )
