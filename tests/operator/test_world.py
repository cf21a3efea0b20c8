from typing import Any

import pytest

from safelight_contract.job import TerminationMessage
from safelight_operator.world import Job, Pod, Upload
from tests.operator import making

CREATED = "2026-11-24T12:00:00Z"


def pod(**status: Any) -> Pod:  # noqa: ANN401 - a status of any shape
    return Pod.from_dict({"metadata": {"creationTimestamp": CREATED}, "status": status})


def container(**state: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a state of any shape
    return [{"name": "sidecar", "state": {}}, {"name": "processor", "state": state}]


def job(status: dict[str, Any] | None = None, **metadata: Any) -> Job:  # noqa: ANN401 - metadata of any shape
    found = {"name": "job", "uid": "job-uid", "creationTimestamp": CREATED} | metadata
    return Job.from_dict({"metadata": found} | ({"status": status} if status is not None else {}))


@pytest.mark.parametrize(
    ("reason", "waiting"),
    [
        ("ErrImagePull", "ImagePullFailed"),
        ("ImagePullBackOff", "ImagePullFailed"),
        ("ErrImageNeverPull", "ImagePullFailed"),
        ("InvalidImageName", "ImagePullFailed"),
        ("CreateContainerConfigError", "ConfigError"),
        ("CreateContainerError", "ConfigError"),
        ("ContainerCreating", None),
        ("PodInitializing", None),
    ],
)
def test_why_a_container_waits(reason: str, waiting: str | None) -> None:
    assert pod(containerStatuses=container(waiting={"reason": reason})).waiting == waiting


def test_a_pod_without_a_node_is_unschedulable() -> None:
    found = pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}])
    assert found.waiting == "Unschedulable"


def test_a_pod_without_a_status_has_said_nothing_yet() -> None:
    found = Pod.from_dict({"metadata": {"creationTimestamp": CREATED}})
    assert (found.running, found.waiting, found.exit_code) == (False, None, None)


def test_how_a_container_ended() -> None:
    message = TerminationMessage(11, "truncated").encode()
    ended = {"exitCode": 11, "reason": "Error", "message": message}
    found = pod(containerStatuses=container(terminated=ended))
    assert (found.exit_code, found.out_of_memory, found.detail) == (11, False, "truncated")


def test_a_message_that_is_not_ours_is_not_repeated() -> None:
    ended = {"exitCode": 1, "message": "Traceback: secret"}
    assert not pod(containerStatuses=container(terminated=ended)).detail


def test_an_oom_kill_and_a_disruption_are_seen() -> None:
    killed = pod(
        containerStatuses=container(terminated={"exitCode": 137, "reason": "OOMKilled"}),
        conditions=[{"type": "DisruptionTarget", "status": "True"}],
    )
    assert killed.out_of_memory
    assert killed.disrupted


def test_a_job_is_live_until_it_is_complete_or_failed() -> None:
    assert job().is_live
    assert job({"conditions": [{"type": "FailureTarget", "status": "True"}]}).is_live
    assert job({"conditions": [{"type": "Failed", "status": "False"}]}).is_live
    assert not job({"conditions": [{"type": "Complete", "status": "True"}]}).is_live
    failed = job({"conditions": [{"type": "Failed", "status": "True", "reason": "Why"}]})
    assert not failed.is_live
    assert failed.failure == "Why"


def test_the_retry_that_an_upload_asks_for_is_read() -> None:
    metadata = {
        "name": "id",
        "uid": "uid",
        "resourceVersion": "1",
        "creationTimestamp": CREATED,
        "annotations": {"safelight.dev/retry": "again"},
    }
    spec = making.SPEC.to_dict()
    made = Upload.from_dict({"metadata": metadata, "spec": spec})
    assert (made.retry, made.status.observed_retry, made.status.retried_attempts) == (
        "again",
        None,
        0,
    )


def test_a_job_that_says_nothing_of_an_owner_is_none_of_ours() -> None:
    found = job(labels={"safelight.dev/attempt": "1", "safelight.dev/upload-id": making.ID})
    assert (found.upload_id, found.owner_uid, found.attempt) == ("", None, 0)
