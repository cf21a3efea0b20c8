"""Every invariant refuses the histories that break it, and no other invariant does."""

from collections.abc import Callable

import pytest

from safelight_contract import keys, policy
from tests.faults.checker import check
from tests.faults.invariants import INVARIANTS
from tests.faults.telling import (
    KEYS,
    RECOVERED,
    STRANGER,
    VARIANT,
    A,
    B,
    C,
    E,
    F,
    Story,
    good,
    upload_id,
)

Spoil = Callable[[Story], object]
_FAILED = keys.image(B, 1, policy.JPEG)
_LEFT = keys.image(STRANGER, 1, policy.JPEG)


def _original(name: str) -> str:
    return keys.original(name, policy.JPEG)


def _post(story: Story) -> Story:
    """Let an unanswered POST explain the stranger."""
    return story.post(None, 29, code=503)


def _never_there(story: Story) -> None:
    story.post(STRANGER, 50).lines.remove(story.one("rest"))


def _slow(story: Story) -> Story:
    story.post(STRANGER, 30).seen("ImageUpload", STRANGER, 30.1)
    story.one("rest")["uploads"].append(
        {"id": STRANGER, "uid": f"ImageUpload {STRANGER}", "state": "InternalError", "failed": True}
    )
    story.one("metrics").update(failed=2, accepted=7)
    return story


def _pending(story: Story) -> None:
    _slow(story).one("rest")["uploads"][-1].update(state="Running", failed=False)
    story.one("metrics").update(failed=1, in_flight=1)


def _publishing(story: Story) -> None:
    """Let the upload of an image that is there not go."""
    _failed_at_rest(story, f"ImageUpload {RECOVERED}")
    story.one("rest")["uploads"][-1].update(state="Publishing", failed=False)
    story.one("metrics").update(failed=1, in_flight=1)


def _rest_image(
    story: Story, *, ready: bool = True, name: str = STRANGER, failed: bool = False
) -> None:
    """Let there be an image at rest that nobody has seen before."""
    uid = f"ImageUpload {name}"
    image = {"id": name, "uid": "i", "upload_uid": uid, "keys": [_LEFT], "ready": ready}
    story.one("rest")["images"].append({**image, "sha256": "s"})
    if ready:
        story.one("rest")["bucket"].append(_LEFT)
    story.one("metrics").update(accepted=6 + (ready or failed), available=4 + ready)


def _failed_at_rest(story: Story, uid: str, name: str = RECOVERED) -> None:
    failed = {"id": name, "uid": uid, "state": "InternalError", "failed": True}
    story.one("rest")["uploads"].append(failed)
    story.one("metrics").update(failed=2)


def _fail(story: Story, reason: str | None) -> None:
    _slow(story).one("rest")["uploads"][-1]["state"] = reason


def _attempts(story: Story, count: int) -> None:
    """Let the bad file of the good story be tried so often, while there are faults."""
    story.tell("fault", time=5.1, what="kill", target="operator", detail="")
    for number in range(2, count + 1):
        story.attempt(B, 5.5, number)
    story.failed(B, 6.05, "CorruptImage", count)


def _other_bytes(story: Story) -> None:
    """Let F, which was the same file as A, become another picture."""
    other = "another picture"
    story.one("output", F).update(sha256=other, declared={})
    story.one("view", F)["sha256"] = other
    (image,) = (image for image in story.one("rest")["images"] if image["id"] == F)
    image["sha256"] = other


SPOILT: list[tuple[str, str, Spoil]] = [
    (
        "I1",
        "gone after the 201",
        lambda s: s.post(STRANGER, 30).seen("ImageUpload", STRANGER, 30.1),
    ),
    (
        "I1",
        "a DELETE that found nothing",
        lambda s: (
            s.post(STRANGER, 30).seen("ImageUpload", STRANGER, 30.1).delete(STRANGER, 31, code=404)
        ),
    ),
    (
        "I1",
        "its image is never confirmed",
        lambda s: _rest_image(s.post(STRANGER, 30), ready=False),
    ),
    ("I2", "one id for two", lambda s: s.post(A, 30)),
    ("I2", "two uploads", lambda s: s.seen("ImageUpload", A, 30, uid="other", event="ADDED")),
    ("I2", "made twice", lambda s: s.image(A, 30, uid="other")),
    (
        "I2",
        "two images",
        lambda s: _post(s).image(STRANGER, 30, upload_uid=f"ImageUpload {A}"),
    ),
    ("I2", "an image, then failed", lambda s: s.failed(RECOVERED, 30, "InternalError")),
    (
        "I2",
        "failed, then an image, and no retry between",
        lambda s: s.failed(RECOVERED, 11.5, "InternalError").call("retry", RECOVERED, 13),
    ),
    (
        "I2",
        "an image, then failed, and a retry before both",
        lambda s: s.call("retry", RECOVERED, 11, code=0).failed(RECOVERED, 30, "InternalError"),
    ),
    ("I2", "an image and failed at rest", lambda s: _failed_at_rest(s, f"ImageUpload {RECOVERED}")),
    ("I3", "nobody posted it", lambda s: s.seen("ImageUpload", STRANGER, 30)),
    ("I3", "it was there before its POST", lambda s: s.seen("ImageUpload", A, 0.5)),
    ("I4", "an image, then processing", lambda s: s.status(A, 30, "processing")),
    ("I4", "an image, then failed", lambda s: s.status(A, 30, "failed", "OutOfMemory")),
    ("I4", "not found", lambda s: s.status(A, 1.4, "not_found")),
    (
        "I4",
        "not found, and the DELETE later",
        lambda s: _slow(s).status(STRANGER, 31, "not_found").delete(STRANGER, 85, code=0),
    ),
    ("I4", "failed, then processing", lambda s: s.status(B, 30, "processing", client="c2")),
    (
        "I4",
        "a refused retry",
        lambda s: s.call("retry", B, 29, code=409).status(B, 30, "processing"),
    ),
    ("I4", "a later retry", lambda s: s.call("retry", B, 31, code=202).status(B, 30, "processing")),
    (
        "I4",
        "an image retried",
        lambda s: s.call("retry", A, 29, code=0).status(A, 30, "processing"),
    ),
    ("I4", "another reason", lambda s: s.status(B, 30, "failed", "ImageTooLarge")),
    (
        "I4",
        "not found after an unanswered DELETE, and back",
        lambda s: (
            s.delete(A, 30, code=0),
            s.status(A, 31, "not_found"),
            s.status(A, 32, "processed"),
        ),
    ),
    ("I4", "a second failure undone", lambda s: s.status(E, 62.25, "failed", "StorageUnavailable")),
    ("I5", "not there", lambda s: s.view(A, 30, code=404, sha256=None)),
    ("I5", "other bytes", lambda s: s.view(A, 30, sha256="other")),
    ("I5", "cut after the drain", lambda s: s.view(A, 85, sha256=None, complete=False)),
    ("I5", "fails after the drain", lambda s: s.view(A, 85, code=503, sha256=None)),
    ("I6", "still processing", lambda s: _slow(s).status(STRANGER, 551, "processing")),
    ("I6", "not ended at rest", _pending),
    ("I6", "not ended, though there is an image", _publishing),
    ("I7", "a good file is called bad", lambda s: _fail(s, "CorruptImage")),
    ("I7", "no reason of the list", lambda s: _fail(s, "Because")),
    ("I7", "no reason", lambda s: _fail(s, None)),
    ("I7", "a bad file becomes an image", lambda s: s.one("upload", F).update(expected="fail")),
    (
        "I7",
        "a bad file is an image at rest",
        lambda s: _rest_image(s.post(STRANGER, 30, expected="fail")),
    ),
    ("I7", "a conflict of nobody", lambda s: _fail(s, "IdConflict")),
    ("I8", "a bad file costs five", lambda s: _attempts(s, 5)),
    ("I8", "miscounted", lambda s: s.attempt(B, 5.5, 2)),
    ("I9", "seen in a status", lambda s: s.status(C, 30, "processing")),
    ("I9", "seen", lambda s: s.view(C, 30)),
    ("I9", "listed", lambda s: s.listing("uploads", 30, E, B, C)),
    ("I9", "an image appears", lambda s: s.image(C, 30)),
    ("I9", "two images appear", lambda s: s.image(C, 30).image(C, 31, uid="other")),
    ("I9", "its upload stays", lambda s: _failed_at_rest(s, "u", C)),
    ("I9", "its image stays", lambda s: _rest_image(s, ready=False, name=C)),
    ("I9", "objects stay", lambda s: s.one("rest")["bucket"].append(keys.manifest(C, 1))),
    ("I10", "an object too many", lambda s: s.one("rest")["bucket"].append(_LEFT)),
    ("I10", "not ours", lambda s: s.one("rest")["bucket"].append("etc/passwd")),
    ("I10", "an older attempt", lambda s: s.one("rest")["bucket"].append(keys.manifest(A, 2))),
    ("I10", "an original stays", lambda s: s.one("rest")["bucket"].append(_original(A))),
    (
        "I10",
        "more forgotten originals than lost answers",
        lambda s: s.one("rest")["bucket"].extend(map(_original, (STRANGER, upload_id(100)))),
    ),
    (
        "I10",
        "an original that the sweeper has left",
        lambda s: (
            s.one("rest").update(swept=True),
            s.one("rest")["bucket"].append(_original(STRANGER)),
        ),
    ),
    ("I10", "an object is missing", lambda s: s.one("rest")["bucket"].remove(KEYS[A][1])),
    ("I10", "a result of a failed upload", lambda s: s.one("rest")["bucket"].append(_FAILED)),
    ("I10", "unconfirmed, and failed", lambda s: _rest_image(_slow(s), ready=False, failed=True)),
    ("I10", "an unconfirmed image", lambda s: _rest_image(_post(s), ready=False)),
    ("I10", "a Job", lambda s: s.one("rest")["jobs"].append(f"safelight-{A}-1")),
    ("I10", "a Pod", lambda s: s.one("rest")["pods"].append(f"safelight-{A}-1-x")),
    ("I10", "a finalizer", lambda s: s.one("rest")["finalizers"].append("ImageUpload: x")),
    ("I11", "not whole", lambda s: s.one("output").update(decodes=False)),
    ("I11", "too wide", lambda s: s.one("output").update(width=3841, declared={})),
    ("I11", "too high", lambda s: s.one("output").update(height=2161, declared={})),
    ("I11", "metadata", lambda s: s.one("output").update(metadata=["exif"])),
    ("I11", "another type", lambda s: s.one("output").update(media_type="image/gif")),
    ("I11", "a variant that is not whole", lambda s: s.one("variant").update(decodes=False)),
    ("I11", "a variant's metadata", lambda s: s.one("variant").update(metadata=["item:Exif"])),
    ("I10", "a variant is missing", lambda s: s.one("rest")["bucket"].remove(VARIANT)),
    ("I11", "not as declared", lambda s: s.one("output").update(height=2159)),
    ("I12", "other pixels", _other_bytes),
    ("I13", "no original", lambda s: _fail(s, "SourceMissing")),
    ("I13", "never there", _never_there),
    (
        "I13",
        "left by a refusal",
        lambda s: s.post(None, 29, code=415).seen("ImageUpload", STRANGER, 30),
    ),
    ("I14", "left out", lambda s: s.listing("images", 85, F, RECOVERED, E)),
    ("I14", "repeated", lambda s: s.listing("images", 85, F, RECOVERED, E, A, A)),
    (
        "I14",
        "repeated on a later page",
        lambda s: s.listing("images", 85, F, RECOVERED, E, A, A, pages=2),
    ),
    (
        "I14",
        "left out, though nothing moves",
        lambda s: s.listing("images", 85, F, RECOVERED, E, pages=2),
    ),
    ("I14", "a failed upload is left out", lambda s: s.listing("uploads", 6.3)),
    ("I16", "a token", lambda s: s.one("secrets").update(found=["a token"])),
    (
        "I17",
        "runs as root",
        lambda s: s.seen("Pod", "x", 2, upload_id=A, privileged=["runs as root"], event="ADDED"),
    ),
    ("I20", "a deletion too few", lambda s: s.one("metrics").update(deleted=0)),
    ("I20", "an upload too few", lambda s: s.one("metrics").update(accepted=4)),
    ("I20", "an image too many", lambda s: s.one("metrics").update(available=5, accepted=7)),
]


@pytest.mark.parametrize(
    ("invariant", "spoil"),
    [pytest.param(name, spoil, id=f"{name} {what}") for name, what, spoil in SPOILT],
)
def test_a_bad_history_is_refused_for_its_invariant(invariant: str, spoil: Spoil) -> None:
    story = good()
    spoil(story)
    violations = check(story.lines)
    assert {violation.invariant for violation in violations} == {invariant}, violations


def test_every_invariant_has_a_bad_history() -> None:
    elsewhere = {"I15"}
    assert {name for name, _, _ in SPOILT} == INVARIANTS.keys() - elsewhere
