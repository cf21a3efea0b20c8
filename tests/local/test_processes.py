import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from safelight_local import processes
from safelight_local.errors import LocalError
from safelight_local.processes import Daemon, Process


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that does nothing, and is gone after the test."""
    daemon = Daemon(
        name="sleeper",
        command=("sleep", "300"),
        owner=tmp_path / "state",
        log=tmp_path / "logs" / "sleeper.log",
    )
    yield daemon
    for process in list(processes.find(tmp_path)):
        processes.stop(process)


def _running(daemon: Daemon) -> Process:
    process = processes.running(daemon)
    assert process is not None
    return process


def _eventually(check: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not check():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_starts_once_and_stops(sleeper: Daemon) -> None:
    assert processes.ensure(sleeper)
    process = _running(sleeper)
    assert process.is_daemon
    assert os.getsid(process.pid) != os.getsid(0), "it must survive the terminal's end"
    assert not processes.ensure(sleeper)
    assert _running(sleeper).pid == process.pid
    processes.stop_daemon(sleeper)
    assert processes.running(sleeper) is None


def test_starts_again_after_it_was_killed(sleeper: Daemon) -> None:
    processes.ensure(sleeper)
    os.kill(_running(sleeper).pid, signal.SIGKILL)
    _eventually(lambda: processes.running(sleeper) is None)
    assert processes.ensure(sleeper)


@pytest.mark.parametrize(
    "change",
    [{"command": ("sleep", "301")}, {"inputs": "new key"}, {"environment": {"A": "1"}}],
    ids=["command", "files", "environment"],
)
def test_restarts_what_was_started_otherwise(sleeper: Daemon, change: dict[str, object]) -> None:
    processes.ensure(sleeper)
    old = _running(sleeper)
    changed = replace(sleeper, **change)  # type: ignore[arg-type]  # a table of different fields
    assert processes.ensure(changed)
    assert _running(changed).pid != old.pid
    assert [process.pid for process in processes.find(sleeper.owner)] == [_running(changed).pid]


def test_a_number_that_somebody_else_got_is_not_ours(sleeper: Daemon) -> None:
    """A pid is reused: the process that has it now must survive."""
    with subprocess.Popen(["sleep", "300"]) as stranger:
        stale = Process(stranger.pid, "sleeper", sleeper.owner, sleeper.mark, is_daemon=True)
        processes.stop(stale)
        assert stranger.poll() is None
        assert processes.running(sleeper) is None
        stranger.kill()


def test_stopping_what_is_gone_does_nothing(sleeper: Daemon) -> None:
    processes.ensure(sleeper)
    process = _running(sleeper)
    processes.stop(process)
    processes.stop(process)


def test_children_carry_the_mark_but_are_no_daemons(sleeper: Daemon) -> None:
    """Containers' shims outlive containerd, and must be found, but not taken for it."""
    parent = replace(sleeper, command=("sh", "-c", "sleep 300 & wait"))
    processes.ensure(parent)
    _eventually(lambda: len(list(processes.find(parent.owner))) == 2)
    kinds = {process.is_daemon for process in processes.find(parent.owner)}
    assert kinds == {True, False}
    os.kill(_running(parent).pid, signal.SIGKILL)
    _eventually(lambda: processes.running(parent) is None)
    assert [process.is_daemon for process in processes.find(parent.owner)] == [False]


def test_kills_what_does_not_listen(sleeper: Daemon) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True)"
    deaf = replace(sleeper, command=(sys.executable, "-c", f"{code}; time.sleep(300)"))
    processes.ensure(deaf)
    _eventually(lambda: "deaf" in deaf.log.read_text())
    processes.stop_daemon(deaf, patience=0.1)
    assert processes.running(deaf) is None


def test_owners_do_not_see_each_other(sleeper: Daemon) -> None:
    other = replace(sleeper, owner=sleeper.owner.with_name("state-of-another"))
    processes.ensure(sleeper)
    assert processes.running(other) is None
    assert list(processes.find(other.owner)) == []
    assert [process.name for process in processes.find(sleeper.owner.parent)] == ["sleeper"]


def test_a_bound_process_ends_with_a_killed_parent(sleeper: Daemon) -> None:
    code = f"""
import os, signal
from pathlib import Path
from safelight_local.processes import Daemon, ensure
state = Path({str(sleeper.owner)!r})
ensure(Daemon("sleeper", ("sleep", "300"), state, state / "log", bound=True))
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    _eventually(lambda: processes.running(sleeper) is None)


def test_a_bound_process_that_was_killed_leaves_no_zombie(sleeper: Daemon) -> None:
    bound = replace(sleeper, bound=True)
    processes.ensure(bound)
    killed = _running(bound)
    os.kill(killed.pid, signal.SIGKILL)
    _eventually(lambda: processes.running(bound) is None)
    assert processes.ensure(bound)
    assert not Path(f"/proc/{killed.pid}").exists()


def test_says_why_a_process_ended(sleeper: Daemon) -> None:
    broken = replace(sleeper, command=("sh", "-c", "sleep 0.3; echo no disk left; exit 1"))
    processes.ensure(broken)
    with pytest.raises(LocalError, match=r"sleeper has ended: no disk left"):
        processes.wait_ready(broken, lambda: False, timeout=10)


def test_says_that_a_process_is_not_ready_in_time(sleeper: Daemon) -> None:
    processes.ensure(sleeper)
    with pytest.raises(LocalError, match=r"not ready after 0\.1 s"):
        processes.wait_ready(sleeper, lambda: False, timeout=0.1)


def test_says_that_a_program_is_missing(
    sleeper: Daemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "_START_WITHIN", 0.3)
    with pytest.raises(LocalError, match=r"No such file"):
        processes.ensure(replace(sleeper, command=("/nowhere/program",)))
