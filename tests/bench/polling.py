"""A client that does nothing but poll, in a process of its own: what it measures is the service."""

import multiprocessing
import queue
import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.support.client import PROCESSING, Client

INTERVAL: Final = 0.05
"""Seconds between two polls."""
_Ids = queue.Queue[str | None]


@dataclass(slots=True)
class Polls:
    """What the polls of some uploads have told."""

    seconds: list[float] = field(default_factory=list)
    """Of each poll."""
    ids: list[str] = field(default_factory=list)
    """Of the uploads, in the order in which they were seen to be processed."""
    last_processed: float = 0.0
    """When the last one was seen to be, by the system's steady clock."""


@dataclass(frozen=True, slots=True)
class Poller:
    """Polls the uploads that it is given, one at a time and in no order, until all have ended."""

    _ids: _Ids
    _polls: Future[Polls]

    def follow(self, upload_id: str) -> None:
        """Poll one more upload."""
        self._ids.put(upload_id)

    def polls(self) -> Polls:
        """Wait until all are processed, and return what was measured.

        Raises:
            AssertionError: one is not processed.
        """
        self._ids.put(None)
        return self._polls.result()


@contextmanager
def polled(url: str, token: str) -> Iterator[Poller]:
    """Start a client that polls."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(1, mp_context=context) as pool:
        ids = manager.Queue()
        yield Poller(ids, pool.submit(_poll, url, token, ids))


def _poll(url: str, token: str, ids: _Ids) -> Polls:
    polls, more = Polls(), True
    pending: list[str] = []
    with Client(url, token) as client:
        while more or pending:
            while more and not ids.empty():
                upload_id = ids.get()
                more = upload_id is not None
                pending += [upload_id] if upload_id is not None else []
            time.sleep(INTERVAL)
            if not pending:
                continue
            upload_id = random.choice(pending)  # noqa: S311 - no secret
            began = time.monotonic()
            answer = client.http.get(f"/api/image-upload/{upload_id}/status")
            ended = time.monotonic()
            polls.seconds.append(ended - began)
            status = answer.raise_for_status().json()["status"]
            if status != PROCESSING:
                assert status == "processed", answer.text
                pending.remove(upload_id)
                polls.ids.append(upload_id)
                polls.last_processed = ended
    return polls
