"""Histories made by hand: a good one, and the lines to spoil it with."""

from typing import Any, Self

from safelight_contract import keys, policy
from tests.faults.history import Line


def upload_id(number: int) -> str:
    """Return an id that can be told from others."""
    return f"00000000-0000-4000-8000-{number:012}"


A, B, C, E, F, RECOVERED, STRANGER = map(upload_id, range(1, 8))
KEYS = {
    name: [keys.image(name, 1, policy.JPEG), keys.manifest(name, 1)]
    for name in (A, E, F, RECOVERED)
}
VARIANT = keys.image(A, 1, policy.AVIF, "w640")
KEYS[A].append(VARIANT)


class Story:
    """The lines of a history, in the order in which they were told."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def tell(self, op: str, **fields: Any) -> Self:  # noqa: ANN401 - fields of any type
        """Add a line as it is."""
        self.lines.append({"op": op, **fields})
        return self

    def call(  # noqa: D417 - the rest are the op's own fields
        self,
        op: str,
        name: str | None,
        start: float,
        **fields: Any,  # noqa: ANN401
    ) -> Self:
        """Add a call by client c1 that took 0.1 s and was answered 200.

        Args:
            op: which.
            name: the id.
            start: when.
        """
        usual = {"client": "c1", "id": name, "start": start, "end": start + 0.1, "code": 200}
        return self.tell(op, **usual | fields)

    def post(self, name: str | None, start: float, **fields: Any) -> Self:  # noqa: ANN401
        """Add a POST of a good file of its own, answered 201."""
        usual = {"code": 201, "sha256": f"of {name}", "expected": "ok"}
        return self.call("upload", name, start, **usual | fields)

    def status(
        self,
        name: str,
        start: float,
        status: str,
        reason: str | None = None,
        **fields: Any,  # noqa: ANN401
    ) -> Self:
        """Add a status read."""
        code = 404 if status == "not_found" else 200
        usual = {"code": code, "status": status, "reason": reason}
        return self.call("status", name, start, **usual | fields)

    def delete(self, name: str, start: float, **fields: Any) -> Self:  # noqa: ANN401
        """Add a DELETE of an upload, answered 204."""
        return self.call("delete", name, start, **{"code": 204, "of": "upload"} | fields)

    def view(self, name: str, start: float, **fields: Any) -> Self:  # noqa: ANN401
        """Add a view that gets all of the image's bytes."""
        usual = {"sha256": f"image of {name}", "complete": True}
        return self.call("view", name, start, **usual | fields)

    def listing(self, of: str, start: float, *ids: str, **fields: Any) -> Self:  # noqa: ANN401
        """Add a complete listing."""
        usual = {"client": "c1", "start": start, "end": start + 0.1, "code": 200}
        return self.tell("list", **usual | {"of": of, "ids": list(ids)} | fields)

    def seen(self, kind: str, name: str, time: float, **fields: Any) -> Self:  # noqa: ANN401
        """Add a change of an object as an observer sees it."""
        event = "MODIFIED" if fields else "ADDED"
        usual = {"event": event, "name": name, "uid": f"{kind} {name}"}
        return self.tell("object", kind=kind, time=time, **usual | fields)

    def image(self, name: str, time: float, **fields: Any) -> Self:  # noqa: ANN401
        """Add an AvailableImage that is confirmed."""
        usual = {"ready": True, "upload_uid": f"ImageUpload {name}"}
        return self.seen("AvailableImage", name, time, **usual | fields)

    def attempt(self, name: str, time: float, number: int = 1) -> Self:
        """Add a Job and its Pod."""
        owner = {"upload_id": name, "upload_uid": f"ImageUpload {name}", "attempt": number}
        job = f"safelight-{name}-{number}"
        self.seen("Job", job, time, **owner, event="ADDED")
        return self.seen("Pod", f"{job}-x", time, **owner, event="ADDED", privileged=[])

    def failed(
        self,
        name: str,
        time: float,
        reason: str,
        attempt: int = 1,
        **fields: Any,  # noqa: ANN401
    ) -> Self:
        """Add that an upload has failed, as an observer sees it."""
        usual = {"state": reason, "failed": True, "attempt": attempt}
        return self.seen("ImageUpload", name, time, **usual | fields)

    def one(self, op: str, name: str | None = None) -> Line:
        """Return the last line of an op, for one id, to be changed."""
        return [line for line in self.lines if line["op"] == op and name in {None, line.get("id")}][
            -1
        ]


def good() -> Story:
    """Return a history with nothing wrong in it, in which every kind of end occurs."""
    story = Story().tell("mark", time=0, name="start")
    # A becomes an image.
    story.post(A, 1).seen("ImageUpload", A, 1.05).status(A, 1.2, "processing").attempt(A, 1.3)
    story.image(A, 2).seen("ImageUpload", A, 2.1, event="DELETED")
    story.status(A, 2.2, "processed").view(A, 2.4).view(A, 2.6, code=0, sha256=None, complete=False)
    story.listing("images", 3, A)
    # B is a bad file.
    story.post(B, 5, expected="fail").seen("ImageUpload", B, 5.05).attempt(B, 5.2)
    story.failed(B, 6, "CorruptImage").status(B, 6.1, "failed", "CorruptImage")
    story.listing("uploads", 6.3, B).status(B, 6.5, "failed", "CorruptImage")
    # C is deleted by its client.
    story.post(C, 8).seen("ImageUpload", C, 8.05).delete(C, 8.3)
    story.seen("ImageUpload", C, 8.35, event="DELETED").status(C, 9, "not_found")
    # A POST without an answer leads to an image nevertheless.
    story.post(None, 10, end=40, code=0, sha256=f"of {RECOVERED}")
    story.seen("ImageUpload", RECOVERED, 10.5).attempt(RECOVERED, 11).image(RECOVERED, 12)
    # E fails for the storage, and is retried by its client.
    story.tell("fault", time=20, what="proxy", target="s3", detail="503")
    story.post(E, 21).seen("ImageUpload", E, 21.05).status(E, 21.2, "processing")
    for number in (1, 2, 3, 4):
        story.attempt(E, 20 + 8 * number, number)
    story.failed(E, 60, "StorageUnavailable", 4).status(E, 61, "failed", "StorageUnavailable")
    story.call("retry", E, 62, code=202).status(E, 62.3, "processing").attempt(E, 62.5, 5)
    story.seen("ImageUpload", E, 62.6, state="Running", failed=False, attempt=5).image(E, 64)
    story.seen("ImageUpload", E, 64.1, event="DELETED").status(E, 65, "processed")
    # F is the same file as A.
    story.post(F, 66, sha256=f"of {A}").seen("ImageUpload", F, 66.05).attempt(F, 66.5)
    story.image(F, 67).status(F, 68, "processed").view(F, 69, sha256=f"image of {A}")
    story.tell("mark", time=70, name="faults-over").tell("mark", time=80, name="drained")
    story.view(A, 81).listing("images", 82, F, E, RECOVERED, A)
    return _at_rest(story)


def _at_rest(story: Story) -> Story:
    sums = {name: f"image of {A if name == F else name}" for name in KEYS}
    story.tell(
        "rest",
        time=90,
        swept=False,
        bucket=[keys.original(B, policy.JPEG), *(key for name in KEYS for key in KEYS[name])],
        uploads=[{"id": B, "uid": f"ImageUpload {B}", "state": "CorruptImage", "failed": True}],
        images=[
            {
                "id": name,
                "uid": f"AvailableImage {name}",
                "upload_uid": f"ImageUpload {name}",
                "keys": KEYS[name],
                "ready": True,
                "sha256": sums[name],
            }
            for name in KEYS
        ],
        jobs=[f"safelight-{B}-1"],
        pods=[f"safelight-{B}-1-x"],
        finalizers=[],
    )
    for name in KEYS:
        size = {"width": 3840, "height": 2160, "media_type": "image/jpeg", "sha256": sums[name]}
        story.tell("output", time=91, id=name, decodes=True, metadata=[], **size, declared=size)
    size = {"width": 640, "height": 360, "media_type": "image/avif", "sha256": "of a variant"}
    story.tell(
        "variant", time=91, id=A, key=VARIANT, decodes=True, metadata=[], **size, declared=size
    )
    story.tell("secrets", time=92, where="log", found=[])
    numbers = {"accepted": 6, "available": 4, "failed": 1, "deleted": 1, "in_flight": 0}
    return story.tell("metrics", time=92, **numbers)
