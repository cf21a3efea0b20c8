import io
import time
from pathlib import Path

import pytest

from safelight_local import progress
from safelight_local.progress import Progress


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (42.4, "42 s"), (520, "8 min 40 s")],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert progress.duration(seconds) == text


def test_a_quick_step_is_one_line() -> None:
    stream = io.StringIO()
    with Progress(stream).step("Do it"):
        pass
    assert stream.getvalue() == "+ Do it (0.0 s)\n"


def test_a_failed_step_is_marked() -> None:
    stream = io.StringIO()
    with pytest.raises(OSError, match="no"), Progress(stream).step("Do it"):
        raise OSError("no")
    assert stream.getvalue() == "x Do it (0.0 s)\n"


def test_a_long_step_shows_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    log = tmp_path / "log"
    log.write_text("first\ncompiling etcd\n\n")
    stream = io.StringIO()
    with Progress(stream).step("Build", log):
        time.sleep(0.15)
    first, last = stream.getvalue().splitlines()
    assert first.startswith("  Build: 0.")
    assert first.endswith("| compiling etcd")
    assert last.startswith("+ Build (0.")


def test_a_terminal_gets_one_line_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with Progress(stream).step("Build"):
        time.sleep(0.12)
    assert stream.getvalue().count("\n") == 1
    assert "\r" in stream.getvalue()
