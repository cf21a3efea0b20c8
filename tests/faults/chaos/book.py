"""What the clients of a run know together: each upload that got a 201, and what became of it."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from threading import Lock
from typing import Final

from tests.faults.chaos.files import File

_DELETED: Final = 0.2
_DELETED_IMAGES: Final = 0.1
_RETRIED: Final = 0.5


@dataclass(frozen=True, slots=True)
class Intent:
    """What a client is going to do with an upload. Times are in seconds after the 201."""

    delete_at: float | None
    """Delete it, whatever has become of it by then; None: never."""
    delete_image: bool
    """Delete the image some time after it has become available."""
    retries: int
    """How often to ask for another try once it has failed."""

    @classmethod
    def draw(cls, random: Random) -> "Intent":
        """Return an intent at random."""
        delete_at = random.choice((0.0, random.uniform(0, 3), random.uniform(0, 30)))
        return cls(
            delete_at if random.random() < _DELETED else None,
            random.random() < _DELETED_IMAGES,
            int(random.random() < _RETRIED),
        )


@dataclass(slots=True)
class Upload:
    """An upload that got a 201."""

    id: str
    client: str
    """Whose it is."""
    file: File
    intent: Intent
    accepted: float
    """Unix time of the 201."""
    status: str = "processing"
    """The last one that a client has seen."""
    reason: str | None = None
    retried: int = 0
    delete_tried: bool = False
    deleted: bool = False
    """A delete was answered with 204, or has worked without an answer."""
    ended: float | None = None
    """Unix time at which a client has first seen the present end."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more is going to happen to it."""
        if self.intent.delete_at is not None or self.deleted:
            return self.deleted
        if self.status == "failed":
            return self.retried >= self.intent.retries
        return self.status == "processed" and not self.intent.delete_image

    @property
    def end(self) -> str:
        """How it ended, for people."""
        if self.deleted:
            return "deleted"
        return f"failed: {self.reason}" if self.status == "failed" else self.status


@dataclass(slots=True)
class Book:
    """All uploads of a run. Threads share it; each upload is changed by the one that keeps it."""

    uploads: list[Upload] = field(default_factory=list)
    posts: Counter[str] = field(default_factory=Counter)
    """How POSTs were answered: accepted, refused, not now, unanswered."""
    lock: Lock = field(default_factory=Lock)

    def add(self, upload: Upload) -> None:
        """Note an upload."""
        with self.lock:
            self.uploads.append(upload)

    def snapshot(self) -> list[Upload]:
        """Return all uploads known now."""
        with self.lock:
            return list(self.uploads)

    def count_post(self, answer: str) -> None:
        """Count how a POST was answered."""
        with self.lock:
            self.posts[answer] += 1
