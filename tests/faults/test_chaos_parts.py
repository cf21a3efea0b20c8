import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults.chaos import files, targets, twin
from tests.faults.chaos.book import Intent, Upload
from tests.faults.chaos.files import File
from tests.support.waiting import eventually

FILE = File("photo.jpg", b"", "ok")
NOTHING = Intent(delete_at=None, delete_image=False, retries=0)


def upload(intent: Intent = NOTHING, status: str = "processed", **changed: bool | int) -> Upload:
    made = Upload("id", "c1", FILE, intent, accepted=0, status=status)
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def test_files_are_of_all_kinds_and_the_same_for_the_same_seed(
    corpus: list[dict[str, str]],
) -> None:
    chosen = files.choose(3, 100, corpus)

    assert [file.name for file in files.choose(3, 100, corpus)] == [file.name for file in chosen]
    assert len(chosen) == 100
    assert min(Counter(file.expected for file in chosen).values()) >= 1
    assert {file.expected for file in chosen} == {"ok", "fail", "either"}


def test_files_without_a_corpus() -> None:
    assert {file.expected for file in files.choose(3, 100, [])} == {"ok", "fail"}


def test_an_upload_is_over_when_all_that_is_intended_has_been_done() -> None:
    assert upload().is_over
    assert not upload(status="processing").is_over
    assert not upload(status="not_found").is_over

    deleting = Intent(delete_at=1.0, delete_image=False, retries=0)
    assert not upload(deleting).is_over
    assert upload(deleting, "processing", deleted=True).is_over
    assert not upload(Intent(delete_at=None, delete_image=True, retries=0)).is_over

    retrying = Intent(delete_at=None, delete_image=False, retries=1)
    assert not upload(retrying, "failed").is_over
    assert upload(retrying, "failed", retried=1).is_over


def test_a_paused_process_does_nothing_until_it_is_woken() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        with targets.paused(process.pid):
            eventually(lambda: state(process.pid), lambda seen: seen == "T")
        eventually(lambda: state(process.pid), lambda seen: seen != "T")
        process.send_signal(signal.SIGKILL)


def test_pausing_a_process_that_ends_meanwhile() -> None:
    with subprocess.Popen(["sleep", "60"]) as process, targets.paused(process.pid):
        process.send_signal(signal.SIGKILL)
        process.wait()


def state(pid: int) -> str:
    fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return fields[0]


def test_a_twin_differs_from_the_operator_in_its_names_and_its_lease() -> None:
    def deployment(name: str, labels: dict[str, str], lease: str) -> dict[str, Any]:
        variables = [
            {"name": "SAFELIGHT_LOG_LEVEL", "value": "info"},
            {"name": "SAFELIGHT_LEASE_NAME", "value": lease},
        ]
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "n"},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "operator", "env": variables}]},
                },
            },
        }

    original = deployment("safelight-operator", {"a": "b"}, "safelight-operator")
    labels = {"app.kubernetes.io/name": twin.NAME}
    assert twin.twin(original) == deployment(twin.NAME, labels, twin.NAME)
    assert original == deployment("safelight-operator", {"a": "b"}, "safelight-operator")
