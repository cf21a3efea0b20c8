"""How uploads end: I1, I2, I3 and I6."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.faults.facts import CREATED, Facts, Finding


def nothing_lost(facts: Facts) -> Iterator[Finding]:
    """I1 Nothing lost: every 201 ends as exactly one of AvailableImage, Failed, or Deleted.

    Judged at rest. That it is not two of them is I2 and I9; that it has ended at all is I6. Runs
    are shorter than the retention of failed uploads.
    """
    if facts.rest is None:
        return
    for upload_id in facts.accepted:
        image = facts.resting_images.get(upload_id)
        is_there = upload_id in facts.resting_uploads or (image is not None and image["ready"])
        is_lost = not is_there and not facts.may_be_deleted(upload_id, facts.rest["time"])
        yield Finding(upload_id, "answered 201, and at rest it is nowhere" if is_lost else None)


def nothing_twice(facts: Facts) -> Iterator[Finding]:
    """I2 Nothing twice: never two AvailableImages for one upload; never AvailableImage and Failed.

    Ids are never reused. An image that comes back after a DELETE is I9's; an upload that fails and
    is retried by a client may have an image afterwards.
    """
    posts = Counter(post["id"] for post in facts.lines("upload") if post["code"] == CREATED)
    images: dict[str, set[str]] = defaultdict(set)
    for line in facts.lines("object"):
        if line.get("ready"):
            images[line["upload_uid"]].add(line["name"])
    for upload_id in facts.accepted.keys() | facts.origins.keys():
        uploads = facts.objects("ImageUpload", upload_id)
        uids = {line["uid"] for line in uploads}
        ready = [i for i in facts.objects("AvailableImage", upload_id) if i.get("ready")]
        names = {name for uid in uids for name in images[uid]}
        wrong = None
        if posts[upload_id] > 1:
            wrong = "two POSTs were answered with this id"
        elif len(uids) > 1:
            wrong = f"the id has had two ImageUploads: {', '.join(sorted(uids))}"
        elif len(names) > 1:
            wrong = f"two AvailableImages came of it: {', '.join(sorted(names))}"
        elif len({i["uid"] for i in ready}) > 1 and not facts.deletions(upload_id):
            wrong = "its AvailableImage was made twice"
        elif _is_both(facts, upload_id):
            wrong = "it is an AvailableImage, and it has failed"
        yield Finding(upload_id, wrong)


def _is_both(facts: Facts, upload_id: str) -> bool:
    """Say whether one and the same ImageUpload was replaced by an image and has failed."""
    image, upload = facts.resting_images.get(upload_id), facts.resting_uploads.get(upload_id)
    if image and upload and (image["ready"], image["upload_uid"]) == (True, upload["uid"]):
        return bool(upload["failed"])
    return any(
        image["upload_uid"] == upload["uid"]
        and not (
            upload["time"] < image["time"]
            and facts.may_be_retried(upload_id, upload["time"], image["time"])
        )
        for image in facts.objects("AvailableImage", upload_id)
        if image.get("ready")
        for upload in facts.objects("ImageUpload", upload_id)
        if upload.get("failed") and upload["event"] != "DELETED"
    )


def nothing_from_nowhere(facts: Facts) -> Iterator[Finding]:
    """I3 Nothing from nowhere: no AvailableImage without an attempted POST.

    The same for ImageUploads. An unanswered POST (time-out, 5xx) may give 0 or 1 of them; a POST
    that was refused gives none, but that is I13's.
    """
    for upload_id, seen in facts.first_seen.items():
        if upload_id in facts.older:
            continue
        wrong = None
        post = facts.accepted.get(upload_id)
        if post is None and facts.origins[upload_id] is None:
            wrong = "nobody has posted it"
        elif post is not None and seen < post["start"]:
            wrong = "it was there before it was posted"
        yield Finding(upload_id, wrong)


def bounded_end(facts: Facts) -> Iterator[Finding]:
    """I6 Bounded end: with faults over, every upload is terminal within D.

    Nothing stays `processing`. D is `Limits.bound`, counted from the mark `faults-over`, from the
    201, or from a client's retry, whichever is last. A run takes its rest when all have ended or D
    is over: an upload that is still under way at rest has no end.
    """
    for upload_id, upload in facts.resting_uploads.items():
        wrong = None if upload["failed"] else f"at rest it is still {upload['state']}"
        yield Finding(upload_id, wrong)
    over = facts.mark("faults-over")
    if over is None:
        return
    for upload_id, post in facts.accepted.items():
        latest = max([over, post["end"], *(r["end"] for r in facts.calls("retry", upload_id))])
        due = latest + facts.limits.bound
        late = [
            read["start"]
            for read in facts.reads(upload_id)
            if read["status"] == "processing" and read["start"] > due
        ]
        wrong = f"still processing {late[0] - due:.0f} s after it was due" if late else None
        yield Finding(upload_id, wrong)
