"""What only an administrator can mend: condition Stalled says so, and mending it is enough."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from safelight_contract.resources import IMAGE_UPLOAD
from safelight_local.stack import Stack
from tests.e2e.failures import causes
from tests.e2e.releases import Release
from tests.support.waiting import eventually

WITHIN = 60.0
"""Seconds in which Stalled shows what needs an administrator."""


@pytest.mark.parametrize(("resource", "reason"), [("pods", "PodMissing")])
def test_quota(besieged: Release, resource: str, reason: str) -> None:
    """A quota holds the upload up; when it is gone the upload goes on, with its first attempt."""
    with quota(besieged, resource):
        upload_id = causes.upload(besieged)
        stalls(besieged, upload_id, reason)

    ends_available(besieged, upload_id, attempt=1)


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
    """Wait for condition Stalled; clients are told meanwhile that it is being processed."""
    eventually(lambda: release.stalls(upload_id), lambda seen: reason in seen, seconds=WITHIN)
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


@contextmanager
def quota(release: Release, resource: str) -> Iterator[None]:
    """Allow no more objects of a kind in the namespace."""
    release.cluster.kubectl("create", "quota", "none", f"--hard={resource}=0")
    try:
        release.cluster.kubectl("wait", "--for=jsonpath={.status.hard}", "quota/none")
        yield
    finally:
        release.cluster.kubectl("delete", "quota", "none")
