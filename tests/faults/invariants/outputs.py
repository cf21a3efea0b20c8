"""What the images are, and what else was put out: I11, I12, I16 and I17."""

from collections import defaultdict
from collections.abc import Iterator

from safelight_contract import policy
from tests.faults.facts import Facts, Finding
from tests.faults.history import Line


def sound_output(facts: Facts) -> Iterator[Finding]:
    """I11 Output: decodes whole, fits the box, no metadata, type = declared type.

    Orientation normal: that is metadata too. Judged for every image that is there at rest, and for
    each of its variants. That the aspect is kept within 1 px is proven by the processor's own
    tests: a history does not know the sizes of originals.
    """
    for output in facts.lines("output"):
        yield Finding(output["id"], _unsound(output))
    for variant in facts.lines("variant"):
        wrong = _unsound(variant)
        yield Finding(variant["id"], f"{variant['key']}: {wrong}" if wrong else None)


def _unsound(output: Line) -> str | None:
    if not output["decodes"]:
        return "the image cannot be decoded whole"
    width, height = output["width"], output["height"]
    if not (0 < width <= policy.MAX_WIDTH and 0 < height <= policy.MAX_HEIGHT):
        return f"{width} x {height} pixels are beyond the box"
    if output["metadata"]:
        return f"it has metadata: {', '.join(output['metadata'])}"
    if output["media_type"] not in {known.media_type for known in policy.OUTPUTS}:
        return f"it is {output['media_type']}"
    for field, declared in output.get("declared", {}).items():
        if output[field] != declared:
            return f"its {field} is {output[field]}, and {declared} in the record"
    return None


def same_output(facts: Facts) -> Iterator[Finding]:
    """I12 Same input and settings give the same pixels and size, whichever attempt won.

    Judged by the bytes of images whose originals had the same SHA-256, at rest: the same bytes are
    the same pixels.
    """
    outputs: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for output in facts.lines("output"):
        post = facts.accepted.get(output["id"])
        if post is not None:
            outputs[post["sha256"]][output["sha256"]].append(output["id"])
    for source, sums in outputs.items():
        ids = [name for names in sums.values() for name in names]
        if len(ids) > 1:
            wrong = f"{len(ids)} uploads of {source} gave {len(sums)} different images"
            yield Finding(min(sums.values(), key=len)[0], wrong if len(sums) > 1 else None)


def no_secrets(facts: Facts) -> Iterator[Finding]:
    """I16 No secret (token, key, signed query) in logs, events, CR fields, Job labels or answers.

    Judged by what a search for the known secrets and for signed queries has found, see
    `tests.faults.rest`. The one place where signed queries belong is a Job's request.
    """
    for search in facts.lines("secrets"):
        found = ", ".join(search["found"])
        yield Finding(None, f"a secret in a {search['where']}: {found}" if found else None)


def restricted_pods(facts: Facts) -> Iterator[Finding]:
    """I17 Pods are restricted-PSS, have no API token and the pinned image: always.

    Checked by a watcher during the whole run: one fact for each Pod that it saw.
    """
    privileges: dict[str, tuple[str | None, set[str]]] = {}
    for line in facts.lines("object"):
        if "privileged" in line:
            _, found = privileges.setdefault(line["uid"], (line.get("upload_id"), set()))
            found.update(line["privileged"])
    for upload_id, found in privileges.values():
        yield Finding(upload_id, f"its Pod has: {', '.join(sorted(found))}" if found else None)
