"""What readers see: I4, I5 and I14."""

from collections import Counter
from collections.abc import Iterator, Mapping

from tests.faults.facts import Facts, Finding
from tests.faults.history import Line

_OK = 200
_PAGE = 20
"""The items on a page, unless a client asks for more."""
_REFUSALS = range(400, 500)
State = tuple[str, str | None]


def monotone_status(facts: Facts) -> Iterator[Finding]:
    """I4 Status is monotone for each reader: pending <= processing <= one terminal state.

    Terminal never changes; no `not_found` between. Two reads are compared when the one had ended
    before the other started, whoever made them. A failed upload that a client retries may go on,
    and one that a client deletes may become `not_found`.
    """
    for upload_id in facts.accepted:
        reads = facts.reads(upload_id)
        if reads:
            yield Finding(upload_id, _unsteady(facts, upload_id, reads))


def _unsteady(facts: Facts, upload_id: str, reads: list[Line]) -> str | None:
    deleted = min((d["end"] for d in facts.deletions(upload_id)), default=float("inf"))
    for later in reads:
        now = _state(later)
        if now[0] == "not_found":
            if not facts.may_be_deleted(upload_id, later["end"]):
                return "not_found, and no client has deleted it"
            continue
        if later["start"] > deleted:
            continue  # What is seen after a DELETE is judged by I9.
        for earlier in reads:
            was = _state(earlier)
            if was in {now, ("processing", None)}:
                continue
            if earlier["end"] + facts.limits.staleness >= later["start"]:
                continue
            if was[0] == "failed" and facts.may_be_retried(
                upload_id, earlier["start"], later["end"]
            ):
                continue
            return f"{_name(was)}, and later {_name(now)}"
    return None


def _state(read: Line) -> State:
    return read["status"], read["reason"] if read["status"] == "failed" else None


def _name(state: State) -> str:
    return f"{state[0]} ({state[1]})" if state[1] else state[0]


def readable_image(facts: Facts) -> Iterator[Finding]:
    """I5 If status says available, /view and /download work at once; their bytes never change.

    A read without an answer, cut, or answered 5xx is a fault's doing, but not any more after the
    mark `drained`. All reads that came whole have one SHA-256, that of the record and of the bytes
    in the object storage at rest.
    """
    drained = facts.mark("drained")
    outputs = {line["id"]: line["sha256"] for line in facts.lines("output")}
    for upload_id in facts.accepted.keys() | facts.origins.keys() | outputs.keys():
        reads = [*facts.calls("view", upload_id), *facts.calls("download", upload_id)]
        seen_from = min(
            (r["end"] for r in facts.reads(upload_id) if r["status"] == "processed"),
            default=float("inf"),
        )
        sums = {r["sha256"] for r in reads if r["code"] == _OK and r["complete"]}
        sums |= {outputs[upload_id]} if upload_id in outputs else set()
        if sums and upload_id in facts.resting_images:
            sums.add(facts.resting_images[upload_id]["sha256"])
        if sums:
            wrong = f"its bytes have changed: {', '.join(sorted(map(str, sums)))}"
            yield Finding(upload_id, wrong if len(sums) > 1 else None)
        for read in reads:
            if read["start"] < seen_from + facts.limits.staleness:
                continue
            if facts.may_be_deleted(upload_id, read["end"]):
                continue
            settled = drained is not None and read["start"] > drained
            if read["code"] in _REFUSALS or (settled and read["code"] != _OK):
                wrong = f"processed, but /{read['op']} answers {read['code']}"
                yield Finding(upload_id, wrong)
            elif settled and not read["complete"]:
                yield Finding(upload_id, f"processed, but /{read['op']} is cut short")
            elif read["code"] == _OK:
                yield Finding(upload_id)


def stable_lists(facts: Facts) -> Iterator[Finding]:
    """I14 Lists: an item seen is seen in all later complete listings until deleted.

    Paging neither skips nor repeats stable items. An image is seen by a list or by a status
    `processed`. An upload must be listed if a status read after the listing says that it is still
    there. Pages are counted from the newest item: what comes or goes while a listing is read may
    repeat or hide an item. So a listing of several `pages` (where the line does not say: of at
    least 20 items) is refused only if an observer saw no change of that kind about then.
    """
    images = _first_seen_images(facts)
    for listing in facts.lines("list"):
        if listing["code"] != _OK:
            continue
        of = listing["of"]
        counts: Counter[str] = Counter(listing["ids"])
        wrong = [(name, f"a listing of {of} repeats it") for name in counts if counts[name] > 1]
        missing = sorted(_expected(facts, listing, images) - counts.keys())
        wrong += [(name, f"a listing of {of} leaves it out") for name in missing]
        if wrong and not _may_have_shifted(facts, listing):
            yield Finding(*wrong[0])
        else:
            yield Finding(None)


def _first_seen_images(facts: Facts) -> dict[str, float]:
    """Return when a list or a status first showed each image."""
    seen: list[tuple[str, float]] = [
        (name, listing["end"])
        for listing in facts.lines("list")
        if listing["of"] == "images"
        for name in listing["ids"]
    ]
    seen += [(r["id"], r["end"]) for r in facts.lines("status") if r["status"] == "processed"]
    found: dict[str, float] = {}
    for name, time in seen:
        found[name] = min(time, found.get(name, time))
    return found


def _expected(facts: Facts, listing: Line, images: Mapping[str, float]) -> set[str]:
    """Return the ids that must be in a listing."""
    start = listing["start"] - facts.limits.staleness
    if listing["of"] == "images":
        seen = {name for name, time in images.items() if time < start}
    else:
        seen = {
            name
            for name, post in facts.accepted.items()
            if post["end"] < start
            and _is_upload_after(facts, name, listing["end"])
            and images.get(name, listing["end"]) >= listing["end"]
        }
    return {name for name in seen if not facts.may_be_deleted(name, listing["end"])}


def _is_upload_after(facts: Facts, upload_id: str, time: float) -> bool:
    return any(
        read["status"] in {"processing", "failed"} and read["start"] > time + facts.limits.staleness
        for read in facts.reads(upload_id)
    )


def _may_have_shifted(facts: Facts, listing: Line) -> bool:
    """Say whether an item may have come or gone between two pages of a listing."""
    if listing.get("pages", len(listing["ids"]) // _PAGE + 1) == 1:
        return False
    kind = {"images": "AvailableImage", "uploads": "ImageUpload"}[listing["of"]]
    changes = [line["time"] for line in facts.lines("object") if line["kind"] == kind]
    lag = facts.limits.lag
    return not changes or any(
        listing["start"] - lag <= time <= listing["end"] + lag for time in changes
    )
