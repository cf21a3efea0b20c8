"""The whole of it: the cluster up, the chart installed, one run, its judgement, all put back."""

import glob
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Final

from safelight_local import binaries, paths, up
from safelight_local.progress import Progress
from safelight_local.stack import Stack
from tests.faults import history
from tests.faults.chaos import files, hostile, release, summary
from tests.faults.chaos.run import Mix, run
from tests.faults.chaos.settling import settle
from tests.faults.chaos.summary import Outcome
from tests.faults.checker import judge
from tests.faults.history import Recorder
from tests.faults.observer import observing
from tests.support import corpus

FOLDER: Final = paths.STATE / "chaos"
"""Each run has a folder here: its history, and in `pods` the logs of all containers."""
_DRAIN_SECONDS: Final = 480.0
_LOOK_SECONDS: Final = 1.0


def seed(environment: Mapping[str, str] = os.environ) -> int:
    """Return SAFELIGHT_SEED, which repeats a run, or else a new seed."""
    return int(environment.get("SAFELIGHT_SEED") or secrets.randbelow(1_000_000))


def chaos(seed: int, seconds: float, uploads: int) -> Outcome:
    """Run the mix and judge it.

    Raises:
        LocalError: the cluster does not start, or does not get healthy again.
    """
    progress = Progress()
    folder = FOLDER / str(seed)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "history.jsonl"
    file.unlink(missing_ok=True)
    up.up(progress, photo=None)
    stack = Stack.of(binaries.ensure(progress))
    chosen = files.choose(seed, uploads, corpus.rows(corpus.directory()))
    mix = Mix(seed, seconds, chosen, hostile.is_wanted())
    values: dict[str, object] = {"crds": {"enabled": False}, "limits": {"uploadTotalSeconds": 20}}
    with (
        release.installed(stack, values, folder, progress) as installed,
        Recorder(file) as recorder,
        _logs_kept(stack.node.logs / "pods", release.NAME, folder / "pods"),
    ):
        progress.say(f"seed {seed}: {seconds:.0f} s of faults, {uploads} uploads")
        with observing(installed.cluster, release.NAME, recorder, installed.processor_image):
            ran = run(mix, installed, stack, recorder, _DRAIN_SECONDS)
            left = settle(installed, stack.storage, recorder, ran, folder / "pods")
    outcome = Outcome(ran, left, judge(history.read(file)))
    progress.say("\n".join(summary.lines(outcome)))
    return outcome


@contextmanager
def _logs_kept(logs: Path, namespace: str, folder: Path) -> Iterator[None]:
    """Keep the logs of all containers, also of pods that are deleted, for the length of a block."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    ended = Event()

    def keep() -> None:
        while not ended.wait(_LOOK_SECONDS):
            # The kubelet removes folders meanwhile: the module glob skips them, a Path's raises.
            for file in glob.iglob(f"{namespace}_*/*/*.log", root_dir=logs):  # noqa: PTH207 - see above
                # A second name of the same file: it stays when the kubelet removes the first.
                with suppress(OSError):
                    os.link(logs / file, folder / file.replace(os.sep, "_"))

    thread = Thread(target=keep)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
