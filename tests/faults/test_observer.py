"""The observer against a real control plane, while a real operator works."""

import asyncio
from dataclasses import replace
from pathlib import Path

from safelight_contract import keys, policy
from safelight_contract.env import ObjectStoreSettings
from safelight_local.cluster import Cluster
from tests.faults.access import Access, administrator
from tests.faults.calls import Call
from tests.faults.checker import judge
from tests.faults.exchange import Server
from tests.faults.history import Line, Recorder, read
from tests.faults.observer import KINDS, Observer, observing
from tests.faults.proxy import Proxy
from tests.faults.rest import at_rest
from tests.faults.rules import Fault, Rule
from tests.operator.conftest import Started
from tests.operator.making import PROCESSOR
from tests.operator.playing import Stage, eventually
from tests.operator.processing import run_processor


def changes(history: list[Line], kind: str) -> list[Line]:
    return [line for line in history if line["op"] == "object" and line["kind"] == kind]


async def test_an_upload_is_seen_from_its_start_to_its_rest(
    kubernetes: Cluster,
    stage: Stage,
    started: Started,
    recorder: Recorder,
    object_storage: ObjectStoreSettings,
) -> None:
    secret = {"the key of the storage": object_storage.secret_access_key}
    async with started():
        with observing(kubernetes, stage.kubernetes.namespace, recorder, PROCESSOR.image):
            recorder.write("mark", name="start")
            upload_id = await stage.post()
            assert await run_processor(await stage.request(upload_id)) == 0
            stored = [keys.image(upload_id, 1, policy.JPEG), keys.manifest(upload_id, 1)]
            await stage.until_settled(upload_id, stored)
            bad = await stage.post(b"\xff\xd8\xff no picture")
            await stage.pod(bad)
            await stage.end(bad, code=11)
            await stage.until(bad, "CorruptImage")
            await eventually(
                lambda: _read(recorder),
                lambda history: changes(history, "ImageUpload")[-1]["state"] == "CorruptImage",
            )
    async with Access(administrator(kubernetes.kubeconfig), stage.kubernetes.namespace) as access:
        await at_rest(access, stage.bucket, recorder, secrets=secret, texts={"log": ["a line"]})

    history = read(recorder.path)
    uploads = [u for u in changes(history, "ImageUpload") if u["name"] == upload_id]
    assert (uploads[0]["event"], uploads[0]["state"]) == ("ADDED", None)
    assert {"Running", "Publishing"} <= {u["state"] for u in uploads}
    assert uploads[-1]["event"] == "DELETED"
    images = changes(history, "AvailableImage")
    assert [(i["event"], i["ready"]) for i in images] == [("ADDED", False), ("MODIFIED", True)]
    assert {i["upload_uid"] for i in images} == {uploads[0]["uid"]}
    assert {j["upload_id"]: j["attempt"] for j in changes(history, "Job")} == {upload_id: 1, bad: 1}
    assert {p["upload_id"]: p["privileged"] for p in changes(history, "Pod")} == {
        upload_id: [],
        bad: [],
    }
    failed = changes(history, "ImageUpload")[-1]
    assert (failed["name"], failed["failed"], failed["attempt"]) == (bad, True, 1)

    rest = next(line for line in history if line["op"] == "rest")
    original = keys.original(bad, policy.JPEG)
    assert sorted(rest["bucket"]) == sorted([*stored, original])
    assert [i["keys"] for i in rest["images"]] == [stored]
    assert [(u["id"], u["state"], u["failed"]) for u in rest["uploads"]] == [
        (bad, "CorruptImage", True)
    ]
    (output,) = (line for line in history if line["op"] == "output")
    assert (output["id"], output["decodes"], output["metadata"]) == (upload_id, True, [])
    assert (output["width"], output["height"]) == (64, 48)
    assert {s["where"]: s["found"] for s in history if s["op"] == "secrets"} == {
        "object": [],
        "event": [],
        "log": [],
    }
    judged = {v.invariant: v for v in judge(history)}
    assert all(judged[name].judged for name in ("I10", "I11", "I16", "I17"))
    # Nobody has posted them through an API.
    assert {v.upload_id for v in judged.pop("I3").violations} == {upload_id, bad}
    assert not [v for verdict in judged.values() for v in verdict.violations]


async def _read(recorder: Recorder) -> list[Line]:
    return read(recorder.path)


async def test_what_went_in_a_gap_of_the_watch_is_noticed(  # noqa: PLR0917 - fixtures
    kubernetes: Cluster,
    stage: Stage,
    recorder: Recorder,
    api_server: Server,
    pki: Path,
    tmp_path: Path,
) -> None:
    gone, new = await stage.post(), ""

    async def change(_: Call) -> None:
        nonlocal new
        await stage.kubernetes.delete("imageuploads", gone)
        new = await stage.post()

    with Recorder(tmp_path / "calls") as calls:
        async with Proxy(calls) as proxy:

            async def watches() -> int:
                return len(proxy.watches)

            url = await proxy.listen("observer", api_server, pki)
            cluster = replace(kubernetes, url=url, ca_file=pki / "ca.crt")
            observer = Observer(cluster, stage.kubernetes.namespace, recorder, None)
            running = asyncio.create_task(observer.run())
            await eventually(watches, lambda count: count == len(KINDS))
            expired = Rule("observer", "WATCH", "imageuploads", 2, Fault.EXPIRED, before=change)
            proxy.rules.add(expired)
            proxy.end_watches("observer")
            await eventually(lambda: _read(recorder), lambda history: len(history) == 3)
            observer.stop()
            await running
    first, *others = [(u["event"], u["name"]) for u in read(recorder.path)]
    assert first == ("ADDED", gone)
    assert sorted(others) == [("ADDED", new), ("DELETED", gone)]
