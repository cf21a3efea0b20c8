"""What a history says, indexed: the questions that the invariants ask.

As Jepsen does, a call's effect lies somewhere between its start and its end; a POST or DELETE
without an answer, or answered 5xx, may have had its effect at any time after its start, or never.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from tests.faults.history import CALLS, Line

CREATED: Final = 201
ACCEPTED: Final = 202
GONE: Final = 204
NO_ANSWER: Final = 0
FIRST_REFUSAL: Final = 400
FIRST_FAULT: Final = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers that a judgement depends on."""

    bound: float = 480
    """D of I6, in seconds: stricter than what is promised, three deadlines and two minutes."""
    staleness: float = 0
    """Seconds for which another process of the API may still answer from before; 0: only one."""
    lag: float = 5
    """Seconds by which an observer may see a change late."""
    attempts: int = 4
    """How many attempts an upload gets, at most, without a retry by a client."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact that an invariant had to judge."""

    upload_id: str | None
    wrong: str | None = None
    """What is wrong with it; None: it is as it should be."""


def may_have_happened(call: Line, success: int) -> bool:
    """Say whether a call that changes something may have done so."""
    return call["code"] in {success, NO_ANSWER} or call["code"] >= FIRST_FAULT


def _time(line: Line) -> float:
    time: float = line["start"] if line["op"] in CALLS else line["time"]
    return time


class Facts:
    """A history, in which each line can be found by what it speaks of."""

    def __init__(self, history: Iterable[Line], limits: Limits) -> None:
        self.limits = limits
        self.history = list(history)
        self._calls: dict[tuple[str, str | None], list[Line]] = defaultdict(list)
        self._others: dict[str, list[Line]] = defaultdict(list)
        self._objects: dict[tuple[str, str], list[Line]] = defaultdict(list)
        for line in sorted(self.history, key=_time):
            if line["op"] in CALLS:
                self._calls[line["op"], line.get("id")].append(line)
            if line["op"] == "object":
                upload_id = line.get("upload_id") or line["name"]
                self._objects[line["kind"], upload_id].append(line)
            self._others[line["op"]].append(line)

    def lines(self, op: str) -> Sequence[Line]:
        """Return all lines of an op, by time or start."""
        return self._others[op]

    def calls(self, op: str, upload_id: str) -> Sequence[Line]:
        """Return the calls for one id, by start."""
        return self._calls[op, upload_id]

    def objects(self, kind: str, upload_id: str) -> Sequence[Line]:
        """Return what was seen of an upload's objects of a kind, by time."""
        return self._objects[kind, upload_id]

    def mark(self, name: str) -> float | None:
        """Return when the run came to a mark, the last time if there are several."""
        return max(
            (line["time"] for line in self.lines("mark") if line["name"] == name), default=None
        )

    @cached_property
    def accepted(self) -> dict[str, Line]:
        """The POSTs that were answered 201, by id; the first where an id came twice."""
        found: dict[str, Line] = {}
        for post in self.lines("upload"):
            if post["code"] == CREATED:
                found.setdefault(post["id"], post)
        return found

    @cached_property
    def rest(self) -> Line | None:
        """The state at rest; None: the run did not get there."""
        lines = self.lines("rest")
        return lines[-1] if lines else None

    @cached_property
    def resting_uploads(self) -> dict[str, Line]:
        """The ImageUploads that are there at rest, by id."""
        return {upload["id"]: upload for upload in self.rest["uploads"]} if self.rest else {}

    @cached_property
    def resting_images(self) -> dict[str, Line]:
        """The AvailableImages that are there at rest, by id, unconfirmed ones too."""
        return {image["id"]: image for image in self.rest["images"]} if self.rest else {}

    @cached_property
    def first_seen(self) -> dict[str, float]:
        """When each id was first seen by anybody but the client that posted it."""
        found: dict[str, float] = {}
        seen: list[tuple[str, float]] = [
            (line["name"], line["time"])
            for line in self.lines("object")
            if line["kind"] in {"ImageUpload", "AvailableImage"}
        ]
        seen += [(name, line["end"]) for line in self.lines("list") for name in line["ids"]]
        if self.rest:
            time = self.rest["time"]
            seen += [(name, time) for name in (*self.resting_uploads, *self.resting_images)]
        for name, time in seen:
            found[name] = min(time, found.get(name, time))
        return found

    @cached_property
    def older(self) -> frozenset[str]:
        """The ids that were there before the run started."""
        start = self.mark("start")
        if start is None:
            return frozenset()
        return frozenset(name for name, time in self.first_seen.items() if time < start)

    @cached_property
    def origins(self) -> dict[str, Literal["unanswered", "refused"] | None]:
        """For each id that no 201 named, which kind of POST it may have come from; None: no one.

        A POST makes one id at most, and only after its start.
        """
        posts = self.lines("upload")
        unanswered = [p["start"] for p in posts if may_have_happened(p, NO_ANSWER)]
        refused = [p["start"] for p in posts if FIRST_REFUSAL <= p["code"] < FIRST_FAULT]
        strangers = sorted(
            (time, name)
            for name, time in self.first_seen.items()
            if name not in self.accepted and name not in self.older
        )
        found: dict[str, Literal["unanswered", "refused"] | None] = {}
        from_unanswered = from_refused = 0
        for time, name in strangers:
            if bisect_left(unanswered, time) > from_unanswered:
                from_unanswered += 1
                found[name] = "unanswered"
            elif bisect_left(refused, time) > from_refused:
                from_refused += 1
                found[name] = "refused"
            else:
                found[name] = None
        return found

    def reads(self, upload_id: str) -> list[Line]:
        """Return the status reads that were answered with a status, by start."""
        return [r for r in self.calls("status", upload_id) if r["status"] is not None]

    def deletions(self, upload_id: str) -> list[Line]:
        """Return the DELETEs that were answered 204, of the upload or its image, by start."""
        return [d for d in self.calls("delete", upload_id) if d["code"] == GONE]

    def may_be_deleted(self, upload_id: str, by: float) -> bool:
        """Say whether a client's DELETE may have had its effect before a time."""
        return any(
            delete["start"] < by and may_have_happened(delete, GONE)
            for delete in self.calls("delete", upload_id)
        )

    def may_be_retried(self, upload_id: str, after: float, by: float) -> bool:
        """Say whether a client's retry may have had its effect between two times."""
        return any(
            retry["start"] < by
            and may_have_happened(retry, ACCEPTED)
            and (retry["code"] != ACCEPTED or retry["end"] > after)
            for retry in self.calls("retry", upload_id)
        )

    def retries(self, upload_id: str) -> int:
        """Return how many retries by a client may have had an effect."""
        return sum(may_have_happened(r, ACCEPTED) for r in self.calls("retry", upload_id))

    def is_faulty(self, by: float) -> bool:
        """Say whether anything was done to the system before a time."""
        return any(fault["time"] < by for fault in self.lines("fault"))

    def failures(self, upload_id: str) -> dict[str | None, float]:
        """Return the reasons with which an upload was seen failed, and when that was first."""
        seen = [
            (read["reason"], read["end"])
            for read in self.reads(upload_id)
            if read["status"] == "failed"
        ]
        seen += [
            (line.get("state"), line["time"])
            for line in self.objects("ImageUpload", upload_id)
            if line.get("failed")
        ]
        resting = self.resting_uploads.get(upload_id)
        if resting is not None and resting["failed"] and self.rest is not None:
            seen.append((resting["state"], self.rest["time"]))
        found: dict[str | None, float] = {}
        for reason, time in seen:
            found[reason] = min(time, found.get(reason, time))
        return found

    def available_from(self, upload_id: str) -> float | None:
        """Return when an upload's image was first known to be there for clients."""
        times = [read["end"] for read in self.reads(upload_id) if read["status"] == "processed"]
        times += [
            line["time"] for line in self.objects("AvailableImage", upload_id) if line.get("ready")
        ]
        resting = self.resting_images.get(upload_id)
        if resting is not None and resting["ready"] and self.rest is not None:
            times.append(self.rest["time"])
        return min(times, default=None)
