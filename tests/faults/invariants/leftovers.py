"""What is left: I9 and I10."""

from collections.abc import Iterable, Iterator
from itertools import chain

from safelight_contract import keys
from tests.faults.facts import NO_ANSWER, Facts, Finding, may_have_happened
from tests.faults.history import Line

_OK = 200


def no_resurrection(facts: Facts) -> Iterator[Finding]:
    """I9 After DELETE answers 204: never visible again, no later result appears.

    Its objects go within D: a run takes its rest when they have gone or D is over. Other processes
    of the API may show it for `Limits.staleness`; an observer may be late by `Limits.lag`; an image
    that is not confirmed, and gone at rest, was never visible.
    """
    for upload_id in {d["id"] for d in facts.lines("delete")}:
        deletions = facts.deletions(upload_id)
        if deletions:
            since = min(d["end"] for d in deletions)
            yield Finding(
                upload_id, _sighting(facts, upload_id, since) or _remains(facts, upload_id)
            )


def _sighting(facts: Facts, upload_id: str, deleted: float) -> str | None:
    """Return how an upload was seen after its DELETE was answered."""
    since = deleted + facts.limits.staleness
    for read in facts.reads(upload_id):
        if read["start"] > since and read["status"] != "not_found":
            return f"deleted, and later its status is {read['status']}"
    for read in chain(facts.calls("view", upload_id), facts.calls("download", upload_id)):
        if read["start"] > since and read["code"] == _OK:
            return f"deleted, and later /{read['op']} answers 200"
    for listing in facts.lines("list"):
        if listing["start"] > since and upload_id in listing["ids"]:
            return f"deleted, and in a later listing of {listing['of']}"
    known: set[str] = set()
    for image in facts.objects("AvailableImage", upload_id):
        if image["time"] <= deleted + facts.limits.lag:
            known.add(image["uid"])
        elif image.get("ready") and image["uid"] not in known:
            return "deleted, and later an AvailableImage of it appears"
    return None


def _remains(facts: Facts, upload_id: str) -> str | None:
    """Return what is left of a deleted upload at rest."""
    if facts.rest is None:
        return None
    if upload_id in facts.resting_uploads or upload_id in facts.resting_images:
        return "deleted, and at rest its resource is there"
    left = [key for key in facts.rest["bucket"] if _owner(key) == upload_id]
    return f"deleted, and at rest its object {left[0]} is there" if left else None


def clean_rest(facts: Facts) -> Iterator[Finding]:
    """I10 At rest: bucket keys = AvailableImages; Jobs, pods, incoming, work = empty.

    No finalizer left; nothing without its CR; no AvailableImage that is not confirmed. A failed
    upload keeps its original, and its Jobs and Pods until Kubernetes removes them, for as long as
    it is kept. What has not ended is I1's and I6's, what is left of a deleted upload is I9's.
    """
    rest = facts.rest
    if rest is None:
        return
    named = {key for image in rest["images"] if image["ready"] for key in image["keys"]}
    forgotten = _forgotten(facts, rest)
    for key in sorted(named | set(rest["bucket"])):
        if key not in forgotten:
            yield Finding(_owner(key), _misplaced(facts, rest, key, named))
    for image in rest["images"]:
        is_elsewhere = image["id"] in facts.accepted.keys() - facts.resting_uploads.keys()
        if not image["ready"] and not is_elsewhere:
            yield Finding(image["id"], "at rest its AvailableImage is not confirmed")
    for kind in ("jobs", "pods"):
        for name in rest[kind]:
            yield Finding(None, None if _is_kept(name, facts) else f"at rest {name} is in {kind}")
    for name in rest["finalizers"]:
        yield Finding(None, f"at rest there is a finalizer: {name}")
    yield Finding(None)


def _forgotten(facts: Facts, rest: Line) -> set[str]:
    """Return originals that have never had a record: the sweeper removes them after a day.

    A POST that was cut before its ImageUpload was made leaves one, so there are no more than such;
    and none, once the sweeper has been there.
    """
    if rest["swept"]:
        return set()
    known = facts.accepted.keys() | facts.first_seen.keys()
    found = {
        key
        for key in rest["bucket"]
        if (owner := keys.owner(key)) and owner.is_original and owner.upload_id not in known
    }
    cut = sum(may_have_happened(post, NO_ANSWER) for post in facts.lines("upload"))
    return found if len(found) <= cut else set()


def _misplaced(facts: Facts, rest: Line, key: str, named: Iterable[str]) -> str | None:
    owner = _owner(key)
    if key in named:
        return None if key in rest["bucket"] else f"its object {key} is missing"
    if owner is not None and facts.deletions(owner):
        return None
    found = keys.owner(key)
    if found is not None and found.is_original and owner in facts.resting_uploads:
        return None
    return f"{key} is in the bucket, and no resource names it"


def _owner(key: str) -> str | None:
    found = keys.owner(key)
    return found.upload_id if found else None


def _is_kept(name: str, facts: Facts) -> bool:
    """Say whether a Job or Pod belongs to an upload that is kept."""
    return any(upload_id in name for upload_id in facts.resting_uploads)
