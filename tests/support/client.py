"""A client of the REST API as an application has it, and what its polls have seen."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any, Self

import httpx

from safelight_contract import keys, policy

PROCESSING = "processing"


@dataclass
class History:
    """All that the polls of one upload have seen, in order."""

    upload_id: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    unanswered: int = 0
    """Polls that got no answer or a 5xx: the service was restarting."""

    @property
    def statuses(self) -> list[str]:
        """Each status seen, repetitions left out."""
        seen: list[str] = []
        for body in self.bodies:
            if not seen or seen[-1] != body["status"]:
                seen.append(body["status"])
        return seen

    @property
    def phases(self) -> list[str]:
        """Each phase of progress seen while processing, repetitions left out."""
        seen: list[str] = []
        for body in self.bodies:
            phase = body.get("progress", {}).get("phase")
            if phase and (not seen or seen[-1] != phase):
                seen.append(phase)
        return seen

    @property
    def last(self) -> dict[str, Any]:
        """The newest answer."""
        return self.bodies[-1]

    def check(self) -> None:
        """Assert what holds for every sequence of polls that starts after the 201.

        Never `not_found`, and nothing but one and the same terminal answer after the first.
        """
        assert "not_found" not in self.statuses, self.statuses
        terminal = [body for body in self.bodies if body["status"] != PROCESSING]
        if terminal:
            first = self.bodies.index(terminal[0])
            assert self.bodies[first:] == terminal, self.statuses
            assert all(body["status"] == terminal[0]["status"] for body in terminal), self.statuses


def keys_of_image(image: Mapping[str, Any]) -> list[str]:
    """Return the keys that an image's attempt leaves in the bucket, in order.

    Args:
        image: as the API tells it.
    """
    folder = image["path"].rpartition("/")[0]
    files = [
        keys.file_name(variant["name"], policy.format_named(variant["format"]))
        for variant in image["variants"]
    ]
    return sorted([image["path"], *(f"{folder}/{name}" for name in (*files, "manifest.json"))])


class Client:
    """Calls the service; a failed connection is tried again where the call can be repeated."""

    def __init__(self, url: str, token: str) -> None:
        self.http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def upload(self, data: bytes, name: str = "photo.jpg") -> dict[str, Any]:
        """Upload a file and return the 201's `data`."""
        response = self.http.post("/api/image-upload", files={"file": (name, data)})
        assert response.status_code == httpx.codes.CREATED, response.text
        created: dict[str, Any] = response.json()["data"]
        return created

    def poll(self, history: History) -> dict[str, Any] | None:
        """Ask once for the status and note the answer; None when there was none."""
        try:
            response = self.http.get(f"/api/image-upload/{history.upload_id}/status")
        except httpx.TransportError:
            history.unanswered += 1
            return None
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            history.unanswered += 1
            return None
        body: dict[str, Any] = response.json()
        history.bodies.append(body)
        return body

    def wait(self, upload_id: str, seconds: float = 120, interval: float = 0.05) -> History:
        """Poll until the upload is no longer processing, check the history, and return it."""
        history = History(upload_id)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            body = self.poll(history)
            if body is not None and body["status"] != PROCESSING:
                history.check()
                return history
            time.sleep(interval)
        raise AssertionError(
            f"{upload_id} is still processing after {seconds} s: {history.bodies[-1:]}",
        )

    @contextmanager
    def watching(self, histories: list[History], interval: float = 0.1) -> Iterator[None]:
        """Poll uploads in the background, also after their end, and check all that was seen."""
        ended = Event()

        def poll_all() -> None:
            while not ended.wait(interval):
                for history in list(histories):
                    self.poll(history)

        thread = Thread(target=poll_all, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        for history in histories:
            history.check()
