"""The local cluster itself: what is run again, and what comes back after a crash."""

import io
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from safelight_local import env_file, paths, processes, shell, up
from safelight_local.progress import Progress


@dataclass(frozen=True)
class Run:
    """What a run of `make up` without a photo returned, and how long it took, in seconds."""

    variables: Mapping[str, str]
    seconds: float


def _up() -> Run:
    begin = time.monotonic()
    variables = up.up(Progress(io.StringIO()), photo=None)
    return Run(variables, time.monotonic() - begin)


def _pids() -> set[int]:
    return {process.pid for process in processes.find(paths.STATE) if process.is_daemon}


def _kubectl(installation: Mapping[str, str], *arguments: str) -> str:
    return shell.run(
        installation["KUBECTL"],
        f"--namespace={installation['SAFELIGHT_NAMESPACE']}",
        *arguments,
        environment={"KUBECONFIG": installation["KUBECONFIG"]},
    )


def _is_ready(installation: Mapping[str, str]) -> bool:
    url = f"{installation['SAFELIGHT_URL']}/readyz"
    return httpx.get(url, trust_env=False).status_code == 200


def test_a_second_run_changes_nothing(installation: Mapping[str, str]) -> None:
    generations = ("get", "deployments", "-o", "jsonpath={.items[*].metadata.generation}")
    before = _kubectl(installation, *generations)
    pids = _pids()
    again = _up()
    assert again.variables == installation
    assert _pids() == pids, "no process was restarted"
    assert _kubectl(installation, *generations) == before, "nothing was rolled out"
    assert again.seconds < 20


def test_the_file_for_scripts_is_private_and_says_the_same(
    installation: Mapping[str, str],
) -> None:
    assert paths.ENV_FILE.stat().st_mode & 0o777 == 0o600
    assert env_file.parse(paths.ENV_FILE.read_text()) == installation


def test_recovers_when_everything_was_killed(installation: Mapping[str, str]) -> None:
    """Containers, mounts, bridge and firewall rules are left over; data must survive."""
    _kubectl(installation, "create", "configmap", "kept", "--from-literal=a=b")
    objects = Path(paths.STATE / "object-storage" / "data" / installation["S3_BUCKET"])
    assert objects.is_dir()
    for process in list(processes.find(paths.STATE)):
        os.kill(process.pid, signal.SIGKILL)
    recovered = _up()
    assert recovered.variables == installation
    assert recovered.seconds < 60
    assert _is_ready(installation)
    assert objects.is_dir()
    _kubectl(installation, "delete", "configmap", "kept")


@pytest.mark.parametrize("name", ["kubelet", "kube-apiserver", "versitygw", "containerd"])
def test_recovers_when_one_process_was_killed(installation: Mapping[str, str], name: str) -> None:
    for process in list(processes.find(paths.STATE)):
        if process.name == name and process.is_daemon:
            os.kill(process.pid, signal.SIGKILL)
    assert _up().variables == installation
    assert _is_ready(installation)
    running = {process.name for process in processes.find(paths.STATE) if process.is_daemon}
    assert name in running
