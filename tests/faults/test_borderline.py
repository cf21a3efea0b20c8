"""What may look wrong and is not: calls that overlap, answers that got lost, retries, deletions."""

from collections.abc import Callable

import pytest

from safelight_contract import keys, policy
from tests.faults.checker import check
from tests.faults.facts import Limits
from tests.faults.telling import RECOVERED, STRANGER, A, B, C, E, F, Story, good, upload_id

Tell = Callable[[Story], object]


def _deleted_late(story: Story, code: int = 0) -> None:
    """Let A be deleted in the end; an observer hears of it late."""
    story.delete(A, 83, code=code).image(A, 89, event="DELETED")
    story.status(A, 84, "not_found").view(A, 84, code=404, sha256=None)
    story.listing("images", 85, F, E, RECOVERED)
    rest = story.one("rest")
    rest["images"] = [image for image in rest["images"] if image["id"] != A]
    rest["bucket"] = [key for key in rest["bucket"] if A not in key]
    story.lines.remove(story.one("output", A))
    story.one("metrics").update(available=3, deleted=2)


def _refused(story: Story) -> None:
    """Let a POST be refused, which leaves nothing."""
    story.post(None, 30, code=422).post(None, 31, code=429)


def _two_answers_lost(story: Story) -> None:
    """Let two POSTs get no answer, and an upload come of one of them, after the client gave up."""
    story.post(None, 30, code=0).post(None, 31, code=504)
    story.seen("ImageUpload", STRANGER, 33).delete(STRANGER, 34)
    story.seen("ImageUpload", STRANGER, 34.1, event="DELETED")
    story.one("metrics").update(accepted=7, deleted=2)


def _cut(story: Story) -> None:
    """Let a download be cut, and then whole."""
    story.call("download", A, 40, sha256="half of it", complete=False)
    story.call("download", A, 41, sha256=f"image of {A}", complete=True)


def _late_image_of_a_paused_operator(story: Story) -> None:
    story.image(C, 30, ready=False, event="ADDED").image(C, 31, ready=False, event="DELETED")


def _forget(story: Story, name: str) -> None:
    """Let the observer have missed an ImageUpload."""
    story.lines = [
        line
        for line in story.lines
        if (line.get("kind"), line.get("name")) != ("ImageUpload", name)
    ]


def _failed_beside_an_older_image(story: Story) -> None:
    """Let an upload fail because there is an image of its id, from another upload."""
    _forget(story, RECOVERED)
    story.failed(RECOVERED, 30, "IdConflict", uid="other")
    upload = {"id": RECOVERED, "uid": "other", "state": "IdConflict", "failed": True}
    story.one("rest")["uploads"].append(upload)
    story.one("metrics").update(failed=2)


def _never_seen(story: Story) -> None:
    story.post(STRANGER, 50).delete(STRANGER, 50.2)
    story.one("metrics").update(accepted=7, deleted=2)


def _existed_before(story: Story) -> None:
    """Let images of an earlier run be there, which nobody posted in this one."""
    for name in (STRANGER, upload_id(100)):
        key = keys.image(name, 1, policy.JPEG)
        story.image(name, -1, event="ADDED")
        story.one("rest")["bucket"].append(key)
        image = {"id": name, "uid": "u", "upload_uid": "v", "keys": [key], "ready": True}
        story.one("rest")["images"].append({**image, "sha256": "s"})
    story.one("metrics").update(available=6)


def _original_went(story: Story) -> None:
    """Let the reason of B's failure be that somebody removed its original, as was expected."""
    story.one("upload", B).update(expected="either")
    story.one("rest")["uploads"][0]["state"] = "SourceMissing"
    for line in story.lines:
        for field in ("reason", "state"):
            if line.get(field) == "CorruptImage":
                line[field] = "SourceMissing"


def _missed_retry(story: Story) -> None:
    """Let the observer learn only by a list that E, which had failed, is gone."""
    _forget(story, E)
    story.failed(E, 60, "StorageUnavailable", 4)
    story.failed(E, 64.1, "StorageUnavailable", 4, event="DELETED")


def _status_after_the_job(story: Story) -> None:
    """Let the observer stop seeing ImageUploads when E's last Job is there, its status not yet."""
    _forget(story, E)
    story.failed(E, 60, "StorageUnavailable", 4)
    story.seen("ImageUpload", E, 62.6, state="Queued", failed=False, attempt=4)


def _evicted(story: Story) -> None:
    story.tell("fault", time=5.1, what="kill", target="kubelet")
    for number in range(6):
        story.seen("Pod", f"evicted-{number}", 5.3, upload_id=B, event="ADDED", privileged=[])


GOOD: list[tuple[str, Tell]] = [
    ("a read that overlaps the end", lambda s: s.status(A, 2.15, "processing")),
    ("another client's read that overlaps", lambda s: s.status(A, 2.25, "processing", client="c2")),
    (
        "polls without an answer",
        lambda s: s.call("status", A, 30, code=0, status=None, reason=None),
    ),
    ("a read that overlaps the DELETE", lambda s: s.status(C, 8.35, "processing", client="c2")),
    (
        "not found while the DELETE is under way",
        lambda s: s.status(C, 8.32, "not_found", client="c2"),
    ),
    ("a second DELETE", lambda s: s.delete(C, 30, code=404)),
    ("a view that overlaps the DELETE", lambda s: s.view(C, 8.35, client="c2")),
    ("an unanswered DELETE that did nothing", lambda s: s.delete(A, 83, code=0)),
    ("an unanswered DELETE that happened", _deleted_late),
    ("a DELETE that an observer saw late", lambda s: _deleted_late(s, 204)),
    ("a refused DELETE", lambda s: s.delete(A, 83, code=404)),
    ("an unanswered retry", lambda s: s.one("retry", E).update(code=0)),
    ("a retry that was refused", lambda s: s.call("retry", A, 30, code=409)),
    (
        "failed while the retry is under way",
        lambda s: s.status(E, 62.05, "failed", "StorageUnavailable"),
    ),
    ("refused POSTs", _refused),
    ("two lost answers", _two_answers_lost),
    (
        "the original of a POST without an answer",
        lambda s: s.one("rest")["bucket"].append(keys.original(STRANGER, policy.JPEG)),
    ),
    ("a cut download", _cut),
    ("an unready read under faults", lambda s: s.view(A, 40, code=503, sha256=None)),
    ("a view before the image", lambda s: s.view(A, 1.5, code=404, sha256=None)),
    ("an image that is not confirmed", _late_image_of_a_paused_operator),
    ("an image of an earlier run", _existed_before),
    ("a listing that overlaps a DELETE", lambda s: s.listing("uploads", 8.35, B, C)),
    ("a listing that was not answered", lambda s: s.listing("images", 85, code=503)),
    ("a listing that an insertion shifts", lambda s: s.listing("images", 66, E, A, A, pages=2)),
    ("a listing that a deletion shifts", lambda s: s.listing("uploads", 6.2, B, B, pages=2)),
    ("an upload that fails for an image of its id", _failed_beside_an_older_image),
    (
        "a listing of uploads after the image",
        lambda s: s.status(F, 66.2, "processing").listing("uploads", 67.5, B),
    ),
    ("gone before an observer saw it", _never_seen),
    ("a status long after", lambda s: s.status(A, 2000, "processed")),
    ("a file whose original went", _original_went),
    ("an upload that the observer missed", lambda s: _forget(s, B)),
    ("a retry that the observer missed", _missed_retry),
    ("a status that is written after the Job", _status_after_the_job),
    (
        "failed, and only then the effect of an unanswered retry",
        lambda s: (
            s.status(E, 62.15, "failed", "StorageUnavailable", end=62.2),
            s.one("retry", E).update(code=0),
        ),
    ),
    ("the failure of a file that may fail", lambda s: s.one("upload", B).update(expected="either")),
    ("a watch that starts again", lambda s: s.image(A, 50, event="ADDED")),
    ("a counter of a process that was killed", lambda s: s.one("metrics").update(accepted=None)),
    ("another such counter", lambda s: s.one("metrics").update(deleted=None)),
    (
        "attempts that a fault cost",
        lambda s: (
            s.tell("fault", time=5.1, what="kill", target="operator")
            .attempt(B, 5.5, 2)
            .failed(B, 6.05, "CorruptImage", 2)
        ),
    ),
    ("Pods that a fault cost", _evicted),
]


@pytest.mark.parametrize("tell", [pytest.param(tell, id=what) for what, tell in GOOD])
def test_a_history_that_only_looks_bad_passes(tell: Tell) -> None:
    story = good()
    tell(story)
    assert check(story.lines) == []


def test_another_process_may_be_late_as_far_as_it_is_said() -> None:
    story = good().status(A, 2.35, "processing", client="c2").status(C, 9.5, "processing")
    story.view(C, 9.5).listing("images", 2.5).listing("uploads", 9.5, C, B)
    assert {v.invariant for v in check(story.lines)} == {"I4", "I9", "I14"}
    assert check(story.lines, Limits(staleness=2)) == []
