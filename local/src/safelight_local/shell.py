"""Runs a program and turns its failure into an error that a person can read."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TextIO

from safelight_local import progress
from safelight_local.errors import LocalError

_SHOWN: Final = 200


def run(
    *command: str | Path,
    log: Path | None = None,
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
    may_fail: bool = False,
) -> str:
    """Run a program and return what it printed.

    Args:
        command: the program and its arguments.
        log: where its output goes instead.
        stdin: what it reads.
        environment: variables added to this process's.
        may_fail: whether a failure, or a missing program, is as good as success.

    Raises:
        LocalError: the program is missing, or failed.
    """
    arguments = [str(part) for part in command]
    shown = shlex.join(arguments)[:_SHOWN]
    try:
        if log:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a") as output:
                ended = _run(arguments, stdin, environment, output)
        else:
            ended = _run(arguments, stdin, environment, None)
    except FileNotFoundError as error:
        if may_fail:
            return ""
        raise LocalError(f"{arguments[0]} is missing") from error
    if ended.returncode and not may_fail:
        reason = f"{progress.last_line(log)}\n  (more in {log})" if log else ended.stderr.strip()
        raise LocalError(f"{shown} failed ({ended.returncode}): {reason}")
    return ended.stdout or ""


def _run(
    arguments: list[str],
    stdin: str | None,
    environment: Mapping[str, str] | None,
    output: TextIO | None,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        env={**os.environ, **(environment or {})},
        input=stdin if stdin is not None else "",
        stdout=output or subprocess.PIPE,
        stderr=subprocess.STDOUT if output else subprocess.PIPE,
        text=True,
        check=False,
    )
