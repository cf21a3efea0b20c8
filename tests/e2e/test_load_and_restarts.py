"""Many at once, and pods killed in the middle: nothing is lost, nothing happens twice."""

import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.conftest import Cluster
from tests.support import photos
from tests.support.client import Client, History
from tests.support.waiting import eventually


def test_twenty_uploads_at_once(client: Client, cluster: Cluster) -> None:
    """All are processed, each to its own picture, and each poll sequence is sound."""
    pictures = [photos.photo(600 + 10 * number, 400) for number in range(20)]
    with ThreadPoolExecutor(20) as pool:
        created = list(pool.map(client.upload, pictures))
    assert len({item["id"] for item in created}) == 20

    for number, item in enumerate(created):
        image = client.wait(item["id"], seconds=180).last["available_image"]
        assert image["width"] == 600 + 10 * number
    for item in created:
        assert cluster.get("imageupload", item["id"]) is None


@pytest.mark.parametrize("component", ["api", "operator"])
def test_killed_in_the_middle_of_ten_uploads(
    client: Client, cluster: Cluster, component: str
) -> None:
    """Every 201 becomes an image, and no poll before, between or after says otherwise."""
    photo = photos.photo(2400, 1600)
    histories: list[History] = []
    unanswered = 0
    with client.watching(histories):
        for number in range(10):
            if number == 5:
                selector = f"app.kubernetes.io/component={component}"
                cluster.kubectl(
                    "delete", "pods", "--selector", selector, "--force", "--grace-period=0"
                )
            while True:
                try:
                    histories.append(History(client.upload(photo)["id"]))
                except (httpx.TransportError, AssertionError):
                    # No 201, no promise: an application uploads again.
                    unanswered += 1
                    assert unanswered < 600
                    eventually(lambda: is_ready(client), bool, seconds=60)
                    continue
                break
        for history in histories:
            eventually(
                lambda history=history: history.statuses[-1:],  # type: ignore[misc]
                lambda seen: seen == ["processed"],
                seconds=180,
            )
    assert len(histories) == 10
    for history in histories:
        assert cluster.get("availableimage", history.upload_id) is not None
    cluster.kubectl("rollout", "status", f"deployment/safelight-{component}", "--timeout=120s")


def test_who_was_refused_while_no_pod_ran_gets_through_afterwards(
    installation: Mapping[str, str], cluster: Cluster
) -> None:
    """From the same ports, which the kernel might still think of as connections to nobody."""
    address = urlsplit(installation["SAFELIGHT_URL"])
    target = (str(address.hostname), int(address.port or 80))
    api, ports = "deployment/safelight-api", range(22_000, 22_050)
    cluster.kubectl("scale", api, "--replicas=0")
    eventually(lambda: connects(target, 0), lambda connected: not connected)
    assert not any(connects(target, port) for port in ports)
    cluster.kubectl("scale", api, "--replicas=1")
    cluster.kubectl("rollout", "status", api, "--timeout=120s")
    eventually(lambda: connects(target, 0), bool)
    assert all(connects(target, port) for port in ports)


def connects(target: tuple[str, int], port: int) -> bool:
    """Say whether a connection from a local port gets through; 0: from any."""
    try:
        socket.create_connection(target, timeout=5, source_address=("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def is_ready(client: Client) -> bool:
    """Say whether the service takes requests."""
    try:
        return client.http.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
