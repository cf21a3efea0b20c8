"""What clients do during a run: upload, poll, view, delete, retry, list."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from threading import Event
from typing import Final

from tests.faults.chaos.book import Book, Intent, Upload
from tests.faults.chaos.calls import Caller
from tests.faults.chaos.files import File

_POLL_SECONDS: Final = 0.7
"""Between two polls of an upload that is under way."""
_LOOK_SECONDS: Final = 7.0
"""Between two looks at one that has ended, and between two listings."""
_VIEWS: Final = 0.3
"""Which part of the looks at an image also fetches its bytes."""
_AGAIN_SECONDS: Final = 1.0
_TICK: Final = 0.1


@dataclass(frozen=True, slots=True)
class Uploading:
    """What one client uploads, and when (seconds after the start)."""

    files: Sequence[tuple[float, File]]
    book: Book
    random: Random
    stopped: Event

    def run(self, caller: Caller) -> None:
        """Upload all; a POST that was not answered, or not now, is sent again."""
        began = time.monotonic()
        for at, file in self.files:
            if self.stopped.wait(max(0.0, began + at - time.monotonic())):
                return
            while not self._post(caller, file):
                pass

    def _post(self, caller: Caller, file: File) -> bool:
        answer = caller.post(file, caller.name)
        if answer.code == 201:
            self.book.count_post("accepted")
            upload_id = answer.json()["data"]["id"]
            intent = Intent.draw(self.random)
            self.book.add(Upload(upload_id, caller.name, file, intent, time.time()))
            return True
        if 400 <= answer.code < 500 and answer.code != 429:
            self.book.count_post("refused")
            return True
        self.book.count_post("unanswered" if answer.code == 0 else "not now")
        wait = float(answer.headers.get("Retry-After", _AGAIN_SECONDS))
        return self.stopped.wait(min(wait, 10 * _AGAIN_SECONDS))


@dataclass(slots=True)
class Keeping:
    """Looks after one client's uploads: polls each, and does what is intended with it."""

    client: str
    book: Book
    random: Random
    stopped: Event

    def run(self, caller: Caller) -> None:
        """Go on until stopped."""
        due: dict[str, float] = {}
        while not self.stopped.wait(_TICK):
            for upload in self.book.snapshot():
                now = time.monotonic()
                if upload.client == self.client and due.get(upload.id, 0.0) <= now:
                    self._look(caller, upload)
                    pause = _LOOK_SECONDS if upload.is_over else _POLL_SECONDS
                    due[upload.id] = time.monotonic() + pause

    def _look(self, caller: Caller, upload: Upload) -> None:
        was = upload.status
        status, reason = caller.status(upload.id)
        if status is not None and not upload.deleted:
            upload.status, upload.reason = status, reason
            if status != was:
                upload.ended = None if status == "processing" else time.time()
            # The answer to the delete was lost, or said 404 the second time.
            upload.deleted = status == "not_found" and upload.delete_tried
        if status == "processed" and (was != status or self.random.random() < _VIEWS):
            caller.fetch("view", upload.id)
            caller.fetch("download", upload.id)
        self._act(caller, upload)

    def _act(self, caller: Caller, upload: Upload) -> None:
        if upload.deleted:
            return
        age = time.time() - upload.accepted
        delete_at = upload.intent.delete_at
        if delete_at is not None and age >= delete_at:
            # It may become an image at any moment; what is meant is to have neither.
            self._delete(caller, upload, "image" if upload.status == "processed" else "upload")
        elif upload.status == "processed" and upload.intent.delete_image:
            self._delete(caller, upload, "image")
        elif upload.status == "failed" and upload.retried < upload.intent.retries:
            self._retry(caller, upload)

    @staticmethod
    def _delete(caller: Caller, upload: Upload, of: str) -> None:
        upload.delete_tried = True
        upload.deleted = caller.delete(upload.id, of) == 204

    @staticmethod
    def _retry(caller: Caller, upload: Upload) -> None:
        if caller.retry(upload.id) == 202:
            upload.retried += 1
            upload.status = "processing"


@dataclass(frozen=True, slots=True)
class LookingOn:
    """Polls everybody's uploads, and lists, from a connection of its own."""

    book: Book
    stopped: Event

    def run(self, caller: Caller) -> None:
        """Go on until stopped."""
        listed = 0.0
        while not self.stopped.wait(_TICK):
            for upload in self.book.snapshot():
                caller.status(upload.id)
                if time.monotonic() >= listed + _LOOK_SECONDS:
                    caller.list("images")
                    caller.list("uploads")
                    listed = time.monotonic()
                if self.stopped.wait(_TICK):
                    return
