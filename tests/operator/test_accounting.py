"""The counters of the operator add up: nothing is counted twice, and nothing is left out."""

from collections import Counter

from prometheus_client import REGISTRY

from safelight_contract.resources import ANNOTATION_RETRY, IMAGE_UPLOAD
from tests.operator.conftest import Started
from tests.operator.playing import Stage, eventually

UPLOADS = "safelight_uploads_total"


def counted() -> Counter[str]:
    """Return how many uploads have ended, by result, and how many were retried."""
    found: Counter[str] = Counter()
    for metric in REGISTRY.collect():
        for sample in metric.samples:
            if sample.name == UPLOADS:
                found[sample.labels["result"]] += int(sample.value)
            elif sample.name == "safelight_uploads_retried_total":
                found["retried"] += int(sample.value)
    return found


async def since(before: Counter[str]) -> Counter[str]:
    return counted() - before


async def fail(stage: Stage, upload_id: str, attempt: int = 1) -> None:
    await stage.job(upload_id, attempt)
    await stage.end(upload_id, attempt, code=11)
    await stage.until(upload_id, "CorruptImage")


async def test_what_was_accepted_is_available_failed_deleted_or_in_flight(
    stage: Stage, started: Started
) -> None:
    before = counted()
    async with started() as operator:
        good, bad, again, dropped, dropped_late, waiting = [await stage.post() for _ in range(6)]
        await stage.process(good)
        await stage.until(good, "processed")
        for upload_id in (bad, again, dropped_late):
            await fail(stage, upload_id)
        annotation = {"metadata": {"annotations": {ANNOTATION_RETRY: "1"}}}
        await stage.kubernetes.patch(IMAGE_UPLOAD.plural, again, annotation)
        await stage.process(again, 2)
        await stage.until(again, "processed")
        await stage.job(dropped)
        for upload_id in (dropped, dropped_late):
            await stage.kubernetes.delete(IMAGE_UPLOAD.plural, upload_id)
            await stage.until_settled(upload_id, [])
        await stage.job(waiting)
        ended = await eventually(lambda: since(before), lambda seen: seen["deleted"] == 1)
        assert ended == {"available": 2, "failed": 3, "retried": 1, "deleted": 1}
        operator.measure()
        present = {
            state: REGISTRY.get_sample_value("safelight_uploads_present", {"state": state})
            for state in ("Running", "CorruptImage")
        }
        assert present == {"Running": 1, "CorruptImage": 1}
    # 6 accepted + 1 retried = 2 available + 3 failed + 1 deleted + 1 in flight.
    async with started():
        await stage.process(waiting, hint=True)
        await stage.until(waiting, "processed")
        await stage.kubernetes.delete("availableimages", good)
        await stage.until_settled(good, [])
        assert (await since(before)) == {"available": 3, "failed": 3, "retried": 1, "deleted": 1}


async def test_every_phase_is_measured_once(stage: Stage, started: Started) -> None:
    async def counts() -> list[float]:
        name = "safelight_upload_phase_seconds_count"
        phases = ("queue", "process", "publish", "total")
        return [REGISTRY.get_sample_value(name, {"phase": phase}) or 0 for phase in phases]

    before = await counts()
    async with started():
        upload_id = await stage.post()
        await stage.process(upload_id)
        await stage.until(upload_id, "processed")
        await eventually(counts, lambda now: now == [count + 1 for count in before])
