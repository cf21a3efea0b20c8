"""What only an administrator can mend: condition Stalled says so, and mending it is enough."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from safelight_contract import policy
from safelight_contract.resources import IMAGE_UPLOAD
from safelight_local.stack import Stack
from tests.e2e.failures import causes
from tests.e2e.releases import STORAGE, Release
from tests.support.waiting import eventually

DEPLOYMENTS = ("deployment/safelight-api", "deployment/safelight-operator")
WITHIN = 60.0
"""Seconds in which Stalled shows what needs an administrator."""


@pytest.mark.parametrize(
    ("resource", "reason"), [("count/jobs.batch", "QuotaExceeded"), ("pods", "PodMissing")]
)
def test_quota(besieged: Release, resource: str, reason: str) -> None:
    """A quota holds the upload up; when it is gone the upload goes on, with its first attempt."""
    with quota(besieged, resource):
        upload_id = causes.upload(besieged)
        stalls(besieged, upload_id, reason)

    ends_available(besieged, upload_id, attempt=1)


def test_refused_job(besieged: Release) -> None:
    """So does the admission policy, when operator and chart do not belong together."""
    with other_processor(besieged):
        upload_id = causes.upload(besieged)
        stalls(besieged, upload_id, "JobRefused")

    ends_available(besieged, upload_id, attempt=1)


def test_storage_down_for_everybody(besieged: Release) -> None:
    """Nobody can tell how the attempt ended, so nothing is concluded until the storage is back."""
    upload_id = causes.held(besieged)

    besieged.gate.close()
    try:
        answer = refused_upload(besieged)
        assert int(answer["retry-after"]) > 0
        stalls(besieged, upload_id, "StorageUnavailable")
    finally:
        besieged.gate.open()
        besieged.gate.open(upload_id)

    ends_available(besieged, upload_id, attempt=2)


def test_wrong_credentials(besieged: Release) -> None:
    """Nothing is accepted, and what is there already waits for the right credentials."""
    with other_credentials(besieged):
        refused_upload(besieged)
        upload_id = causes.by_hand(besieged, causes.photo(), policy.JPEG)
        stalls(besieged, upload_id, "StorageForbidden")

    ends_available(besieged, upload_id, attempt=2)


def test_node_agent_stops(ordinary: Release, local_binaries: Path) -> None:
    """A Job that ends well needs no kubelet; one that dies is found out when it is back."""
    good, killed = causes.held(ordinary), causes.held(ordinary)
    node = Stack.of(local_binaries).node

    node.stop_kubelet()
    try:
        ordinary.gate.open(good)
        ends_available(ordinary, good, attempt=1)
        os.kill(causes.process_of(killed), signal.SIGKILL)
        ordinary.gate.open(killed)
        assert status(ordinary, killed) == "processing"
    finally:
        node.start_kubelet()

    ends_available(ordinary, killed, attempt=2)


def stalls(release: Release, upload_id: str, reason: str) -> None:
    """Wait until condition and Event tell why; clients are told that it is being processed."""
    eventually(lambda: release.stalls(upload_id), lambda seen: reason in seen, seconds=WITHIN)
    eventually(
        lambda: [(kind, told) for kind, told, _ in release.events(upload_id)],
        lambda seen: ("Warning", reason) in seen,
    )
    (line, *_) = [line for line in release.log(upload_id) if line.get("reason") == reason]
    assert line["message"] == "Stalled"
    assert status(release, upload_id) == "processing"


def status(release: Release, upload_id: str) -> str:
    """Return what a client is told."""
    answer: str = release.client.http.get(f"/api/image-upload/{upload_id}/status").json()["status"]
    return answer


def ends_available(release: Release, upload_id: str, attempt: int) -> None:
    """Wait for the image of an attempt; the condition Stalled was taken back before, if it was."""
    last = release.client.wait(upload_id, interval=0.2).last
    assert last["status"] == "processed", last
    assert last["available_image"]["path"] == f"images/{upload_id}/{attempt}/image.jpg"
    eventually(
        lambda: release.cluster.get(IMAGE_UPLOAD.singular, upload_id), lambda seen: seen is None
    )
    release.forget(upload_id)


def refused_upload(release: Release) -> Mapping[str, str]:
    """Expect that an upload is refused for now, and leaves nothing; return the headers."""
    before = release.cluster.names(IMAGE_UPLOAD.plural)
    answer = release.client.http.post(
        "/api/image-upload", files={"file": ("photo.jpg", causes.photo())}
    )
    assert answer.status_code == 503, answer.text
    assert answer.json()["status"] == 503
    assert release.cluster.names(IMAGE_UPLOAD.plural) == before
    return answer.headers


@contextmanager
def quota(release: Release, resource: str) -> Iterator[None]:
    """Allow no more objects of a kind in the namespace."""
    release.cluster.kubectl("create", "quota", "none", f"--hard={resource}=0")
    try:
        release.cluster.kubectl("wait", "--for=jsonpath={.status.hard}", "quota/none")
        yield
    finally:
        release.cluster.kubectl("delete", "quota", "none")


@contextmanager
def other_processor(release: Release) -> Iterator[None]:
    """Let somebody edit the operator's Deployment: its Jobs are not those that are allowed."""
    deployment = "deployment/safelight-operator"
    image = "SAFELIGHT_PROCESSOR_IMAGE=registry.example.com/other:1"
    release.cluster.kubectl("set", "env", deployment, image)
    try:
        wait_rolled_out(release)
        yield
    finally:
        release.cluster.kubectl("rollout", "undo", deployment)
        wait_rolled_out(release)


@contextmanager
def other_credentials(release: Release) -> Iterator[None]:
    """Run API and operator with an account that the storage does not know."""
    secret = release.cluster.get("secret", STORAGE)
    assert secret is not None
    wrong = {"stringData": {"access-key-id": "nobody", "secret-access-key": "wrong"}}
    try:
        restart_with(release, wrong)
        yield
    finally:
        restart_with(release, {"data": secret["data"]})


def restart_with(release: Release, account: Mapping[str, Any]) -> None:
    """Change the account of the storage as the documentation says."""
    patch = f"--patch={json.dumps(account)}"
    release.cluster.kubectl("patch", "secret", STORAGE, "--type=merge", patch)
    release.cluster.kubectl("rollout", "restart", *DEPLOYMENTS)
    wait_rolled_out(release)


def wait_rolled_out(release: Release) -> None:
    """Wait for the new pods, and until the old ones, which still answer for a moment, are gone."""
    for deployment in DEPLOYMENTS:
        release.cluster.kubectl("rollout", "status", deployment)
    eventually(
        lambda: release.cluster.names("pods", "app.kubernetes.io/component in (api,operator)"),
        lambda seen: len(seen) == len(DEPLOYMENTS),
    )
