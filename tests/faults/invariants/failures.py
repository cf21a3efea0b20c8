"""What failures say and cost: I7, I8, I13 and I15."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from statistics import quantiles
from typing import Final

from safelight_contract.resources import Failure
from tests.faults.facts import Facts, Finding

BAD_IMAGE: Final = frozenset(
    {Failure.UNSUPPORTED_FORMAT, Failure.CORRUPT_IMAGE, Failure.IMAGE_TOO_LARGE},
)
BAD_SOURCE: Final = frozenset({Failure.SOURCE_MISSING, Failure.CHECKSUM_MISMATCH})
PERMANENT: Final = BAD_IMAGE | BAD_SOURCE
"""Reasons that are never tried again."""
ENOUGH: Final = 20
"""A percentile of fewer uploads says nothing."""
SLOWDOWN: Final = 2


def true_reason(facts: Facts) -> Iterator[Finding]:
    """I7 Failed carries a reason from a closed list.

    A transient fault (storage or API down, eviction) never becomes "bad image": a file that was
    sent as `ok` fails only with another reason, and only after something was done to the system.
    A file that was sent as `fail` never becomes an image. A missing or changed original is I13's,
    and a failure of a good file beside bad ones, without any fault, I15's.
    """
    for upload_id in facts.accepted.keys() | facts.origins.keys():
        post = facts.accepted.get(upload_id)
        expected = post["expected"] if post else "either"
        for reason, time in facts.failures(upload_id).items():
            yield Finding(upload_id, _untrue(facts, reason, time, expected))
        if expected == "fail":
            is_image = facts.available_from(upload_id) is not None
            yield Finding(upload_id, "a bad file has become an image" if is_image else None)


def _untrue(facts: Facts, reason: str | None, time: float, expected: str) -> str | None:
    if reason not in list(Failure):
        return f"it failed with the reason {reason!r}, which is not in the list"
    if expected != "ok" or reason in BAD_SOURCE:
        return None
    if reason in BAD_IMAGE or reason == Failure.ID_CONFLICT:
        return f"a good file failed as {reason}"
    if facts.is_faulty(time) or _is_beside_bad_ones(facts):
        return None
    return f"it failed as {reason}, and nothing was done to the system before"


def _is_beside_bad_ones(facts: Facts) -> bool:
    return any(post["expected"] != "ok" for post in facts.accepted.values())


def one_decode(facts: Facts) -> Iterator[Finding]:
    """I8 A bad image costs at most one decode (plus disruption retries); attempts are counted.

    Judged where an observer saw Jobs: an upload that failed for a reason that is never tried again
    had one Job and one Pod, and one more for each retry by a client. After a fault, attempts that
    failed for another reason may have come before it, `Limits.attempts` in all. The last status
    of every failed upload counts as many attempts as Jobs were seen.
    """
    for upload_id in facts.accepted.keys() | facts.origins.keys():
        jobs = {line["name"] for line in facts.objects("Job", upload_id)}
        pods = {line["uid"] for line in facts.objects("Pod", upload_id)}
        failures = facts.failures(upload_id)
        if not jobs or not failures:
            continue
        rounds = 1 + facts.retries(upload_id)
        is_faulty = facts.is_faulty(max(failures.values()))
        allowed = rounds * (facts.limits.attempts if is_faulty else 1)
        wrong = _miscounted(facts, upload_id)
        if failures.keys() <= PERMANENT and len(jobs) > allowed:
            wrong = f"a bad file cost {len(jobs)} Jobs, at most {allowed} are allowed"
        elif failures.keys() <= PERMANENT and not is_faulty and len(pods) > allowed:
            wrong = f"a bad file cost {len(pods)} Pods, at most {allowed} are allowed"
        yield Finding(upload_id, wrong)


def _miscounted(facts: Facts, upload_id: str) -> str | None:
    uploads = facts.objects("ImageUpload", upload_id)
    if not uploads or uploads[-1]["event"] == "DELETED" or not uploads[-1].get("failed"):
        return None
    uid, counted = uploads[-1]["uid"], uploads[-1].get("attempt")
    seen = {j["attempt"] for j in facts.objects("Job", upload_id) if j.get("upload_uid") == uid}
    if counted == max(seen, default=counted):
        return None
    return f"its status counts {counted} attempts, and there was attempt {max(seen)}"


def durable_answer(facts: Facts) -> Iterator[Finding]:
    """I13 201 is sent only after bytes (with checksum) and the CR are durable.

    4xx leaves nothing behind. The history tells: no file that was sent as `ok` fails because its
    original is missing or another one; every id of a 201 is seen by an observer that saw something
    later than the 201, unless its client deletes it; and no more unknown ids turn up than there
    were POSTs without an answer. Whether a PUT was flushed to a disk it does not tell.
    """
    watched_until = max((line["time"] for line in facts.lines("object")), default=0)
    for upload_id, post in facts.accepted.items():
        reasons = sorted(BAD_SOURCE & facts.failures(upload_id).keys())
        wrong = None
        if reasons and post["expected"] == "ok":
            wrong = f"answered 201, and then failed as {reasons[0]}"
        elif (
            post["end"] + facts.limits.lag < watched_until
            and upload_id not in facts.first_seen
            and not facts.may_be_deleted(upload_id, watched_until)
        ):
            wrong = "answered 201, and no resource was ever seen"
        yield Finding(upload_id, wrong)
    for upload_id, origin in facts.origins.items():
        yield Finding(upload_id, "a refused POST has left it" if origin == "refused" else None)


def isolation(facts: Facts) -> Iterator[Finding]:
    """I15 One tenant's or one image's fault never fails another's (isolation).

    p95 of good uploads under a poison stream stays under 2x. Judged only in a history without
    faults: beside files that are bad, no good one fails; and where at least 20 good uploads were
    under way beside a bad one and at least 20 were not, the two 95th percentiles of the time from
    the POST to the first status `processed` are compared.
    """
    if facts.lines("fault") or not _is_beside_bad_ones(facts):
        return
    for upload_id, post in facts.accepted.items():
        if post["expected"] == "ok":
            reasons = sorted(map(str, facts.failures(upload_id).keys() - PERMANENT))
            wrong = f"beside bad files a good one failed as {reasons[0]}" if reasons else None
            yield Finding(upload_id, wrong)
    beside, alone = _durations(facts)
    if min(len(beside), len(alone)) >= ENOUGH:
        slow, usual = (quantiles(times, n=20)[-1] for times in (beside, alone))
        wrong = f"beside bad files p95 is {slow:.1f} s, without them {usual:.1f} s"
        yield Finding(None, wrong if slow > SLOWDOWN * usual else None)


def _durations(facts: Facts) -> tuple[list[float], list[float]]:
    """Return how long good uploads took beside a bad one, and how long those without one."""
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for upload_id, post in facts.accepted.items():
        ended = [r for r in facts.reads(upload_id) if r["status"] != "processing"]
        if ended:
            spans[post["expected"]].append((post["start"], ended[0]["end"]))
    bad = list(chain(spans["fail"], spans["either"]))
    groups: tuple[list[float], list[float]] = ([], [])
    for start, end in spans["ok"]:
        is_beside = any(start < bad_end and bad_start < end for bad_start, bad_end in bad)
        groups[not is_beside].append(end - start)
    return groups
